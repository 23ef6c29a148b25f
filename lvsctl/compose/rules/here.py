"""Rules that need the host the configuration will run on: users, interfaces, who could change a script. LVS800 to LVS819."""

from collections.abc import Iterator
from posixpath import basename, dirname, join
from shlex import quote
from typing import NamedTuple

from lvsctl.compose.rules.host import HostFacts, PathComponent
from lvsctl.compose.rules.programs import DEFAULT_USER, default_user, programs
from lvsctl.compose.rules.rule import ERROR, WARNING, Broken, Path, of_host
from lvsctl.keepalived.grammar import version
from lvsctl.spec.authentication import SecretFile
from lvsctl.spec.spec import Spec
from lvsctl.spec.vrrp_instance import VrrpInstance

WALKS_LINKS = (2, 3, 0)
"""From this release on keepalived also walks the path as it is written, where a linked folder disables the script."""
ROOT = frozenset({"root", "0"})
STICKY, SETUID, SETGID = 0o1000, 0o4000, 0o2000
GROUP_WRITES, OTHERS_WRITE, ANYBODY_RUNS = 0o020, 0o002, 0o111
NOT_OWNER = 0o077


@of_host(
    "LVS800",
    ERROR,
    "A script that keepalived disables",
    reason="keepalived runs as root only what nobody but root could have changed: every folder of the path and the file itself. Anything else is disabled when it starts, for notify scripts without a word from `keepalived -t` (lib/notify.c).",
    remedy="Install the script as root:root 0755 in folders that only root can write, such as /usr/local/libexec.",
)
def insecure_script(spec: Spec, host: HostFacts) -> Iterator[Broken]:
    """The file has to exist and be executable; ownership counts when root runs it, or it is set-id root."""
    known: dict[tuple[str, bool], str | None] = {}
    walks = version(spec.target_version) >= WALKS_LINKS
    shared = default_user(spec)
    for path, command, user, group in programs(spec):
        as_root = (user or shared) in ROOT or group in ROOT
        key = (command[0], as_root)
        if command[0].startswith("/"):
            if key not in known:
                known[key] = why_disabled(command[0], host, as_root=as_root, walks_links=walks)
            if (why := known[key]) is not None:
                yield Broken(path, f"keepalived disables {command[0]}: {why}")


def why_disabled(script: str, host: HostFacts, *, as_root: bool, walks_links: bool) -> str | None:
    """Answer why keepalived would not run *script*, with the command that mends it, or None when it would."""
    real = host.real_path(script)
    parts = host.components(real)
    if parts[-1].kind == "missing":
        return f"{parts[-1].path} does not exist"
    if not parts[-1].mode & ANYBODY_RUNS:
        return f"{real} is not executable: chmod 755 {quote(real)}"
    if not as_root and not _is_set_id(parts[-1]):
        return None
    # Before 2.3.0 keepalived resolves the folders first and keeps the name the script is called by.
    called = script if walks_links else join(dirname(real), basename(script))
    walked = [parts] if called == real else [host.components(called), parts]
    return next((str(why) for each in walked if (why := weak_component(each)) is not None), None)


def _is_set_id(file: PathComponent) -> bool:
    return bool((file.uid == 0 and file.mode & SETUID) or (file.gid == 0 and file.mode & SETGID))


class Weak(NamedTuple):
    """Why somebody else than root could replace a file, and the command that mends it."""

    said: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.said}: {self.mend}" if self.mend else self.said


def weak_component(parts: tuple[PathComponent, ...]) -> Weak | None:
    """Answer why somebody else than root could replace what is at the end of a path, or None (keepalived's notify.c)."""
    for part in parts:
        is_last = part is parts[-1]
        if part.kind == "missing":
            # The name may be taken by something else in the real folder; keepalived then uses the real path.
            return None
        if part.kind not in (("file", "symlink") if is_last else ("directory",)):
            return Weak(f"{part.path} is a {part.kind}")
        if (why := _why_weak(part)) is not None:
            return why
    return None


def _why_weak(part: PathComponent) -> Weak | None:
    if part.uid != 0:
        return Weak(f"{part.path} belongs to uid {part.uid}", f"chown root {quote(part.path)}")
    if part.kind == "symlink" or (part.kind == "directory" and part.mode & STICKY):
        return None
    if part.mode & OTHERS_WRITE:
        return Weak(f"everybody can write {part.path}", f"chmod o-w {quote(part.path)}")
    if part.gid != 0 and part.mode & GROUP_WRITES:
        return Weak(f"group {part.gid} can write {part.path}", f"chmod g-w {quote(part.path)}")
    return None


@of_host(
    "LVS801",
    ERROR,
    "A user or group that does not exist",
    reason="keepalived disables every script that was to run as it; `keepalived -t` says nothing about notify scripts (lib/notify.c).",
    remedy="Create the user, or name one that exists.",
)
def unknown_user(spec: Spec, host: HostFacts) -> Iterator[Broken]:
    """Users of scripts, of `script_user`, and of FIFOs."""
    for path, user, group in _users(spec):
        if user is not None and not host.user_exists(user):
            yield Broken(path, f"there is no user {user!r} here")
        if group is not None and not host.group_exists(group):
            yield Broken(path, f"there is no group {group!r} here")


