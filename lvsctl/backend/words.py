"""What the sorry page says: the operator's own words, and the fixed ones in several languages. Pure.

Nothing here is HTML: :mod:`lvsctl.backend.page` escapes whatever stands in these fields.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvsctl.spec.sorry import Sorry


@dataclass(frozen=True, slots=True)
class Phrases:
    """The fixed words of the page in one language."""

    title: str
    """The heading."""
    message: str
    """What has happened, when the operator does not say it in own words."""
    expected_end: str
    """What stands before the time of the expected end."""
    contact: str
    """What stands before the contact."""
    again: str
    """The link that asks anew."""
    reload: str
    """That the page reloads by itself."""


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that the page, the JSON answer and the plain text say. Empty text means: not said."""

    retry_after: int = 120
    """Seconds after which clients are asked to come back."""
    name: str = ""
    """Whose service this is."""
    message: str = ""
    """What has happened, in the operator's words; the default is the language's own."""
    expected_end: datetime | None = None
    """When it is expected to be over, with its zone."""
    contact: str = ""
    """Whom to ask: a mail address, an address on the web, a telephone number, or any text."""
    language: str = "en"
    """The language of the page (BCP 47), such as ``de`` or ``pt-BR``."""
    right_to_left: bool | None = None
    """The direction of the page; None is the language's own."""
    texts: Phrases | None = None
    """The fixed words, where the operator gives others; empty ones are the language's own."""

    @property
    def phrases(self) -> Phrases:
        """The fixed words: the operator's, else the language's, else English."""
        own, built_in = self.texts, LANGUAGES.get(primary(self.language), LANGUAGES["en"])
        if own is None:
            return built_in
        return Phrases(
            **{each.name: getattr(own, each.name) or getattr(built_in, each.name) for each in fields(Phrases)}
        )

    @property
    def direction(self) -> str:
        """The page's direction as HTML says it: ``ltr`` or ``rtl``."""
        if self.right_to_left is None:
            return "rtl" if primary(self.language) in RIGHT_TO_LEFT else "ltr"
        return "rtl" if self.right_to_left else "ltr"

    def at(self, now: datetime) -> "Words":
        """Answer these words as they are at *now*: an expected end that has passed is not said any more."""
        if self.expected_end is None or now < self.expected_end:
            return self
        from dataclasses import replace  # noqa: PLC0415 - rarely needed

        return replace(self, expected_end=None)


def words_of(sorry: "Sorry") -> Words:
    """Answer the words that a spec's ``sorry:`` states."""
    raise NotImplementedError


def primary(language: str) -> str:
    """Answer the language of a tag without its script and region: ``pt`` of ``pt-BR``."""
    return language.partition("-")[0].lower()


RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})
"""Languages written from right to left (ku: in the Arabic script, unless the spec says otherwise)."""

LANGUAGES = {
    "en": Phrases(
        title="We will be right back",
        message="Our service is not available at the moment. We are working on it, and we are sorry for the wait.",
        expected_end="Expected end",
        contact="Contact",
        again="Try again",
        reload="This page reloads by itself when we are back.",
    ),
}
