"""What the sorry page says: the operator's own words, and the fixed ones of a language. Pure.

Nothing here is HTML: :mod:`lvsctl.backend.page` escapes whatever stands in these fields.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING

from lvsctl.backend.languages import LANGUAGES, RIGHT_TO_LEFT, Phrases

if TYPE_CHECKING:
    from lvsctl.spec.sorry import Sorry


BUILT_IN = Phrases()
"""No words of the operator's own."""


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
    texts: Phrases = BUILT_IN
    """The fixed words, where the operator gives others; empty ones are the language's own."""

    @property
    def phrases(self) -> Phrases:
        """The words to show: the operator's, else the language's, else English."""
        built_in = LANGUAGES.get(primary(self.language), LANGUAGES["en"])
        names = [each.name for each in fields(Phrases)]
        chosen = {name: getattr(self.texts, name) or getattr(built_in, name) for name in names}
        return Phrases(**chosen | ({"message": self.message} if self.message else {}))

    @property
    def direction(self) -> str:
        """The page's direction as HTML says it: ``ltr`` or ``rtl``."""
        by_language = primary(self.language) in RIGHT_TO_LEFT
        return "rtl" if (by_language if self.right_to_left is None else self.right_to_left) else "ltr"

    def at(self, now: datetime) -> "Words":
        """Answer these words as they are at *now*: an expected end that has passed is not said any more."""
        passed = self.expected_end is not None and self.expected_end <= now
        return replace(self, expected_end=None) if passed else self


def words_of(sorry: "Sorry") -> Words:
    """Answer the words that a spec's ``sorry:`` states."""
    texts = sorry.texts.model_dump(exclude_none=True) if sorry.texts else {}
    return Words(
        retry_after=sorry.retry_after,
        name=sorry.name or "",
        message=sorry.message or "",
        expected_end=sorry.expected_end,
        contact=sorry.contact or "",
        language=sorry.language,
        right_to_left=None if sorry.direction is None else sorry.direction == "rtl",
        texts=Phrases(**texts),
    )


def primary(language: str) -> str:
    """Answer the language of a tag without its script and region: ``pt`` of ``pt-BR``."""
    return language.partition("-")[0].lower()
