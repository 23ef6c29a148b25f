"""How ``lvsctl failover`` talks to the agent, when there is one: over its socket, one request at a time."""

from collections.abc import Callable
from typing import Any

from lvsctl.agent.requests import ask
from lvsctl.errors import Busy, Denied, LvsctlError, Unavailable, Usage

Doc = dict[str, Any]

SILENCE = 10.0
"""Seconds for an answer that takes no call."""

ROOT = "run lvsctl as root"


def answer(
    request: Doc, *, silence: float = SILENCE, tell: Callable[[Doc], None] = lambda _doc: None
) -> Doc | None:
    """Answer what the agent says to *request*, or None when no agent runs. *tell* hears its progress.

    Raises what the agent refuses it with; Denied when this user may not ask; Busy when it does not answer.
    """
    try:
        for doc in ask(request, timeout=silence):
            if doc.get("done"):
                return _accepted(doc)
            tell(doc)
    except Unavailable as error:
        if isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError):
            return None
        if isinstance(error.__cause__, PermissionError):
            raise Denied("only root may ask the agent", hint=ROOT) from error
        raise Busy(error.message, hint="see what it does: lvsctl agent status") from error
    raise Busy("the agent has not answered", hint="see what it does: lvsctl agent status")


def _accepted(doc: Doc) -> Doc:
    if doc.get("ok"):
        return doc
    kinds = (Usage, Unavailable, Busy, Denied)
    kind = next((each for each in kinds if each.exit_code == doc.get("code")), LvsctlError)
    raise kind(str(doc.get("error", "the agent refuses")), hint=str(doc.get("hint") or ""))
