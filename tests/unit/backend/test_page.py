"""The page's bytes: what is in each form, what its policy allows, and what a hostile word or template cannot do."""

import json
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from lvsctl.backend.languages import LANGUAGES, RIGHT_TO_LEFT
from lvsctl.backend.load import pages_of
from lvsctl.backend.negotiate import kind
from lvsctl.backend.page import MAX_HTML, PageInvalid, link, pages, policy
from lvsctl.backend.words import Words, words_of
from lvsctl.errors import Unavailable
from lvsctl.spec import sorry as spec
from lvsctl.spec.sorry import Sorry

END = datetime(2026, 11, 21, 18, tzinfo=timezone(timedelta(hours=1)))
FULL = Words(retry_after=60, name="Shop", message="Moving.", expected_end=END, contact="help@example.org")
TEMPLATE = Path(__file__).parents[3] / "templates/sorry.html.j2"


def test_the_page_is_one_small_file_that_names_no_other() -> None:
    html = pages(FULL).html.decode()
    assert len(html) < 10_000
    assert re.findall(r'(?:src|href)="([^"]*)"', html) == ["data:,", "mailto:help@example.org", ""]
    assert "url(" not in html
    assert "@import" not in html


def test_robots_are_not_told_to_forget_the_site() -> None:
    assert "noindex" not in pages(FULL).html.decode()


def test_json_says_everything_in_ascii() -> None:
    made = pages(Words(message="Grüße", retry_after=60, expected_end=END, contact="+49 30 1")).json
    assert made.isascii()
    assert json.loads(made) == {
        "error": "service_unavailable",
        "status": 503,
        "retry_after": 60,
        "message": "Grüße",
        "expected_end": "2026-11-21T18:00:00+01:00",
        "contact": "+49 30 1",
    }


def test_json_leaves_out_what_is_not_said() -> None:
    assert set(json.loads(pages(Words()).json)) == {"error", "status", "retry_after", "message"}


def test_text_says_everything() -> None:
    assert pages(FULL).text.decode() == (
        "Shop: We will be right back\nMoving.\nExpected end: 2026-11-21 18:00 UTC+01:00\nContact: help@example.org\n"
    )


@pytest.mark.parametrize(
    ("offset", "shown"), [(0, "UTC"), (-210, "UTC-03:30"), (345, "UTC+05:45"), (60, "UTC+01:00")]
)
def test_a_time_names_its_zone(offset: int, shown: str) -> None:
    end = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(minutes=offset)))
    assert f"2026-01-02 03:04 {shown}\n" in pages(Words(expected_end=end)).text.decode()


def test_an_end_that_has_passed_is_not_said() -> None:
    assert FULL.at(END - timedelta(seconds=1)) == FULL
    assert FULL.at(END.astimezone(UTC)).expected_end is None
    assert "Expected" not in pages(FULL.at(END)).text.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_all_words_and_its_direction(language: str) -> None:
    words = Words(language=f"{language}-XX")
    assert all(getattr(words.phrases, name) for name in words.phrases.__slots__)
    assert (words.direction == "rtl") == (language in RIGHT_TO_LEFT)
    assert f'<html lang="{language}-XX" dir="{words.direction}"' in pages(words).html.decode()


def test_the_spec_knows_which_languages_are_built_in() -> None:
    assert frozenset(LANGUAGES) == spec.LANGUAGES


def test_own_words_come_before_the_languages_own() -> None:
    stated = {
        "language": "de",
        "direction": "rtl",
        "message": "m",
        "texts": {"title": "t", "again": "a"},
        "retry_after": "5",
    }
    words = words_of(Sorry.model_validate(stated))
    assert (words.phrases.title, words.phrases.message, words.phrases.again) == ("t", "m", "a")
    assert words.phrases.contact == LANGUAGES["de"].contact
    assert (words.direction, words.retry_after) == ("rtl", 5)


@pytest.mark.parametrize(
    ("contact", "target"),
    [
        ("help@example.org", "mailto:help@example.org"),
        ("https://status.example.org/a?b=c", "https://status.example.org/a?b=c"),
        ("+49 (30) 1234-56", "tel:+4930123456"),
        ("the help desk, room 5", ""),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("mailto:a@example.org?bcc=b@example.org", ""),
        ("a@example.org?bcc=b@example.org", ""),
        ('https://x" onclick="y', ""),
    ],
)
def test_a_contact_links_only_to_what_it_is(contact: str, target: str) -> None:
    assert link(contact) == target


EVIL = "\"'><script>alert(1)</script><style>*{}</style>{{ 7*7 }}{% raw %}&amp;</title>-->"


def test_hostile_words_change_nothing_but_the_text() -> None:
    evil = Words(name=EVIL, message=EVIL, contact=EVIL, language='en" onload="x')
    made = pages(evil)
    html = made.html.decode()
    assert html.count("<script>") == html.count("<style>") == 1
    assert "49" not in html.split("<body>")[1].split("<svg")[0]
    assert 'onload="' not in html
    assert made.policy == pages(Words()).policy
    assert json.loads(made.json)["message"] == EVIL


