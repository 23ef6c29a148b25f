"""The block ``global_defs``: what holds for the whole daemon, and the defaults of everything else.

Its keywords are sorted by noun into one class each, here and in the modules ``global_*``.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, model_validator

from lvsctl.spec.base import Block, Extensible, Line, OptionalLine, line_layout
from lvsctl.spec.forms import FIRST, REST, bare
from lvsctl.spec.global_processes import Processes
from lvsctl.spec.global_reports import Mail, Monitoring, Scripts
from lvsctl.spec.global_vrrp import VrrpDefaults, multicast
from lvsctl.spec.values import (
    AbsolutePath,
    Address,
    Bool,
    Flag,
    Interface,
    Port,
    ShellSafePath,
    Switch,
    Text,
    Whole,
    Word,
)

Timeout = Annotated[int, Whole(0, 2678400, "s")]
"""IPVS keeps a connection for at most 31 days (LVS_MAX_TIMEOUT)."""


class IncludeCheck(OptionalLine):
    """What is wrong with an included file."""

    syntax = "[+|-]read|match|wildcard_match|brace_match..."

    checks: Annotated[
        tuple[Annotated[str, Text("a check", r"[+-]?(?:read|match|wildcard_match|brace_match)")], ...], REST
    ] = ()
    """The checks: the first one may stand alone, `+` adds to those that hold already and `-` takes away."""

    @model_validator(mode="after")
    def _further_ones_have_a_sign(self) -> Self:
        for check in self.checks[1:]:
            if check[0] not in "+-":
                raise ValueError(
                    f"expected '+{check}' or '-{check}': only the first check can stand without a sign"
                )
        return self


class OptionalFile(OptionalLine):
    """A file where keepalived knows a place of its own."""

    syntax = "[PATH]"

    path: Annotated[AbsolutePath | None, FIRST] = None
    """The file."""


class ConfigFiles(Block):
    """How configuration files are read, and read again."""

    tmp_config_directory: AbsolutePath | None = None
    """Folder for the copy of the configuration that keepalived's processes read; the default is memory."""
    include_check: IncludeCheck | None = None
    """Which included files are an error; `true` is all that cannot be read or match nothing."""
    reload_check_config: OptionalFile | None = None
    """Check a new configuration before a reload, and refuse it when it is wrong: `true`, or a file for the complaints."""
    reload_time_file: AbsolutePath | None = None
    """A file with the time of the next reload."""
    reload_repeat: Flag = False
    """Keep that file, so that a time of day means every day."""
    reload_file: OptionalFile | None = None
    """A file that exists while keepalived reads its configuration: `true`, or which one."""
    config_save_dir: ShellSafePath | None = None
    """Folder for copies of the configuration and the state before and after each reload, for debugging."""
    data_use_instance: Switch | None = None
    """Put the instance and the network namespace into the names of the dumps that SIGUSR1 writes."""


class LvsTimeouts(Line):
    """How long IPVS remembers a connection on which nothing happens."""

    syntax = "[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]"

    tcp: Timeout | None = None
    """Of an established TCP connection, in seconds."""
    tcpfin: Timeout | None = None
    """Of a TCP connection after a FIN, in seconds."""
    udp: Timeout | None = None
    """Between two UDP packets, in seconds."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tcp is None and self.tcpfin is None and self.udp is None:
            raise ValueError("expected at least one of tcp, tcpfin and udp")
        return self


class LvsFlushOnStop(OptionalLine):
    """How virtual servers are removed when keepalived stops."""

    syntax = "[VS]"

    vs: Annotated[Bool, bare("VS")] = False
    """Remove keepalived's own services only; without it (`true`) the whole IPVS table is emptied."""


class LvsSyncDaemon(Line):
    """The kernel's daemon that tells the other director about connections."""

    syntax = "INTERFACE [inst VRRP_INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]"

    interface: Annotated[Interface, FIRST]
    """The interface it talks on."""
    inst: Word | None = None
    """The VRRP instance whose master sends and whose backup receives; without it both directors do both."""
    id: Annotated[int, Whole(0, 255)] | None = None
    """The number that both directors share; the default is the instance's virtual router ID, or 0."""
    maxlen: Annotated[int, Whole(1, 65507, "bytes")] | None = None
    """The longest packet it sends."""
    port: Port | None = None
    """The UDP port; the kernel's default is 8848."""
    ttl: Annotated[int, Whole(1, 255)] | None = None
    """The TTL of its packets."""
    group: Annotated[Address, AfterValidator(multicast)] | None = None
    """The multicast group; the kernel's default is 224.0.0.81."""

    @classmethod
    def _parts(cls, words: list[str]) -> Iterator[tuple[str, Any]]:
        # Before 2.0 there were no words: INTERFACE VRRP_INSTANCE ID. keepalived still reads that.
        for place, option in ((1, "inst"), (3, "id")):
            if len(words) > place and words[place] not in line_layout(cls).words:
                words = [*words[:place], option, *words[place:]]
        return super()._parts(words)


class LvsDefaults(Block):
    """IPVS and the checks of real servers."""

    lvs_timeouts: LvsTimeouts | None = None
    """The timeouts of IPVS; what is not named stays as it is."""
    lvs_flush: Flag = False
    """Empty the whole IPVS table when keepalived starts, foreign services included."""
    lvs_flush_on_stop: LvsFlushOnStop | None = None
    """When keepalived stops, empty the IPVS table at once instead of entry by entry: `true`, or `VS`."""
    lvs_sync_daemon: LvsSyncDaemon | None = None
    """Share connections with the other director."""
    checker_log_all_failures: Switch | None = None
    """Log every check that fails, also when it will be retried."""


class GlobalDefs(Monitoring, Processes, LvsDefaults, VrrpDefaults, Mail, Scripts, ConfigFiles, Extensible):
    """What holds for the whole daemon, and the defaults of everything else."""

    # pydantic takes the fields of the last base first. That is the order keepalived needs: where its copy lies,
    # whom scripts run as, and only then what uses them.
