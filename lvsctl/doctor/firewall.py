"""What the packet filter has to do with IPVS, out of what nft(8) and iptables-save(8) print. Pure; it judges nothing.

Only what the doctor asks is understood: who translates sources, who goes by the state of connections, who sets marks. A
match that is not understood makes a rule narrower than it looks here, so what is told of it is a guess; it is told as one.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any, NamedTuple

from lvsctl.net.model import Network
from lvsctl.vocabulary import Family

MOST_RULES = 20_000


class Printed(NamedTuple):
    """What the programs print; a text is empty where there is nothing to print."""

    nft: str = ""
    """``nft -j list ruleset``."""
    saved: str = ""
    """``iptables-save``."""
    saved6: str = ""
    """``ip6tables-save``."""


class Rule(NamedTuple):
    """A rule, as far as it matters here."""

    families: frozenset[Family]
    where: str
    """Family, table and chain."""
    hook: str
    """``postrouting``, ``forward`` …; that of the chain, or of all chains of the table that lead here: empty."""
    policy: str
    text: str
    translates: bool = False
    """It gives packets another source."""
    by_state: bool = False
    """It asks for the state of the connection."""
    drops: bool = False
    accepts: bool = False
    restores: bool = False
    """It takes the firewall mark from the connection."""
    asks_ipvs: bool = False
    """It is for packets of IPVS only (xt_ipvs)."""
    src: tuple[Network, ...] | None = None
    """The sources it is for, as far as they are understood; None: any."""
    dst: tuple[Network, ...] | None = None
    oifs: tuple[str, ...] | None = None


def rules(printed: Printed) -> tuple[Rule, ...]:
    """Answer the rules in *printed*. Raises ValueError for a text that is none of nft's."""
    found = [
        *_of_nft(printed.nft),
        *_of_iptables(printed.saved, Family.INET),
        *_of_iptables(printed.saved6, Family.INET6),
    ]
    return tuple(found[:MOST_RULES])


# --- nftables


_FAMILIES = {
    "ip": frozenset({Family.INET}),
    "ip6": frozenset({Family.INET6}),
    "inet": frozenset(Family),
}


def _of_nft(text: str) -> Iterator[Rule]:
    entries = _entries(text)
    chains = {
        (each["family"], each["table"], each["name"]): each
        for each in (entry.get("chain") for entry in entries)
        if isinstance(each, dict) and {"family", "table", "name"} <= each.keys()
    }
    for entry in entries:
        rule = entry.get("rule")
        if isinstance(rule, dict) and isinstance(rule.get("expr"), list):
            key = tuple(str(rule.get(word, "")) for word in ("family", "table", "chain"))
            chain = chains.get((key[0], key[1], key[2]), {})
            yield _nft_rule(key, chain, rule["expr"])


def _entries(text: str) -> list[dict[str, Any]]:
    if not text.strip():
        return []
    try:
        found = json.loads(text)["nftables"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("nft prints what makes no sense") from error
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _nft_rule(key: tuple[str, ...], chain: Mapping[str, Any], expr: list[Any]) -> Rule:
    steps = [each for each in expr if isinstance(each, dict)]
    matches = [each["match"] for each in steps if isinstance(each.get("match"), dict)]
    asked = {
        _field(each.get("left")): each.get("right")
        for each in matches
        if each.get("op", "==") in {"==", "in"}
    }
    target = next(
        (
            name
            for name in ("masquerade", "snat", "drop", "reject", "accept")
            if any(name in each for each in steps)
        ),
        "",
    )
    return Rule(
        _FAMILIES.get(key[0], frozenset()),
        " ".join(key),
        str(chain.get("hook", "")),
        str(chain.get("policy", "")),
        _in_words(asked, target),
        target in {"masquerade", "snat"},
        "ct state" in asked,
        target in {"drop", "reject"},
        target == "accept",
        any(_restores(each.get("mangle")) for each in steps),
        src=_networks(asked.get("saddr")),
        dst=_networks(asked.get("daddr")),
        oifs=tuple(each for each in _members(asked["oifname"]) if isinstance(each, str))
        if "oifname" in asked
        else None,
    )


def _restores(mangle: Any) -> bool:
    """Answer whether a statement gives the packet the mark of its connection."""
    if not isinstance(mangle, dict) or _field(mangle.get("key")) != "mark":
        return False
    return '{"ct": {"key": "mark"}}' in json.dumps(mangle.get("value"))


def _field(left: Any) -> str:
    if not isinstance(left, dict):
        return ""
    for kind in ("payload", "meta", "ct"):
        inner = left.get(kind)
        if isinstance(inner, dict):
            name = str(inner.get("field") or inner.get("key") or "")
            return f"ct {name}" if kind == "ct" else name
    return ""


def _members(said: Any) -> list[Any]:
    """Answer what is in an anonymous set; of anything else itself."""
    found = said.get("set", said) if isinstance(said, dict) else said
    return found if isinstance(found, list) else [found]


def _networks(said: Any) -> tuple[Network, ...] | None:
    if said is None:
        return None
    return tuple(each for one in _members(said) if (each := _network(one)) is not None)


def _network(said: Any) -> Network | None:
    if isinstance(said, dict) and isinstance(said.get("prefix"), dict):
        said = f"{said['prefix'].get('addr')}/{said['prefix'].get('len')}"
    try:
        return ip_network(said, strict=False) if isinstance(said, str) else None
    except ValueError:
        return None


def _in_words(asked: Mapping[str, Any], target: str) -> str:
    parts = [f"{name} {_network(said) or said}" for name, said in asked.items() if name]
    return " ".join([*parts, target])[:120]


# --- iptables


_HOOKS = {"POSTROUTING": "postrouting", "FORWARD": "forward", "PREROUTING": "prerouting", "INPUT": "input"}
_TRANSLATES = frozenset({"MASQUERADE", "SNAT", "NETMAP"})


def _of_iptables(text: str, family: Family) -> Iterator[Rule]:
    table, policies = "", dict[str, str]()
    for line in text.splitlines():
        if line.startswith("*"):
            table, policies = line[1:].strip(), {}
        elif line.startswith(":"):
            name, _, policy = line[1:].partition(" ")
            policies[name] = policy.split(" ")[0].lower()
        elif line.startswith("-A "):
            yield _iptables_rule(table, policies, line, family)


def _iptables_rule(table: str, policies: Mapping[str, str], line: str, family: Family) -> Rule:
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    said = dict(_options(words))
    chain, target = said.get("-A", ""), said.get("-j", "")
    return Rule(
        frozenset({family}),
        f"{'ip6tables' if family is Family.INET6 else 'iptables'} {table} {chain}",
        _HOOKS.get(chain, ""),
        policies.get(chain, ""),
        line[:120],
        target in _TRANSLATES and (table == "nat"),
        "--ctstate" in said or "--state" in said,
        target in {"DROP", "REJECT"},
        target == "ACCEPT",
        "--restore-mark" in words,
        "--ipvs" in words or "--vaddr" in words,
        _networks(said.get("-s")),
        _networks(said.get("-d")),
        (said["-o"],) if "-o" in said else None,
    )


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with the word behind it; one that is turned round (``! -o eth0``) is not there."""
    for before, word, after in zip(["", *words], words, words[1:], strict=False):
        if word.startswith("-") and before != "!":
            yield word, after
