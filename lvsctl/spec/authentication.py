"""The password of a VRRPv2 instance: in the spec, or in a file of its own that keepalived includes."""

from dataclasses import dataclass
from typing import Annotated

from lvsctl.spec.base import Block
from lvsctl.spec.values import JsonSchema, OneOf, Parsed, Text, one_word

PASSWORD_BYTES = 8
"""What VRRPv2 has room for (RFC 2338, 5.3.10); keepalived cuts off the rest."""

_PATH = Text("an absolute path of letters, digits and ._/@:+,=-", r"(?:/[A-Za-z0-9._@:+,=-]+)+")


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file on each node that holds the line ``auth_pass PASSWORD``, so that the password stands nowhere else."""

    file: str
    """Its absolute path; what is rendered includes it (:mod:`lvsctl.compose.write`)."""


class _Secret(Parsed):
    """A password, or ``{file: PATH}``. No message repeats what it refuses."""

    def parse(self, value: object) -> str | SecretFile:
        if isinstance(value, SecretFile):
            return value
        if isinstance(value, dict) and set(value) == {"file"}:
            return SecretFile(_PATH.parse(value["file"]))
        if not isinstance(value, str):
            raise ValueError("expected a password, or a block with file: and nothing else")  # noqa: TRY004 - pydantic's way
        if not 1 <= len(value.encode(errors="replace")) <= PASSWORD_BYTES:
            raise ValueError(
                f"expected a password of 1 to {PASSWORD_BYTES} bytes: keepalived cuts off the rest"
            )
        try:
            return one_word(value)
        except ValueError:
            raise ValueError(
                "a password holds no double quote, no control character, and no definition of keepalived such as $_PWD"
            ) from None

    def json_schema(self) -> JsonSchema:
        file = {"type": "object", "required": ["file"], "additionalProperties": False}
        return {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": PASSWORD_BYTES},
                {
                    **file,
                    "properties": {
                        "file": {
                            **_PATH.json_schema(),
                            "description": "File on each node whose one line is `auth_pass PASSWORD`.",
                        }
                    },
                },
            ]
        }


class Authentication(Block):
    """How advertisements are authenticated. VRRPv2 only, and no protection against anyone who sees the network."""

    auth_type: Annotated[str, OneOf("PASS", "AH")]
    """`PASS` sends the password in the clear; `AH` signs with it, for IPv4 only."""
    auth_pass: Annotated[str | SecretFile, _Secret()]
    """The password, at most 8 bytes; or `{file: /etc/lvsctl/vi1.conf}`, whose one line is `auth_pass PASSWORD`."""

    @property
    def has_literal_secret(self) -> bool:
        """Whether the password itself is in the spec, and so in what is rendered."""
        return isinstance(self.auth_pass, str)