def _users(spec: Spec) -> Iterator[tuple[Path, str | None, str | None]]:
    block = spec.global_defs
    if block is not None:
        for field in ("script_user", "notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"):
            if (said := getattr(block, field)) is not None:
                yield ("global_defs", field), said.user, said.group
    for path, _, user, group in programs(spec):
        yield path, user, group


@of_host(
    "LVS802",
    WARNING,
    "No user for scripts",
    reason=f"Nothing says whom scripts run as, and there is no user {DEFAULT_USER} here: keepalived runs them as root.",
    remedy=f"Write script_user under global_defs, or create {DEFAULT_USER} without a shell.",
)
def no_script_user(spec: Spec, host: HostFacts) -> Iterator[Broken]:
    """Only where some program names no user of its own, and lvsctl's hooks do not bring one."""
    if default_user(spec) == DEFAULT_USER and not host.user_exists(DEFAULT_USER):
        path = next((each.path for each in programs(spec) if each.user is None), None)
        if path is not None:
            yield Broken(
                path, f"it would run as root: there is no script_user, and no user {DEFAULT_USER} here"
            )


@of_host(
    "LVS803",
    ERROR,
    "An interface that does not exist",
    reason="keepalived 2.2.7 disables the instance ('Unknown interface!'), or refuses to start; its addresses are nowhere.",
    remedy="Correct the name (ip link shows them), create the interface before keepalived starts, or set dynamic_interfaces.",
)
def unknown_interface(spec: Spec, host: HostFacts) -> Iterator[Broken]:
    """Interfaces of instances and their addresses, and tracked ones; those that keepalived makes itself are left out."""
    if spec.global_defs is not None and spec.global_defs.dynamic_interfaces is not None:
        return
    present = host.interfaces() | _own_interfaces(spec)
    for path, interface in _interfaces(spec):
        if interface not in present:
            yield Broken(path, f"there is no interface {interface!r} here")


def _own_interfaces(spec: Spec) -> set[str]:
    made = [vlan for each in spec.vrrp_instances.values() for vlan in (each.use_vmac, each.use_ipvlan)]
    return {vlan.interface for vlan in made if vlan is not None and vlan.interface is not None}


def _interfaces(spec: Spec) -> Iterator[tuple[Path, str]]:
    for name, instance in spec.vrrp_instances.items():
        yield from _of_instance(("vrrp_instances", name), instance)
    for index, static in enumerate(spec.static_ipaddress):
        if static.dev is not None:
            yield ("static_ipaddress", index), static.dev
    for address, way in spec.return_paths.items():
        yield ("return_paths", str(address), "interface"), way.interface
    for name, uplink in spec.uplinks.providers.items() if spec.uplinks else ():
        yield ("uplinks", "providers", name, "interface"), uplink.interface


def _of_instance(path: Path, instance: VrrpInstance) -> Iterator[tuple[Path, str]]:
    if instance.interface is not None:
        yield (*path, "interface"), instance.interface
    for index, tracked in enumerate(instance.track_interface):
        yield (*path, "track_interface", index), tracked.interface
    for field in ("virtual_ipaddress", "virtual_ipaddress_excluded"):
        for index, line in enumerate(getattr(instance, field)):
            if line.dev is not None:
                yield (*path, field, index), line.dev


@of_host(
    "LVS804",
    WARNING,
    "A tracked file in a folder that does not exist",
    reason="keepalived 2.2.7 starts, but cannot watch the file: what is written there later changes nothing. Newer releases refuse the file.",
    remedy="Create the folder before keepalived starts, by tmpfiles.d when it is below /run.",
)
def no_folder_for_file(spec: Spec, host: HostFacts) -> Iterator[Broken]:
    """`file` of `track_files`."""
    for name, each in spec.track_files.items():
        folder = dirname(each.file)
        last = host.components(host.real_path(folder))[-1]
        if last.kind != "directory":
            yield Broken(("track_files", name, "file"), f"{last.path} is {_said(last)}")


@of_host(
    "LVS805",
    ERROR,
    "A secret that is missing, or that others can read",
    reason="Without the file keepalived does not start, or the provider's API cannot be used at the failover; and what others can read is no secret.",
    remedy="chown root, chmod 600; only root or the reader may own it.",
)
def weak_secret(spec: Spec, host: HostFacts) -> Iterator[Broken]:
    """Files of `auth_pass` and `credentials`."""
    for path, file in _secrets(spec):
        last = host.components(host.real_path(file))[-1]
        if last.kind != "file":
            yield Broken(path, f"{last.path} is {_said(last)}")
        elif last.mode & NOT_OWNER:
            yield Broken(path, f"others can read {file} (mode {last.mode:04o}): chmod 600 {quote(file)}")


def _said(part: PathComponent) -> str:
    return "missing" if part.kind == "missing" else f"a {part.kind}"


def _secrets(spec: Spec) -> Iterator[tuple[Path, str]]:
    for name, instance in spec.vrrp_instances.items():
        if instance.authentication and isinstance(instance.authentication.auth_pass, SecretFile):
            path = ("vrrp_instances", name, "authentication", "auth_pass")
            yield path, instance.authentication.auth_pass.file
    for index, each in enumerate(spec.failover_ips):
        if each.credentials is not None:
            yield ("failover_ips", index, "credentials"), each.credentials
