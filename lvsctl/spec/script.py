"""Programs that keepalived starts: a command line, and whom it runs as.

keepalived splits a command line itself, without a shell: words at white space, single quotes keep a word
together. Quotes and backslashes inside an argument mean different things before and after 2.3.2, so they are
refused; a wrapper script takes them.
"""

from typing import Annotated, Any, ClassVar

from pydantic import model_validator

from lvsctl.spec.base import Line, Model
from lvsctl.spec.forms import FIRST
from lvsctl.spec.values import JsonSchema, Parsed, Word, expected, printable

MISLEADING = {"'": "a single quote", "\\": "a backslash"}


def argv_of(line: str) -> tuple[str, ...]:
    """Split a command line as every keepalived release does; raise ValueError where releases differ."""
    parts = line.split("'")
    if len(parts) % 2 == 0:
        raise ValueError("unmatched single quote")
    words: list[str] = []
    for index, part in enumerate(parts):
        if index % 2 == 0:
            words.extend(part.split())
        else:
            words.append(part)
    return tuple(words)


class Argument(Parsed):
    """One argument of a command that every keepalived release passes on unchanged."""

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        if not isinstance(value, str):
            raise expected("an argument", value)
        for sign, name in MISLEADING.items():
            if sign in value:
                raise ValueError(
                    f"{name} in an argument is read differently before and after keepalived 2.3.2; put it into a script of your own"
                )
        return printable(value)


class Script(Model):
    """A command keepalived runs, as a command line or as ``{command: [program, argument…], user:, group:}``."""

    shorthand: ClassVar[JsonSchema | None] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    }

    command: tuple[Annotated[str, Argument()], ...]
    """The program and its arguments; no shell is involved."""
    user: Word | None = None
    """Whom it runs as; the default is `script_user` of `global_defs`."""
    group: Word | None = None
    """The group it runs with; the default is the user's own."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, (str, list)):
            value = {"command": value}
        if isinstance(value, dict) and isinstance(value.get("command"), str):
            value = {**value, "command": argv_of(value["command"])}
        if isinstance(value, dict) and not value.get("command", True):
            raise ValueError("expected a command, but nothing is written here")
        if isinstance(value, dict) and value.get("group") is not None and value.get("user") is None:
            raise ValueError(
                "a group needs a user: keepalived reads the words after the command as user and group"
            )
        return value

    def words(self) -> tuple[str, ...]:
        """Answer the words of the statement after its keyword: command line, user, group."""
        line = " ".join(word if word and not set(word) & set(" \t") else f"'{word}'" for word in self.command)
        return tuple(word for word in (line, self.user, self.group) if word is not None)


class ScriptUser(Line):
    """Whom scripts run as: a user, and a group when it is not the user's own."""

    syntax = "USER [GROUP]"

    user: Annotated[Word, FIRST]
    """The user, who has to exist on the machine."""
    group: Annotated[Word | None, FIRST] = None
    """The group; the default is the user's own."""
