"""What keepalived does to values instead of refusing them: the same is done to the data, and noted.

Source: keepalived 2.2.7, check_data.c (validate_check_config) and vrrp_parser.c.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from lvsctl.compose.adopt import numbers
from lvsctl.compose.adopt.raw import Block, keep_raw
from lvsctl.compose.adopt.reading import Path, Plain, Reading
from lvsctl.keepalived.config import Statement
from lvsctl.spec.authentication import PASSWORD_BYTES
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.spec import Spec

Data = dict[str, Any]

SCRIPTS = frozenset({"notify", "script", "misc_path", "quorum_up", "quorum_down"})

KEPT_RAW = "kept as a raw line in extra, as the spec refuses it"

UNICAST = ("unicast_src_ip", "unicast_peer")

ODD_BUT_TAKEN = frozenset(
    {"sh-port", "sh-fallback", "mh-port", "mh-fallback", "lthreshold", "use_vmac", "use_ipvlan"}
)
"""Keywords that keepalived takes even where they make no sense, which is what the spec refuses."""


def stays_raw(path: Path) -> bool:
    """Answer whether keepalived acts on what the spec refuses at *path*: then it stays as a raw line.

    Without a neighbour a BFD session is off, but there.
    """
    keyword = str(path[-1])
    return (
        path[:-1] == ("bfd_instances",)
        or keyword in SCRIPTS | ODD_BUT_TAKEN
        or keyword.startswith("notify_")
        or (keyword.endswith("_script") and keyword != "track_script")
    )


def before_settling(reading: Reading) -> None:
    """Do what the models would not ask for: what keepalived takes for granted where nothing is written."""
    for name, instance in reading.data.get("vrrp_instances", {}).items():
        _as_master(("vrrp_instances", name), instance, reading)
    for name, service in reading.data.get("virtual_servers", {}).items():
        _speaks_udp(("virtual_servers", name), service, reading)


def _as_master(path: Path, instance: Data, reading: Reading) -> None:
    """Write down what keepalived makes of `state MASTER`: the rendered state is BACKUP, where it would not.

    vrrp_complete_instance() of vrrp.c: the default priority is 255, and what delays preemption is cleared.
    """
    wanted = reading.wanted_state.get(path)
    if wanted == "MASTER" and "priority" not in instance:
        instance["priority"] = Plain("255")
        what = "no priority: written as 255, which is what keepalived takes with `state MASTER`"
        reading.leave(reading.statement_of((*path, "state")), (*path, "priority"), what)
    if _starts_as_master(wanted, instance, reading.data.get("global_defs", {})):
        for key in ("nopreempt", "preempt_delay"):
            if instance.pop(key, None):
                what = f"{key}: not carried: keepalived ignores it in an instance that starts as MASTER"
                reading.leave(reading.statement_of((*path, key)), (*path, key), what)


def _starts_as_master(wanted: str | None, instance: Data, global_defs: Data) -> bool:
    owns = str(instance.get("priority", "")) == "255"
    strict = str(instance.get("strict_mode", global_defs.get("vrrp_strict", "no"))).lower()
    secret = instance.get("authentication", {})
    if wanted is None or strict in ("true", "on", "yes"):
        return owns
    return wanted == "MASTER" and (owns or secret.get("auth_type") != "AH")


def after_settling(reading: Reading) -> None:
    """Do what shows only once the models have refused what they refuse."""
    for name, instance in reading.data.get("vrrp_instances", {}).items():
        _still_unicast(("vrrp_instances", name), instance, reading)


def _still_unicast(path: Path, instance: Data, reading: Reading) -> None:
    """A unicast keyword counts for keepalived even when it refuses every value in it."""
    given = [reading.statements[key] for word in UNICAST if (key := (*path, word)) in reading.statements]
    if given and not any(instance.get(word) for word in UNICAST):
        keep_raw(Statement(("unicast_peer",), (), given[0].source), block_at(path, instance, reading))


def _speaks_udp(path: Path, service: Data, reading: Reading) -> None:
    """Without `protocol` keepalived takes UDP; lvsctl would write TCP."""
    if "protocol" in service or not _has_addresses(service, reading.data):
        return
    service["protocol"] = "UDP"
    what = "no protocol: written as UDP, which is what keepalived takes"
    reading.leave(reading.statement_of(path), (*path, "protocol"), what)


def _has_addresses(service: Data, data: Data) -> bool:
    entries = data.get("virtual_server_groups", {}).get(service.get("group"), ())
    return "address" in service or any(not str(entry).startswith("fwmark") for entry in entries)


def _default_priority(path: Path, reading: Reading) -> str:
    """Take 100 for a priority that is none (vrrp_prio_handler): the one of `state MASTER` or of the node would not do."""
    instance = at(path[:-1], reading.data)
    if not isinstance(instance, dict) or instance["priority"] == "100":
        return ""
    asked, instance["priority"] = instance["priority"], Plain("100")
    return f"priority {asked}: written as 100, which keepalived takes instead"


def without_prefix_length(path: Path, reading: Reading) -> str:
    """Take a prefix length or a range off an address, where keepalived does not read it (inet_stosockaddr)."""
    holder: Any = at(path[:-1], reading.data)
    key: Any = path[-1]
    asked = holder[key]
    word, *options = (asked.split() if isinstance(asked, str) else []) or [""]
    address = re.split("[-/]", word, maxsplit=1)[0]
    if address in ("", word):
        return ""
    holder[key] = " ".join([address, *options])
    return f"{asked}: written as {address}, which is what keepalived reads"


def read_number(path: Path, reading: Reading) -> str:
    """Put the number that keepalived reads in the place of one that the spec refuses; answer what was done, or ''."""
    holder = at(path[:-1], reading.data)
    keyword = str(path[-1])
    if not isinstance(holder, dict) or not isinstance(holder[keyword], str) or keyword not in numbers.LENIENT:
        return ""
    model = block_at(path[:-1], holder, reading).model
    field = fields(model).get(keyword)
    if field is None or (model.__name__, keyword) in numbers.STRICT_IN:
        return ""
    word, *rest = holder[keyword].split() or [""]
    number = numbers.time(word) if field.item is Decimal else numbers.whole(keyword, word)
    if number in (None, word) or (keyword, number) == ("port", "0"):
        return ""
    asked, holder[keyword] = holder[keyword], Plain(" ".join([number, *rest]))
    return f"{keyword} {asked}: written as {number}, which is what keepalived reads"


def _short_password(path: Path, reading: Reading) -> str:
    authentication = at(path[:-1], reading.data)
    password = authentication["auth_pass"]
    if not isinstance(password, str) or len(password.encode()) <= PASSWORD_BYTES:
        return ""
    authentication["auth_pass"] = password.encode()[:PASSWORD_BYTES].decode(errors="ignore")
    return f"cut to its first {PASSWORD_BYTES} bytes, as keepalived does"


def _reachable_quorum(path: Path, reading: Reading) -> str:
    """Lower a quorum that the weights cannot reach."""
    service = at(path[:-1], reading.data)
    usual = service.get("weight", "1")
    weights = [
        str(server.get("weight", usual)) for server in service["real_servers"] if isinstance(server, dict)
    ]
    if not weights or not all(map(str.isdecimal, [*weights, str(service.get("quorum", "1"))])):
        return ""
    total = sum(map(int, weights))
    if total == 0:
        return _no_weight_at_all(path, reading)
    if total >= int(service.get("quorum", "1")):
        return ""
    asked, service["quorum"] = service.get("quorum", "1"), Plain(total)
    return f"quorum {asked} lowered to {total}, the sum of the weights, as keepalived does"


def _no_weight_at_all(path: Path, reading: Reading) -> str:
    """Keep one weight as a raw line: keepalived lowers the quorum to 0, which a spec has no word for."""
    service = at(path[:-1], reading.data)
    service.pop("quorum", None)
    server = service["real_servers"][0]
    server.pop("weight", None)
    line = Statement(("weight", "0"), None, getattr(reading.statement_of((*path, 0)), "source", None))
    keep_raw(line, block_at((*path, 0), server, reading))
    return "all weights are 0: one is kept as a raw line in extra, and the quorum is 0, as keepalived has it"


def _hysteresis_below_quorum(path: Path, reading: Reading) -> str:
    """Lower a hysteresis that is not below the quorum."""
    service = at(path[:-1], reading.data)
    quorum, hysteresis = str(service.get("quorum", "1")), str(service["hysteresis"])
    if not (quorum.isdecimal() and hysteresis.isdecimal()) or int(hysteresis) < int(quorum):
        return ""
    service["hysteresis"] = Plain(int(quorum) - 1)
    return f"hysteresis {hysteresis} lowered to {int(quorum) - 1}, below the quorum, as keepalived does"


def _persistent_on_all_ports(path: Path, reading: Reading) -> str:
    """Make a service without a port persistent."""
    service = at(path, reading.data)
    port = str(service.get("port", "0"))
    persistent = "persistence_timeout" in service or "persistence_granularity" in service
    if "address" not in service or port.strip("0") or persistent:
        return ""
    service["persistence_timeout"] = Plain("true")
    return "it has no port: written as persistent, which is what keepalived makes of it"


def raw_item(path: Path, reading: Reading) -> bool:
    """Answer whether the refused item at *path* can stay as a raw line: keepalived takes a part of such lines.

    An address with an option that it does not know, say, stays an address. A single word it takes or refuses.
    """
    field = fields(block_at(path[:-2], {}, reading).model).get(str(path[-2]))
    statement = reading.statements.get(path)
    return (
        statement is not None and len(statement.words) > 1 and field is not None and field.form is Form.BODY
    )


def kept_in_order(path: Path, message: str, reading: Reading) -> set[Path]:
    """Keep the refused item at *path* as a raw line, and those after it, whose order counts; answer what is gone."""
    if not raw_item(path, reading):
        return set()
    holder = at(path[:-2], reading.data)
    items: list[str] = holder[str(path[-2])]
    gone = [(*path[:-1], later) for later in range(int(path[-1]), len(items))]
    statements = [reading.statements[each] for each in gone]
    block = block_at(path[:-2], holder, reading)
    keyword = fields(block.model)[str(path[-2])].keyword
    if not keep_raw(Statement((keyword,), tuple(statements), statements[0].source), block):
        return set()
    del items[int(path[-1]) :]
    reading.leave(statements[0], path, f"{' '.join(statements[0].words)}: {KEPT_RAW}: {message}")
    return set(gone)


def block_at(path: Path, data: Data, reading: Reading) -> Block:
    """Answer the block at *path*, whose data is *data*, for statements to be added to it."""
    model: Any = Spec
    grammar: tuple[str, ...] = ()
    for step in path:
        if isinstance(step, str) and (field := fields(model).get(step)) and field.item is not None:
            model = field.item
            grammar = (*grammar, field.keyword) if field.form is not Form.SPLICE else grammar
    return Block(model, data, path, grammar, reading)


def at(path: Path, data: Any) -> Any:
    """Answer what *data* has at *path*, which exists."""
    for step in path:
        data = data[step]
    return data


MENDS: dict[str, Callable[[Path, Reading], str]] = {
    "auth_pass": _short_password,
    "priority": _default_priority,
    "real_servers": _reachable_quorum,
    "hysteresis": _hysteresis_below_quorum,
    "virtual_servers.*": _persistent_on_all_ports,
}
"""By keyword, or by mapping for a whole entry: do what keepalived does and say so, or answer the empty string."""
