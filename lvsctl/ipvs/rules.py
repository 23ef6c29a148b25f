"""A table as text, exactly: the rules that ``ipvsadm --restore`` reads, one per line.

Destinations stand in the order in which they have to be added, and nothing the kernel keeps is left out: thresholds,
tunnels, netmasks. The few things that ipvsadm has no words for (:func:`beyond_ipvsadm`) are written in words of our
own, which ``lvsctl ipvs restore`` and ``lvsctl ipvsadm -R`` read. There are no comments, because ipvsadm stops at one.
"""

from collections.abc import Iterator

from lvsctl.errors import Fault, Invalid, Place, Usage
from lvsctl.ipvs.compat.parse import parse
from lvsctl.ipvs.model import Dest, DestKey, Service, Table, VirtualServer, flag_names
from lvsctl.ipvs.steps import AddDest, AddService, Draft, Step
from lvsctl.vocabulary import Family, ForwardingMethod, Protocol, ServiceKey, TunnelFlag, TunnelType, endpoint

MAX_FAULTS = 100
"""A file of another kind is wrong on every line; this many are enough to see that."""

_SERVICE_OPTIONS = {Protocol.TCP: "-t", Protocol.UDP: "-u", Protocol.SCTP: "--sctp-service"}
_METHOD_OPTIONS = {
    ForwardingMethod.NAT: "-m",
    ForwardingMethod.DR: "-g",
    ForwardingMethod.TUN: "-i",
    ForwardingMethod.LOCAL: "--local",
    ForwardingMethod.BYPASS: "--bypass",
}
_CHECKSUMS = {
    TunnelFlag.NOCSUM: "--tun-nocsum",
    TunnelFlag.CSUM: "--tun-csum",
    TunnelFlag.REMCSUM: "--tun-remcsum",
}
_HEAVIEST = 65535
"""The largest weight that ipvsadm takes; the kernel takes 2³¹-1."""


def write(table: Table) -> str:
    """Answer *table* as rules, the services sorted by their names. The same table is always the same text."""
    lines = []
    for key in sorted(table, key=_sorted_by):
        server = table[key]
        lines.append(service_rule(key, server.service))
        lines += (dest_rule(key, dest_key, dest) for dest_key, dest in server.dests.items())
    return "".join(f"{line}\n" for line in lines)


def read(text: str, file: str = "-") -> dict[ServiceKey, VirtualServer]:
    """Read rules that make a whole table, as :func:`write` and ``ipvsadm --save`` write them.

    Raises Invalid with every fault: a line that is no ``-A`` or ``-a`` rule, one that is there twice, a destination
    before its service. *file* names the text in the faults.
    """
    draft: Draft = {}
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = [word for word in line.split() if word != "ipvsadm"]
        if not words or len(faults) >= MAX_FAULTS:
            continue
        try:
            _enter(draft, parse(words, exact=True).step)
        except Usage as error:
            faults.append(Fault(Place(file, number), "", error.message))
    if faults:
        raise Invalid(faults, hint="write one with: lvsctl ipvs save")
    return {key: VirtualServer(service, dests) for key, (service, dests) in draft.items()}


def _enter(draft: Draft, step: Step | None) -> None:
    match step:
        case AddService(key, service):
            if key in draft:
                raise Usage(f"{key} is there twice")
            draft[key] = (service, {})
        case AddDest(key, dest_key, dest):
            if key not in draft:
                raise Usage(f"{dest_key} belongs to {key}, which is not there yet")
            if dest_key in draft[key][1]:
                raise Usage(f"{key} has {dest_key} twice")
            draft[key][1][dest_key] = dest
        case _:
            raise Usage("not a rule of a saved table: expected -A or -a")


def service_rule(key: ServiceKey, service: Service) -> str:
    """Answer the rule that adds a service."""
    words = ["-A", service_name(key), "-s", service.scheduler]
    if service.persistence:
        words += ["-p", str(service.persistence.timeout)]
        if service.persistence.netmask is not None:
            words += ["-M", str(service.persistence.netmask)]
    if service.engine:
        words += ["--pe", service.engine]
    if service.one_packet:
        words.append("-o")
    if service.flags:
        words += ["-b", ",".join(flag_names(service.scheduler, service.flags))]
    return " ".join(words)


def dest_rule(key: ServiceKey, dest_key: DestKey, dest: Dest) -> str:
    """Answer the rule that adds a destination."""
    rule = f"-a {service_name(key)} -r {dest_key} {_METHOD_OPTIONS[dest.method]} -w {dest.weight}"
    if dest.upper or dest.lower:
        rule += f" -x {dest.upper} -y {dest.lower}"
    if dest.method is ForwardingMethod.TUN:
        rule += "".join(f" {word}" for word in _tunnel_words(dest))
    return rule


def _tunnel_words(dest: Dest) -> Iterator[str]:
    kind, port, flags = dest.tunnel
    yield f"--tun-type {kind}"
    if kind is TunnelType.IPIP:
        return
    if kind is TunnelType.GUE:
        yield f"--tun-port {port}"
    yield _CHECKSUMS.get(flags, f"--tun-flags {int(flags)}")


def service_name(key: ServiceKey) -> str:
    """Answer the option that names a service: ``-t 10.0.0.1:80``, ``-f 5 -6``."""
    if key.mark:
        return f"-f {key.mark}" if key.family is Family.INET else f"-f {key.mark} -6"
    protocol = key.protocol or Protocol.TCP
    return f"{_SERVICE_OPTIONS[protocol]} {endpoint(key.address, key.port)}"


def beyond_ipvsadm(table: Table) -> Iterator[str]:
    """Yield what ``ipvsadm --restore`` would refuse or change of :func:`write`'s text, as ``NAME: reason``."""
    for key, (service, dests) in table.items():
        if service.one_packet and not key.mark and key.protocol is not Protocol.UDP:
            yield f"{key}: one-packet scheduling without UDP"
        if not key.mark and not key.port and service.persistence is None:
            yield f"{key}: port 0 without persistence"
        for dest_key, dest in dests.items():
            if reason := _beyond(key, dest_key, dest):
                yield f"{key} -> {dest_key}: {reason}"


def _beyond(key: ServiceKey, dest_key: DestKey, dest: Dest) -> str:
    if dest.method in (ForwardingMethod.LOCAL, ForwardingMethod.BYPASS):
        return f"the forwarding method {dest.method}"
    if dest.weight > _HEAVIEST:
        return f"a weight above {_HEAVIEST}"
    if dest.method is not ForwardingMethod.NAT and not key.mark and dest_key.port != key.port:
        return f"another port than the service's with {dest.method}"
    if max(dest.upper, dest.lower) >= 2**31:
        return "a threshold above 2³¹-1"
    if dest.tunnel.flags not in _CHECKSUMS:
        return f"the tunnel flags {int(dest.tunnel.flags)}"
    return ""


def _sorted_by(key: ServiceKey) -> tuple[int, str, int, bytes, int]:
    address = b"" if key.address is None else key.address.packed
    return key.mark, key.family, len(address), (key.protocol or "").encode() + address, key.port
