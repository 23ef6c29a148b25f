"""Kernel modules: IPVS itself and the schedulers, there or to be had. Nothing is loaded."""

from collections.abc import Iterator
from enum import Enum

from lvsctl.doctor.host import Host
from lvsctl.doctor.model import DIRECTOR, ERROR, REALSERVER, Found, Machine, check
from lvsctl.doctor.serving import hidden
from lvsctl.errors import Unavailable
from lvsctl.sorry.form import DEFAULT_SCHEDULER
from lvsctl.vocabulary import ForwardingMethod


class State(Enum):
    """Where a module is."""

    LOADED = "loaded"
    BUILT_IN = "built in"
    LOADABLE = "loadable"
    MISSING = "missing"


def module(host: Host, name: str) -> State:
    """Answer where the module *name* is. Raises Unavailable when only the missing list of modules could tell."""
    folder = f"/lib/modules/{host.release()}"
    if any(
        line.split(maxsplit=1)[0] == name for line in (host.text("/proc/modules") or "").splitlines() if line
    ):
        return State.LOADED
    if _lists(host.text(f"{folder}/modules.builtin"), name):
        return State.BUILT_IN
    there = host.text(f"{folder}/modules.dep")
    if there is None:
        raise Unavailable(f"{folder}/modules.dep: there is no list of this kernel's modules")
    return State.LOADABLE if _lists(there, name) else State.MISSING


def _lists(text: str | None, name: str) -> bool:
    # The name in a file may have dashes where the module has underscores.
    wanted = (f"/{name}.ko", f"/{name.replace('_', '-')}.ko")
    return text is not None and any(
        each in line.partition(":")[0] for line in text.splitlines() for each in wanted
    )


def _package(host: Host) -> str:
    return f"apt install linux-image-{host.release().rpartition('-')[2] or 'amd64'}, which has all modules, and reboot"


@check(
    "LVD300",
    ERROR,
    "A kernel without IPVS",
    why="keepalived ends at its first virtual server (2.2.7), or the services are served by nobody. Cloud and container kernels often leave ip_vs out.",
    remedy="Install a kernel with ip_vs (Debian: linux-image-amd64, not -cloud), or load it on the host of a container.",
    roles=DIRECTOR,
    needs_spec=True,
)
def no_ipvs(machine: Machine) -> Iterator[Found]:
    """Only where the spec has services."""
    if (
        machine.spec.virtual_servers
        and not _has_ipvs(machine.host)
        and module(machine.host, "ip_vs") is State.MISSING
    ):
        yield Found("ip_vs", f"kernel {machine.host.release()} has no such module", _package(machine.host))


def _has_ipvs(host: Host) -> bool:
    return host.sysctl("net/ipv4/vs/conntrack") is not None


@check(
    "LVD301",
    ERROR,
    "A scheduler that the kernel does not have",
    why="The service cannot be made: keepalived logs it and goes on without the service.",
    remedy="Choose another lvs_sched, or install a kernel with the module.",
    roles=DIRECTOR,
    needs_spec=True,
)
def no_scheduler(machine: Machine) -> Iterator[Found]:
    """Every scheduler that a service names, and the default."""
    wanted: dict[str, str] = {}
    for name, service in machine.spec.virtual_servers.items():
        wanted.setdefault(service.lvs_sched or DEFAULT_SCHEDULER, name)
    for scheduler, name in wanted.items():
        if module(machine.host, f"ip_vs_{scheduler}") is State.MISSING:
            yield Found(
                f"virtual_servers.{name}",
                f"lvs_sched is {scheduler}, and kernel {machine.host.release()} has no ip_vs_{scheduler}",
                _package(machine.host),
            )


@check(
    "LVD302",
    ERROR,
    "A real server without a tunnel",
    why="The director packs the packets into IPIP, and without the interface nobody here unpacks them: the kernel drops them.",
    remedy="modprobe ipip; ip link set tunl0 up; and keep both with your network configuration.",
    roles=REALSERVER,
)
def no_tunnel(machine: Machine) -> Iterator[Found]:
    """Real servers of services with lvs_method TUN over IPv4."""
    tunnelled = [each for each in hidden(machine) if each.method is ForwardingMethod.TUN]
    links = machine.host.links().values()
    if tunnelled and not any(
        link.kind in {"ipip", "gre", "fou", "sit", "ip6tnl"} and link.is_up for link in links
    ):
        yield Found(
            str(tunnelled[0].address),
            "packets come in a tunnel, and no tunnel interface is up",
            "modprobe ipip && ip link set tunl0 up",
        )
