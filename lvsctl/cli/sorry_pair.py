"""``--pair``: the same command on the other director, over ssh, told beside our own."""

from typing import TYPE_CHECKING, Any

from lvsctl.cli.output import say
from lvsctl.errors import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lvsctl.cli.sorry_services import Known
    from lvsctl.sorry.pair import Said

PATIENCE = 60.0
"""Seconds that the other director may take, besides what it was told to wait for."""


def also_there(
    verb: str,
    words: "Sequence[str]",
    what: "Known",
    answer: dict[str, Any],
    code: int,
    *,
    spec: str | None,
    peer: str | None,
    timeout: float = 0.0,
    quiet: bool = False,
) -> int:
    """Run *verb* with *words* on the other director, put what it said into *answer*, and answer the exit code for both.

    The other one reads its own spec: the one of the same name when *spec* was given, else its default.
    """
    from lvsctl.sorry.pair import ask, combined, peers

    said: list[Said] = []
    for each in peers(what.addresses, what.node, peer):
        node = ["--node", each.node] if each.node in what.addresses else []
        file = ["--spec", spec] if spec else []
        argv = ["sorry", verb, "--json", *node, *file, *words]
        try:
            said.append(ask(each, argv, timeout=timeout + PATIENCE))
        except KeyboardInterrupt:
            say(
                f"{each.node}: interrupted before it answered: lvsctl sorry status --pair says how it is there"
            )
            raise
    answer["peers"] = [
        {
            "node": each.peer.node,
            "host": each.peer.host,
            "exit": each.status,
            "story": each.story,
            **_services(each),
        }
        for each in said
    ]
    for heard in said:
        for line in _told(verb, heard, answer):
            say(f"{heard.peer.node}: {visible(line)}", quiet=quiet)
    return combined(code, [each.status for each in said])


def _services(said: "Said") -> dict[str, Any]:
    found = said.document.get("services")
    entries = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return {"services": entries}


def _told(verb: str, said: "Said", answer: dict[str, Any]) -> "list[str]":
    from lvsctl.sorry.status import differences

    theirs = _services(said)["services"]
    lines = said.story.splitlines()
    if said.status not in (0, 2) and not lines:
        lines = [f"failed with exit code {said.status}"]
    if verb != "status":
        return lines + [
            f"{each.get('service')}: the sorry is {each.get('state')}" for each in theirs if not lines
        ]
    if not theirs:
        return lines
    differ = list(differences(answer["services"], theirs))
    return lines + ([f"differs: {each}" for each in differ] or ["the same"])
