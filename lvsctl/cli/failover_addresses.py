"""Which failover IPs ``lvsctl failover`` is about: those of the spec, or one that the options describe."""

from typing import TYPE_CHECKING, NamedTuple

from lvsctl.cli.options import DEFAULT_SPEC
from lvsctl.errors import LvsctlError, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import ValidationError

    from lvsctl.cli.failover_options import Where
    from lvsctl.failover.observation import FailoverAddress
    from lvsctl.spec.failover_ips import FailoverIp

NO_INSTANCE = "pacemaker"
"""The instance of an address that no keepalived decides about."""


class Known(NamedTuple):
    """The failover IPs that are meant."""

    entries: "Sequence[FailoverIp]"
    node: str
    nodes: int
    """How many share the provider's account."""
    has_spec: bool = True


def known(where: "Where", ip: str | None) -> Known:
    """Answer what *where* says about *ip*, or about all. Raises Usage when it is none of them, and SpecInvalid."""
    return _described(where, ip) if where.provider else _declared(where, ip)


def node_of(entry: "FailoverIp", target: str | None) -> str | None:
    """Answer the node that *entry*'s provider calls *target*."""
    from lvsctl.failover.observation import as_target

    return next((name for name, each in entry.targets.items() if as_target(each) == target), None)


def _declared(where: "Where", ip: str | None) -> Known:
    from lvsctl.cli.render import chosen
    from lvsctl.spec.load import read

    if where.credentials or where.targets or where.api_url or where.api_ca:
        raise Usage("--credentials, --target, --api-url and --api-ca go with --provider")
    file = where.spec or DEFAULT_SPEC
    declared = read(file)
    node = chosen(declared, where.node)
    spec = declared.spec(node)
    nodes = len(spec.nodes) or 2
    entries = spec.failover_ips
    if not entries:
        raise Usage(f"{file} has no failover_ips", hint="see docs/how-to/failover-robot.md")
    if ip is None:
        return Known(entries, node, nodes)
    wanted = address_in(ip)
    found = [each for each in entries if each.ip == wanted]
    if not found:
        raise Usage(
            f"{file} has no failover IP {ip}", hint=f"it has {', '.join(str(each.ip) for each in entries)}"
        )
    return Known(found[:1], node, nodes)


def _described(where: "Where", ip: str | None) -> Known:
    import socket

    from pydantic import ValidationError

    from lvsctl.spec.failover_ips import FailoverIp

    if ip is None:
        raise Usage("--provider describes one address: name it")
    node = where.node or socket.gethostname().split(".")[0]
    api = {key: text for key, text in (("url", where.api_url), ("ca", where.api_ca)) if text}
    said = {
        "ip": str(address_in(ip)),
        "provider": where.provider,
        "vrrp_instance": NO_INSTANCE,
        "credentials": where.credentials,
        "targets": _targets(where.targets, node),
        "api": api or None,
    }
    try:
        entry = FailoverIp.model_validate(said)
    except ValidationError as error:
        raise Usage(first_fault(error)) from None
    if node not in entry.targets:
        raise Usage(f"no --target says what the provider calls this node, {node}")
    return Known((entry,), node, max(2, len(entry.targets)), has_spec=False)


def _targets(texts: "Sequence[str]", node: str) -> "Mapping[str, str]":
    found = {}
    for text in texts:
        name, equals, target = text.partition("=")
        found[name if equals else node] = target if equals else name
    return found


def address_in(text: str) -> "FailoverAddress":
    """Answer the failover IP that *text* names. Raises Usage when it is none."""
    from lvsctl.failover.observation import as_failover_address

    try:
        return as_failover_address(text)
    except ValueError:
        raise Usage(f"{text!r} is no failover IP: expected an IPv4 address or an IPv6 /64") from None


def first_fault(error: "ValidationError") -> str:
    """Answer what is wrong first, without the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(map(str, first["loc"]))
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message


def why(error: LvsctlError) -> str:
    """Answer what is wrong in one line."""
    faults = getattr(error, "faults", ())
    return str(faults[0]) if faults else error.message