def test_half_a_character_spoils_nothing() -> None:
    made = pages(Words(name="\ud800x"))
    assert b"?x" in made.html


def test_the_policy_allows_what_stands_in_the_page_by_its_hash() -> None:
    style = "p { color: red }\r\n"
    hashed = b64encode(sha256(b"p { color: red }\n").digest()).decode()
    assert f"style-src 'sha256-{hashed}';" in policy(f"<p></p><STYLE media=all>{style}</style >")
    assert "script-src" not in policy("<p>")
    assert policy("<p>").startswith("default-src 'none'; img-src data:;")


def test_the_policy_is_one_header_whatever_the_template() -> None:
    assert re.fullmatch(
        r"[a-z0-9'=+/:; A-Z-]+", pages(Words(), "<style>\n\r\n;x</style><script>y</script>").policy
    )


def test_an_own_template_has_the_words_and_is_escaped() -> None:
    own = (
        "<p lang={{ words.language }}>{{ words.name }}|{{ phrases.title }}|{{ expected_end }}|{{ link }}</p>"
    )
    made = pages(Words(name="<b>"), own)
    assert made.html.decode() == "<p lang=en>&lt;b&gt;|We will be right back|None|</p>"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("a\n{% if %}", "line 2"),
        ("{{ nothing }}", "nothing"),
        ("{% include '/etc/passwd' %}", "/etc/passwd"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for i in range(10**9) %}x{% endfor %}", "Range too big"),
        ("{{ 1 / 0 }}", "division"),
        ("{{ 'x' * 10**12 }}", "MemoryError"),
        ("{{ words.name + 1 }}", "str"),
        ("{{ [][1] }}", "undefined|no element"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "recursion"),
    ],
)
def test_a_bad_template_is_told_and_is_no_traceback(template: str, reason: str) -> None:
    with pytest.raises(PageInvalid, match=reason):
        pages(Words(), template)


def test_a_page_may_only_be_so_large() -> None:
    assert len(pages(Words(), "x" * MAX_HTML).html) == MAX_HTML
    with pytest.raises(PageInvalid, match="bytes"):
        pages(Words(), "x" * (MAX_HTML + 1))
    with pytest.raises(PageInvalid, match="bytes"):  # 100 GB if it were made
        pages(Words(), "{% for i in range(99999) %}{{ 'x' * 10**6 }}{% endfor %}")


def test_the_template_is_read_from_where_the_spec_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.html.j2"
    sorry = Sorry.model_validate({"page": str(own), "name": "Shop"})
    with pytest.raises(Unavailable, match=r"sorry\.page"):
        pages_of(sorry)
    own.write_text("<h1>{{ words.name }}</h1>")
    assert pages_of(sorry).html == b"<h1>Shop</h1>"
    own.write_text("\n")
    with pytest.raises(PageInvalid, match=r"own\.html\.j2: .*empty"):
        pages_of(sorry)
    own.write_bytes("<p>\nCafé".encode("latin-1"))
    with pytest.raises(PageInvalid, match=r"own\.html\.j2: the page's template, line 2: expected UTF-8"):
        pages_of(sorry)
    monkeypatch.setattr("lvsctl.backend.load.MOST_SECONDS", 0.2)
    own.write_text("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
    with pytest.raises(PageInvalid, match=r"own\.html\.j2: the page's template: not done after"):
        pages_of(sorry)
    own.write_text("<style>" * 20_000)  # whose ends are looked for
    with pytest.raises(PageInvalid, match=r"own\.html\.j2: not done after"):
        pages_of(sorry)
    own.write_bytes(b" " * (MAX_HTML + 1))
    with pytest.raises(Unavailable, match="longer than"):
        pages_of(sorry)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (b"", "html"),
        (b"*/*", "html"),
        (b"TEXT/HTML", "html"),
        (b"application/json", "json"),
        (b"application/json, text/html", "html"),
        (b"application/ld+json", "json"),
        (b"text/plain, */*;q=0.1", "html"),
        (b"text/plain", "text"),
        (b"image/png", "text"),
    ],
)
def test_the_form_follows_accept(accept: bytes, form: str) -> None:
    assert kind(accept) == form


def luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(each * 2 for each in colour)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_wcag_does() -> None:
    assert contrast("000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "fff") == pytest.approx(4.48, abs=0.005)


PAIRS: list[Any] = [
    *product(("text",), ("back", "glow", "card")),
    *product(("soft", "tint"), ("card",)),
    ("on-tint", "tint"),
]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), PAIRS)
def test_every_ink_can_be_read_on_its_paper(scheme: int, ink: str, paper: str) -> None:
    roots = re.findall(r":root \{(.*?)\}", TEMPLATE.read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): #([0-9a-f]+);", roots[scheme]))
    assert contrast(colours[ink], colours[paper]) >= 4.5
