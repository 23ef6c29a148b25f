"""What the sorry backend serves, and where it comes from: the spec's ``sorry:``, else the built-in page.

Of the spec only this block counts. A mistake elsewhere in it is for `lvsctl validate` to tell, and no reason to leave
visitors without an answer.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from lvsctl.backend.answers import answers
from lvsctl.backend.certificates import Certificate, expired, tls_context
from lvsctl.backend.load import pages_of
from lvsctl.backend.worker import Content
from lvsctl.errors import SpecInvalid
from lvsctl.spec.document import read_file
from lvsctl.spec.faults import faults
from lvsctl.spec.merge import merged
from lvsctl.spec.sorry import Sorry
from lvsctl.spec.spec import Spec


@dataclass(frozen=True, slots=True)
class Source:
    """Where the content comes from. What lies there today may be different at the next reload."""

    spec: str | None = None
    """The spec's file; None: the built-in page, without TLS."""
    node: str = ""
    """Which node's; empty: the one named like this host."""
    certificates: tuple[Certificate, ...] = ()
    """In the place of the spec's, unless empty."""

    def sorry(self) -> Sorry:
        """Read the spec's ``sorry:``. Raises SpecInvalid, Denied or Unavailable."""
        if self.spec is None:
            return Sorry()
        source = merged(read_file(self.spec), self.node or socket.gethostname().partition(".")[0])
        try:
            found = Spec.model_validate({"sorry": source.data.get("sorry")}).sorry
        except ValidationError as error:
            raise SpecInvalid(sorted(faults(error, Spec, source), key=lambda fault: fault.place)) from error
        return found or Sorry()

    def content(self) -> Content:
        """Read everything anew. Raises what :meth:`sorry` raises, and what a page or a certificate is refused with."""
        sorry, now = self.sorry(), datetime.now(UTC)
        end, certificates = sorry.expected_end, self.certificates or tuple(_certificates(sorry))
        return Content(
            answers(pages_of(sorry, now), retry_after=sorry.retry_after, host=socket.gethostname()),
            tls_context(certificates),
            until=end.timestamp() if end is not None and end > now else None,
            notes=tuple(expired(certificates, now)),
        )


def _certificates(sorry: Sorry) -> Iterator[Certificate]:
    for each in sorry.certificates:
        yield Certificate(Path(each.certificate), Path(each.key), each.names)
