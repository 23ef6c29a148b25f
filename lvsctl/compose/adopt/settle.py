"""Leave behind what the models refuse, one finding at a time, until they accept the rest; everything left is noted.

keepalived itself goes on when it refuses a value: it keeps its default. The spec's ranges are keepalived's, so
leaving the value out means the same. Where keepalived does something else, it is mended here the same way.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from lvsctl.compose.adopt.read import keep_raw
from lvsctl.compose.adopt.reading import Path, Plain, Reading
from lvsctl.spec.authentication import PASSWORD_BYTES
from lvsctl.spec.faults import faults
from lvsctl.spec.spec import Spec

ROUNDS = 50
"""Refusals can hide behind each other, but every round leaves something behind."""

SCRIPTS = frozenset({"notify", "script", "misc_path", "quorum_up", "quorum_down"})


def settle(reading: Reading) -> None:
    """Change the data of *reading* until it is a spec."""
    for instance in reading.data.get("vrrp_instances", {}).items():
        _master_preempts(*instance, reading)
    for _ in range(ROUNDS):
        try:
            Spec.model_validate(reading.data)
        except ValidationError as error:
            for path, message in _refusals(error, reading):
                _mend(path, message, reading)
        else:
            break
    else:
        raise AssertionError("the models keep refusing what was left of the file")
    for name, instance in reading.data.get("vrrp_instances", {}).items():
        _still_unicast(name, instance, reading)
    reading.data = {key: value for key, value in reading.data.items() if value not in ({}, [])}


def _master_preempts(name: str, instance: dict[str, Any], reading: Reading) -> None:
    """With `state MASTER` keepalived clears nopreempt (vrrp_parser.c); the rendered state is BACKUP, where it holds."""
    path = ("vrrp_instances", name, "nopreempt")
    state = reading.statements.get((*path[:-1], "state"))
    if state is not None and state.words[1:2] == ("MASTER",) and instance.pop("nopreempt", None):
        reading.leave(
            reading.statement_of(path), path, "not carried: with `state MASTER` keepalived ignores it"
        )


def _still_unicast(name: str, instance: dict[str, Any], reading: Reading) -> None:
    """A unicast keyword counts for keepalived even when it refuses every value in it."""
    path = ("vrrp_instances", name)
    wanted = any((*path, key) in reading.statements for key in ("unicast_src_ip", "unicast_peer"))
    if wanted and "unicast_src_ip" not in instance and not instance.get("unicast_peer"):
        instance.setdefault("extra", []).extend(["unicast_peer {", "}"])


def _refusals(error: ValidationError, reading: Reading) -> Iterator[tuple[Path, str]]:
    """Yield what to take out and why: the innermost and last first, so that no index moves."""
    found: dict[Path, str] = {}
    for finding, fault in zip(error.errors(include_url=False), faults(error, Spec, Nowhere()), strict=True):
        found.setdefault(_existing(tuple(finding["loc"]), reading.data), fault.message)
    for path in sorted(found, key=lambda path: [str(step).zfill(9) for step in path], reverse=True):
        yield path, found[path]


class Nowhere:
    """A locator for data that nobody typed."""

    def place(self, _path: Any, *, key: bool = False) -> Any:  # noqa: ARG002 - the locator's signature
        """Answer no position."""
        from lvsctl.errors import Place  # noqa: PLC0415

        return Place("")


def _existing(path: Path, data: Any) -> Path:
    """Answer the longest beginning of *path* that the data has: a missing value is its block's fault."""
    for index, step in enumerate(path):
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]
        else:
            return path[:index]
    return path


def _mend(path: Path, message: str, reading: Reading) -> None:
    holder = _at(path[:-1], reading.data)
    if holder is None:
        return
    statement = reading.statement_of(path)
    if (mend := _MENDS.get(str(path[-1]))) and (what := mend(holder)):
        reading.leave(statement, path, what)
        return
    del holder[path[-1]]
    if isinstance(holder, dict) and statement is not None and _is_script(path):
        keep_raw(statement, holder, path[:-1], reading)
        return
    reading.leave(statement, path, f"not carried: {message}")


def _at(path: Path, data: Any) -> Any:
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def _is_script(path: Path) -> bool:
    keyword = str(path[-1])
    return keyword in SCRIPTS or keyword.startswith("notify_") or keyword.endswith("_script")


def _short_password(authentication: dict[str, Any]) -> str:
    password = authentication["auth_pass"]
    if not isinstance(password, str) or len(password.encode()) <= PASSWORD_BYTES:
        return ""
    authentication["auth_pass"] = password.encode()[:PASSWORD_BYTES].decode(errors="ignore")
    return f"cut to its first {PASSWORD_BYTES} bytes, as keepalived does"


def _reachable_quorum(service: dict[str, Any]) -> str:
    """keepalived lowers a quorum that the weights cannot reach (check_parser.c)."""
    usual = service.get("weight", "1")
    weights = [
        str(server.get("weight", usual)) for server in service["real_servers"] if isinstance(server, dict)
    ]
    if "quorum" not in service or not weights or not all(map(str.isdigit, weights)):
        return ""
    total = sum(map(int, weights))
    if total == 0 or total >= int(service["quorum"]):
        return ""
    asked, service["quorum"] = service["quorum"], Plain(total)
    return f"quorum {asked} lowered to {total}, the sum of the weights, as keepalived does"


_MENDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "auth_pass": _short_password,
    "real_servers": _reachable_quorum,
}
"""Values that keepalived changes instead of ignoring, by keyword: each mends the block and says how, or answers ''."""
