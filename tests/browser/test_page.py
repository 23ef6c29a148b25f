"""The sorry page in a real browser: axe finds nothing, nothing is fetched, and it knows when it may reload."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

import pytest

from lvsctl.backend.languages import LANGUAGES
from lvsctl.backend.page import pages
from lvsctl.backend.words import Words
from tests.support.chromium import Asked, Browser, Reply, browser

SITE = "https://www.example.org/a/b?c=d#e"
HERE = SITE.partition("#")[0]

NO_ICON = b'<link rel="icon" href="data:,">'
"""What keeps a browser from asking for /favicon.ico, which the next test would take for its own."""

FULL = Words(
    name="Example Shop",
    message="We are moving to new machines.\nYour orders are safe.",
    expected_end=datetime(2026, 11, 21, 18, tzinfo=timezone(timedelta(hours=1))),
    contact="help@example.org",
)
LONG = Words(
    name="Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
    message="x" * 900 + " " + "https://example.org/" + "a" * 300,
    contact="https://status.example.org/" + "b" * 150,
    expected_end=datetime(2026, 11, 21, 18, tzinfo=UTC),
)


class Look(NamedTuple):
    """One way in which somebody sees one page."""

    words: Words
    width: int = 680
    height: int = 700
    dark: bool = False


def in_language(language: str) -> Words:
    return Words(
        name="Example Shop", contact="+49 30 1234-567", expected_end=FULL.expected_end, language=language
    )


LOOKS = {
    "light": Look(FULL),
    "dark": Look(FULL, dark=True),
    "small": Look(FULL, 320, 640),
    "right-to-left": Look(in_language("ar")),
    "right-to-left-small-dark": Look(in_language("he"), 320, 640, dark=True),
    "bare": Look(Words()),
    "long": Look(LONG, 320, 640),
    "wide": Look(FULL, 2560, 1300, dark=True),
    **{f"language-{each}": Look(in_language(each)) for each in LANGUAGES},
}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


def sorry(words: Words, template: str | None = None) -> Reply:
    made = pages(words, template)
    return Reply(
        made.html, 503, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": made.policy}
    )


def show(chromium: Browser, reply: Reply) -> None:
    chromium.site = lambda _: reply
    chromium.open(SITE)


@pytest.mark.parametrize("name", LOOKS)
def test_everybody_can_read_it_and_nothing_is_fetched(chromium: Browser, name: str) -> None:
    words, width, height, dark = LOOKS[name]
    chromium.look(width, height, dark=dark)
    show(chromium, sorry(words))
    assert chromium.asked == [Asked("GET", HERE)]
    assert [each for each in chromium.complaints if "503" not in each] == []
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    assert chromium.evaluate("getComputedStyle(document.querySelector('main')).borderRadius") == "20px"
    picture = chromium.screenshot()
    keep(name, picture)
    assert chromium.axe() == []
    chromium.evaluate("document.body.replaceChildren()")
    assert chromium.screenshot() != picture


def keep(name: str, picture: bytes) -> None:
    """Write the pictures of the documentation, when LVSCTL_IMAGES names their folder."""
    if (folder := os.environ.get("LVSCTL_IMAGES")) and not name.startswith("language-"):
        (Path(folder) / f"sorry-page-{name}.png").write_bytes(picture)


def test_a_bad_page_is_found(chromium: Browser) -> None:
    """So that the test above can fail: with every kind of fault that it is there to find."""
    bad = f"""<!doctype html><html><head><title></title>{NO_ICON.decode()}<style>p {{ color: #aaa; width: 2000px }}</style></head>
        <body><p style="color: red">grey</p><img src="https://elsewhere.example/logo.png"><a href="/"></a></body></html>"""
    chromium.look(320)
    show(chromium, sorry(Words(), bad))
    found = "\n".join(chromium.axe())
    for rule in ("document-title", "html-has-lang", "color-contrast", "image-alt", "link-name", "region"):
        assert rule in found
    assert chromium.evaluate("document.documentElement.scrollWidth") > 320
    assert [each for each in chromium.complaints if "Content Security Policy" in each], "its policy says no"
    chromium.site = lambda _: Reply(bad.encode(), 503, {"Content-Type": "text/html"})
    chromium.open(SITE)
    assert Asked("GET", "https://elsewhere.example/logo.png") in chromium.asked


def test_the_sign_swings_only_for_those_who_like_it(chromium: Browser) -> None:
    moving = "document.getAnimations().length"
    chromium.look(still=False)
    show(chromium, sorry(FULL))
    assert chromium.evaluate(moving) == 1
    chromium.look(still=True)
    assert chromium.evaluate(moving) == 0


@pytest.mark.parametrize("post", [False, True], ids=["after a GET", "after a POST"])
def test_it_asks_by_head_and_reloads_only_when_the_service_is_back(chromium: Browser, post: bool) -> None:
    heads: list[Asked] = []
    back = Reply(b"<title>shop</title>" + NO_ICON, 200, {"Content-Type": "text/html"})

    def site(asked: Asked) -> Reply:
        heads.extend([asked] if asked.method == "HEAD" else [])
        return sorry(Words(retry_after=1)) if len(heads) < 2 else back

    chromium.site = site
    chromium.open(SITE, post=post)
    chromium.wait(lambda: len(chromium.asked) == 4)
    chromium.wait(lambda: chromium.evaluate("document.title") == "shop")
    first = Asked("POST" if post else "GET", HERE)
    assert chromium.asked == [first, Asked("HEAD", HERE), Asked("HEAD", HERE), Asked("GET", HERE)]


def test_it_asks_nothing_while_nobody_looks_at_it(chromium: Browser) -> None:
    hide = "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}})"
    show(chromium, sorry(Words(retry_after=1)))
    chromium.evaluate(hide.format("true"))
    chromium.evaluate("new Promise(resolve => setTimeout(resolve, 1600))")
    assert chromium.asked == [Asked("GET", HERE)]
    chromium.evaluate(hide.format("false"))
    chromium.evaluate("document.dispatchEvent(new Event('visibilitychange')) && null")
    chromium.wait(lambda: Asked("HEAD", HERE) in chromium.asked)


def test_without_javascript_it_reloads_too(chromium: Browser) -> None:
    """Where the URL has no fragment: a refresh to the same URL with one moves within the page (HTML, "navigate")."""
    chromium.call("Emulation.setScriptExecutionDisabled", value=True)
    chromium.site = lambda _: sorry(Words(retry_after=1))
    chromium.open(HERE)
    chromium.wait(lambda: len(chromium.asked) == 3)
    chromium.call("Emulation.setScriptExecutionDisabled", value=False)
    assert set(chromium.asked) == {Asked("GET", HERE)}


def test_try_again_asks_for_the_same_url(chromium: Browser) -> None:
    show(chromium, sorry(Words()))
    assert chromium.evaluate("document.querySelector('a.again').href") == HERE
    assert (
        chromium.evaluate("document.querySelector('a.again').focus(); document.activeElement.textContent")
        == "Try again"
    )


def test_words_are_words_and_never_markup(chromium: Browser) -> None:
    chromium.look()
    evil = '"><script>document.title="owned"</script><img src=x onerror=alert(1)>{{ 7*7 }}</style><style>*{display:none}'
    words = Words(name=evil, message=evil, contact="javascript:alert(1)", language="en")
    show(chromium, sorry(words))
    assert chromium.evaluate("document.querySelector('header p').textContent") == evil
    assert chromium.evaluate("document.querySelectorAll('script, style, img').length") == 2
    assert chromium.evaluate("document.querySelectorAll('main a').length") == 1
    assert chromium.evaluate("document.title") == f"{evil} – We will be right back"
