"""Default routes in ``/etc/network/interfaces`` (interfaces(5), ifupdown and ifupdown2). Pure.

``gateway`` of a static stanza, DHCP, and what ``up`` commands add with ip(8) or route(8): that is how Proxmox writes
the gateways of a container.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from lvsctl.returnpath.boot.model import EVERYWHERE, Default, number, stated
from lvsctl.vocabulary import Family

STANZAS = frozenset(
    {
        "iface",
        "auto",
        "mapping",
        "source",
        "source-directory",
        "no-auto-down",
        "no-scripts",
        "template",
        "rename",
    }
)
COMMANDS = frozenset({"up", "post-up", "pre-up"})
FAMILIES = {"inet": Family.INET, "inet6": Family.INET6}
IP_ROUTE_ADDS = frozenset({"add", "append", "replace", "change"})


@dataclass
class _Stanza:
    name: str = ""
    family: Family | None = None
    metric: int = 0


def defaults(file: str, text: str) -> Iterator[Default]:
    """Yield the default routes that *text* declares, in its order."""
    stanza = _Stanza()
    waiting: list[tuple[int, str]] = []  # a metric may follow its gateway
    for line, words in _lines(text):
        if words[0] in STANZAS or words[0].startswith("allow-"):
            yield from _stated(file, stanza, waiting)
            stanza, waiting = _begun(words), []
            if words[0] == "iface" and words[3:4] == ["dhcp"]:
                waiting.append((line, ""))
        elif words[0] == "gateway" and len(words) > 1:
            waiting.append((line, words[1]))
        elif words[0] == "metric" and len(words) > 1:
            stanza.metric = number(words[1])
        elif words[0] in COMMANDS and stanza.name:
            yield from _added(file, line, stanza, words[1:])
    yield from _stated(file, stanza, waiting)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the words of each line that has any, with its number; a backslash at the end goes on in the next one."""
    begun, so_far = 0, ""
    for number_, line in enumerate(text.splitlines(), 1):
        if not so_far and line.lstrip().startswith("#"):
            continue
        begun, so_far = begun or number_, so_far + line
        if so_far.endswith("\\"):
            so_far = so_far[:-1] + " "
            continue
        if words := so_far.split():
            yield begun, words
        begun, so_far = 0, ""


def _begun(words: list[str]) -> _Stanza:
    if words[0] != "iface" or len(words) < 2:  # noqa: PLR2004 - the word and a name
        return _Stanza()
    return _Stanza(words[1], FAMILIES.get(words[2] if len(words) > 2 else ""))  # noqa: PLR2004 - the words of the line's form


def _stated(file: str, stanza: _Stanza, waiting: list[tuple[int, str]]) -> Iterator[Default]:
    for line, gateway in waiting:
        if gateway:
            found = stated(file, line, stanza.name, gateway, stanza.metric)
        else:
            family = stanza.family or Family.INET
            found = Default(file, line, stanza.name, None, family, stanza.metric)
        if found:
            yield found


def _added(file: str, line: int, stanza: _Stanza, words: list[str]) -> Iterator[Default]:
    """Yield what the commands of one ``up`` line add; a shell joins several with ``;``, ``&&`` or ``||``."""
    for part in re.split(r"\s*(?:;|&&|\|\|?)\s*", " ".join(words)):
        try:
            command = shlex.split(part)
        except ValueError:
            continue
        program = command[0].rsplit("/", 1)[-1] if command else ""
        if program == "ip":
            found = _by_ip(file, line, stanza, command[1:])
        elif program == "route":
            found = _by_route(file, line, stanza, command[1:])
        else:
            found = None
        if found:
            yield found


def _by_ip(file: str, line: int, stanza: _Stanza, words: list[str]) -> Default | None:
    words = [word for word in words if not word.startswith("-") or word == "--"]
    if len(words) < 3 or words[0] not in {"route", "ro", "r"} or words[1] not in IP_ROUTE_ADDS:  # noqa: PLR2004 - the words of the line's form
        return None
    if words[2] not in EVERYWHERE or _after(words, "table") not in {"", "main", "254"}:
        return None
    metric = next((found for key in ("metric", "preference") if (found := _after(words, key))), "")
    dev = _named(_after(words, "dev"), stanza)
    return stated(file, line, dev, _after(words, "via"), number(metric))


def _by_route(file: str, line: int, stanza: _Stanza, words: list[str]) -> Default | None:
    if "add" not in words or not EVERYWHERE & set(words):
        return None
    dev = _named(_after(words, "dev"), stanza)
    return stated(file, line, dev, _after(words, "gw"), number(_after(words, "metric")))


def _named(dev: str, stanza: _Stanza) -> str:
    return stanza.name if dev in {"", "$IFACE", "${IFACE}"} else dev


def _after(words: list[str], key: str) -> str:
    places = [index for index, word in enumerate(words[:-1]) if word == key]
    return words[places[0] + 1] if places else ""
