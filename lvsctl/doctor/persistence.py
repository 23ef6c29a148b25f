"""Whether the kernel settings that are right now will be right after a reboot."""

from collections.abc import Iterator
from shlex import quote

from lvsctl.doctor.host import Host
from lvsctl.doctor.model import ERROR, WARNING, Found, Machine, check
from lvsctl.doctor.modules import State, module
from lvsctl.doctor.settings import SETTINGS
from lvsctl.doctor.sysctl import CONF, FORWARDING, How, Setting, dotted, value_of
from lvsctl.doctor.sysctl_d import FOLDERS, Assigned, Files, order, read

KEEP = "/etc/sysctl.d/60-lvs.conf"

BY_DEFAULT = {
    "net/ipv4/vs/snat_reroute": 1,
    "net/ipv4/vs/conn_reuse_mode": 1,
    "net/netfilter/nf_conntrack_tcp_loose": 1,
    "rp_filter": 0,
    "send_redirects": 1,
    "accept_redirects": 1,
}
"""What the kernel (6.1) begins with; 0 where nothing is said."""


def files(host: Host) -> Files:
    """Answer what the files of *host* say."""
    names = order({folder: host.names(folder) for folder in FOLDERS})
    return read((name, host.text(name) or "") for name in names)


def _right_now(machine: Machine) -> Iterator[tuple[Setting, str]]:
    for setting in SETTINGS:
        if machine.role in setting.roles and (machine.declared is not None or not setting.needs_spec):
            for interface in setting.where(machine):
                if value_of(setting, interface, machine.host) in setting.good:
                    yield setting, interface


def _later(setting: Setting, interface: str, said: Files) -> tuple[int | None, list[Assigned]]:
    """Answer the value for *interface* after a reboot, None when a file says no number; and what files say of it."""
    values: list[int] = []
    sources: list[Assigned] = []
    for key in setting.keys(interface):
        # A new interface begins with what `default` is then.
        inherited = f"{CONF}/default/{setting.name}" if f"{CONF}/{interface}/" in key else key
        assigned = said.of(key) or said.of(inherited)
        if assigned is None and setting.how is How.ACCEPT and key.endswith(f"/{FORWARDING}"):
            values.append(int(_forwards(said)))
        elif assigned is None and key == f"{CONF}/all/accept_redirects" and _forwards(said):
            values.append(0)  # writing ip_forward=1 clears it (net/ipv4/devinet.c, inet_forward_change)
        elif assigned is None:
            values.append(BY_DEFAULT.get(setting.name, 0))
        elif assigned.value.lstrip("-").isdecimal():
            values.append(int(assigned.value))
            sources.append(assigned)
        else:
            return None, [assigned]
    return setting.effective(values), sources


def _forwards(said: Files) -> bool:
    assigned = said.of("net/ipv4/ip_forward")
    return assigned is not None and assigned.value == "1"


@check(
    "LVD260",
    WARNING,
    "A kernel setting that a reboot forgets",
    why="It is right now, but no file says so: after the next reboot the kernel begins with its own default, and nobody remembers this page.",
    remedy="Write it into /etc/sysctl.d/60-lvs.conf.",
)
def not_kept(machine: Machine) -> Iterator[Found]:
    """Settings that are good now, whose default is not, and that no file sets."""
    said = files(machine.host)
    for setting, interface in _right_now(machine):
        value, sources = _later(setting, interface, said)
        if value not in setting.good and not sources:
            yield Found(
                dotted(setting.own(interface)),
                "it is right now, and no file in sysctl.d sets it",
                _line(setting, interface),
            )


@check(
    "LVD261",
    ERROR,
    "A kernel setting that a file undoes at the next boot",
    why="It is right now, and a file of sysctl.d sets something else: files are read in the order of their names, the last one counts, and a name with wildcards loses against a plain one (sysctl.d(5)).",
    remedy="Change that file, or set the value in a file whose name sorts behind it.",
)
def undone(machine: Machine) -> Iterator[Found]:
    """Settings that are good now and that files make wrong."""
    said = files(machine.host)
    for setting, interface in _right_now(machine):
        value, sources = _later(setting, interface, said)
        if value not in setting.good and sources:
            told = "; ".join(map(str, dict.fromkeys(sources)))
            yield Found(
                dotted(setting.own(interface)),
                f"it is right now, but at the next boot {told}",
                _line(setting, interface, behind=max(each.file.rpartition("/")[2] for each in sources)),
            )


@check(
    "LVD262",
    WARNING,
    "A setting of IPVS that is written before IPVS is there",
    why="The settings net.ipv4.vs exist once ip_vs is loaded. systemd-sysctl runs before keepalived loads it, finds no such name, and goes on: the file has no effect.",
    remedy="Load the module at boot: echo ip_vs > /etc/modules-load.d/ip_vs.conf.",
)
def too_early(machine: Machine) -> Iterator[Found]:
    """Only where a file sets one, and the module is not built in."""
    said = files(machine.host)
    assigned = [each for key, each in said.named.items() if key.startswith("net/ipv4/vs/") and each]
    if (
        assigned
        and module(machine.host, "ip_vs") is not State.BUILT_IN
        and not _is_loaded_at_boot(machine.host)
    ):
        yield Found(
            assigned[0].file,
            f"{assigned[0]}, and no file in modules-load.d names ip_vs",
            "echo ip_vs > /etc/modules-load.d/ip_vs.conf",
        )


def _is_loaded_at_boot(host: Host) -> bool:
    folders = (
        "/etc/modules-load.d",
        "/run/modules-load.d",
        "/usr/local/lib/modules-load.d",
        "/usr/lib/modules-load.d",
    )
    paths = [
        f"{folder}/{name}" for folder in folders for name in host.names(folder) if name.endswith(".conf")
    ]
    lines = [
        line.strip() for path in (*paths, "/etc/modules") for line in (host.text(path) or "").splitlines()
    ]
    return any(line.replace("-", "_").startswith("ip_vs") for line in lines)


def _line(setting: Setting, interface: str, behind: str = "") -> str:
    keys = setting.to_set(interface)
    if setting.how is not How.SOLE and len(keys) > 1:
        keys = (keys[0], f"{CONF}/default/{setting.name}", *keys[1:])
    text = "".join(f"{dotted(key)} = {setting.best}\\n" for key in keys)
    file = (
        KEEP if KEEP.rpartition("/")[2] > behind else f"/etc/sysctl.d/{behind.removesuffix('.conf')}-lvs.conf"
    )
    return f"printf {quote(text)} >> {quote(file)}"
