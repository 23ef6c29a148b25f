"""What `sorry:` of the spec takes and refuses; its text goes into HTML, headers and nginx's configuration."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from lvsctl.spec.sorry import Sorry

CERTIFICATE = {"certificate": "/etc/ssl/site.crt", "key": "/etc/ssl/private/site.key"}


def sorry(**keywords: Any) -> Sorry:
    return Sorry.model_validate(keywords)


def test_nothing_needs_to_be_said() -> None:
    assert sorry() == Sorry(port=8503, retry_after=120, language="en")


def test_everything_can_be_said() -> None:
    stated = sorry(
        port="8503",
        smtp_port="8525",
        retry_after="60",
        certificates=[CERTIFICATE | {"names": ["example.org", "*.example.org", "xn--bcher-kva.example"]}],
        name='The "Shop" & sons',
        message="One.\nTwo — it's 5 < 6.\n",
        expected_end="2026-11-21T18:00+01:00",
        contact="help@example.org",
        language="pt-BR",
        direction="ltr",
        texts={"title": "Já voltamos", "again": "De novo"},
        page="/etc/lvsctl/sorry.html.j2",
    )
    assert stated.message == "One.\nTwo — it's 5 < 6."
    assert stated.expected_end == datetime(2026, 11, 21, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    "typed", ["2026-11-21T17:00Z", "2026-11-21 17:00:00Z", "2026-11-21T18:00+01:00", "2026-11-21T12:00-05:00"]
)
def test_a_time_means_the_same_everywhere(typed: str) -> None:
    assert sorry(expected_end=typed).expected_end == datetime(2026, 11, 21, 17, tzinfo=UTC)


REFUSED: dict[str, dict[str, Any]] = {
    "a time without a zone": {"expected_end": "2026-11-21T18:00"},
    "a day that is none": {"expected_end": "2026-02-30T18:00Z"},
    "a time of day alone": {"expected_end": "18:00"},
    "a zone beyond a day": {"expected_end": "2026-02-20T18:00+99:00"},
    "a time before all time": {"expected_end": "0001-01-01T00:00+14:00"},
    "no name": {"name": ""},
    "a name of blanks": {"name": "   "},
    "a name of two lines": {"name": "a\nb"},
    "a header in a contact": {"contact": "a\r\nSet-Cookie: x"},
    "a terminal's command": {"message": "\x1b[2J"},
    "a NUL": {"message": "a\0b"},
    "text that turns around what follows": {"name": "a\u202eb"},
    "an isolate that never ends": {"contact": "a\u2067b"},
    "half a character": {"name": "a\ud800"},
    "a message without end": {"message": "x" * 1001},
    "a message of many lines": {"message": "x\n" * 30},
    "no language": {"language": 'en" onload="x'},
    "a direction of its own": {"direction": "ttb"},
    "a page elsewhere": {"page": "sorry.html"},
    "a page with a variable": {"page": "/a$b"},
    "a certificate without key": {"certificates": [{"certificate": "/a"}]},
    "a certificate that ends the statement": {"certificates": [CERTIFICATE | {"key": "/a;b"}]},
    "a host that is a pattern": {"certificates": [CERTIFICATE | {"names": ["~^.*$"]}]},
    "a host with a path": {"certificates": [CERTIFICATE | {"names": ["a.example/b"]}]},
    "another status": {"status": "200"},
    "come back never": {"retry_after": "0"},
    "a list of names": {"name": ["a"]},
}


@pytest.mark.parametrize("keywords", REFUSED.values(), ids=REFUSED)
def test_it_refuses(keywords: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"expected|required|cannot be written"):
        sorry(**keywords)


def test_two_certificates_are_not_for_one_host() -> None:
    named = CERTIFICATE | {"names": ["Example.org"]}
    with pytest.raises(ValidationError, match=r"two certificates are for 'example\.org'"):
        sorry(certificates=[named, CERTIFICATE | {"names": ["example.ORG"]}])


def test_mail_servers_have_a_port_of_their_own() -> None:
    with pytest.raises(ValidationError, match="cannot be the same"):
        sorry(smtp_port="8503")


def test_a_language_without_words_needs_all_of_them() -> None:
    texts = dict.fromkeys(("title", "expected_end", "contact", "again", "reload"), "words")
    assert sorry(language="cy", message="words", texts=texts).language == "cy"
    with pytest.raises(ValidationError, match=r"no words of its own in 'cy'.*missing: message, reload"):
        sorry(language="cy", texts={name: text for name, text in texts.items() if name != "reload"})
    with pytest.raises(ValidationError, match="missing: again, contact"):
        sorry(language="cy", message="words")


def test_joiners_that_scripts_need_are_text() -> None:
    assert sorry(name="می‌خواهم").name == "می‌خواهم"
