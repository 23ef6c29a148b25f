"""The part of ``global_defs`` about keepalived's processes: names, priorities, memory, buffers."""

import re
from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Block, Line, OptionalLine
from lvsctl.spec.forms import FIRST, REST, WORDS
from lvsctl.spec.values import Flag, Parsed, Switch, Text, Whole, Word, expected

ProcessName = Annotated[str, Text("a process name of printable ASCII characters", r"[\x21-\x7e]+", high=15)]
Nice = Annotated[int, Whole(-20, 19)]
RealTimePriority = Annotated[int, Whole(1, 99)]
Cpu = Annotated[int, Whole(0, 1023)]
CpuTime = Annotated[int, Whole(2, 4294967295, "µs")]
BufferSize = Annotated[int, Whole(0, 4294967295, "bytes")]
"""0 is the kernel's own size, as if the keyword were not there."""

_UMASK_BIT = r"I[RWX](?:USR|GRP|OTH)"
_UMASK = re.compile(rf"0[0-7]*|0[xX][0-9a-fA-F]+|[1-9][0-9]{{0,2}}|{_UMASK_BIT}(?:\|{_UMASK_BIT})*")
UMASK_MAX = 0o777


class AutoPriority(OptionalLine):
    """How far keepalived may raise its own real-time priority when it runs late."""

    syntax = "[-1 to 99]"

    priority: Annotated[Annotated[int, Whole(-1, 99)] | None, FIRST] = None
    """The highest real-time priority; 0, keepalived's default, is never; -1 also silences the warning about that."""


class RxBufsPolicy(Parsed):
    """How large the receive buffer of a VRRP socket is: ``MTU``, ``ADVERT`` or a number of bytes."""

    number = Whole(0, 4294967295, "bytes")

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        if isinstance(value, str) and value.upper() in ("MTU", "ADVERT"):
            return value.upper()
        try:
            return str(self.number.parse(value))
        except ValueError:
            raise expected(f"MTU, ADVERT or {self.number.expectation}", value) from None


class Umask(Line):
    """Which permissions the files that keepalived creates do not have."""

    syntax = "0OCTAL|0xHEX|DECIMAL|IRUSR|IWGRP|..."

    mask: Annotated[tuple[Word, ...], REST]
    """A number as C writes it (022 is octal, 18 the same in decimal), or names of permission bits with `|` between them."""

    @model_validator(mode="after")
    def _is_a_mask(self) -> Self:
        written = "".join(self.mask)
        if not _UMASK.fullmatch(written) or (written[0].isdigit() and not self._fits()):
            raise expected("a umask such as 022 or IWGRP|IWOTH", " ".join(self.mask))
        return self

    def _fits(self) -> bool:
        number, *more = self.mask
        octal = number[0] == "0" and number[1:2] not in ("x", "X")
        return not more and int(number, 8 if octal else 0) <= UMASK_MAX


class Processes(Block):
    """Names, priorities, memory and buffers of keepalived's processes."""

    process_names: Flag = False
    """Give each process the name of its task: keepalived_vrrp and so on."""
    process_name: ProcessName | None = None
    """The name of the parent process."""
    vrrp_process_name: ProcessName | None = None
    """The name of the VRRP process."""
    checker_process_name: ProcessName | None = None
    """The name of the checker process."""
    bfd_process_name: ProcessName | None = None
    """The name of the BFD process."""
    umask: Umask | None = None
    """Permissions that new files do not get, such as 022; keepalived's default is IWGRP|IWOTH."""
    random_seed: Annotated[int, Whole(0, 4294967295)] | None = None
    """Seed of `${_RANDOM}` in an imported file; the default is the time."""
    max_auto_priority: AutoPriority | None = None
    """Let keepalived raise its real-time priority, up to this, when it finds that it runs late; `true` is up to 99."""
    min_auto_priority_delay: Annotated[int, Whole(1, 10000000, "µs")] | None = None
    """How late it has to run for that, in microseconds; keepalived's default is 1000000."""
    vrrp_priority: Nice | None = None
    """The nice value of the VRRP process; below 0 is more urgent."""
    vrrp_no_swap: Flag = False
    """Lock the VRRP process into memory."""
    vrrp_rt_priority: RealTimePriority | None = None
    """Run the VRRP process with this real-time priority."""
    vrrp_cpu_affinity: Annotated[tuple[Cpu, ...], WORDS] = ()
    """The CPUs that may run the VRRP process."""
    vrrp_rlimit_rttime: CpuTime | None = None
    """How long the VRRP process may run in real time without a blocking call, in microseconds; the default is 10000."""
    checker_priority: Nice | None = None
    """The nice value of the checker process; below 0 is more urgent."""
    checker_no_swap: Flag = False
    """Lock the checker process into memory."""
    checker_rt_priority: RealTimePriority | None = None
    """Run the checker process with this real-time priority."""
    checker_cpu_affinity: Annotated[tuple[Cpu, ...], WORDS] = ()
    """The CPUs that may run the checker process."""
    checker_rlimit_rttime: CpuTime | None = None
    """How long the checker process may run in real time without a blocking call, in microseconds; the default is 10000."""
    bfd_priority: Nice | None = None
    """The nice value of the BFD process; below 0 is more urgent."""
    bfd_no_swap: Flag = False
    """Lock the BFD process into memory."""
    bfd_rt_priority: RealTimePriority | None = None
    """Run the BFD process with this real-time priority."""
    bfd_cpu_affinity: Annotated[tuple[Cpu, ...], WORDS] = ()
    """The CPUs that may run the BFD process."""
    bfd_rlimit_rttime: CpuTime | None = None
    """How long the BFD process may run in real time without a blocking call, in microseconds; the default is 10000."""
    vrrp_netlink_cmd_rcv_bufs: BufferSize | None = None
    """Receive buffer for the answers to what the VRRP process asks the kernel; raise it when the log says "overrun"."""
    vrrp_netlink_cmd_rcv_bufs_force: Switch | None = None
    """Allow that buffer to exceed net.core.rmem_max."""
    vrrp_netlink_monitor_rcv_bufs: BufferSize | None = None
    """Receive buffer for what the kernel reports to the VRRP process on its own."""
    vrrp_netlink_monitor_rcv_bufs_force: Switch | None = None
    """Allow that buffer to exceed net.core.rmem_max."""
    process_monitor_rcv_bufs: BufferSize | None = None
    """Receive buffer for the kernel's reports about processes, which `vrrp_track_processes` needs."""
    process_monitor_rcv_bufs_force: Switch | None = None
    """Allow that buffer to exceed net.core.rmem_max."""
    lvs_netlink_cmd_rcv_bufs: BufferSize | None = None
    """Receive buffer for the answers to what the checker process asks the kernel."""
    lvs_netlink_cmd_rcv_bufs_force: Switch | None = None
    """Allow that buffer to exceed net.core.rmem_max."""
    lvs_netlink_monitor_rcv_bufs: BufferSize | None = None
    """Receive buffer for what the kernel reports to the checker process on its own."""
    lvs_netlink_monitor_rcv_bufs_force: Switch | None = None
    """Allow that buffer to exceed net.core.rmem_max."""
    vrrp_rx_bufs_policy: Annotated[str, RxBufsPolicy()] | None = None
    """Receive buffer of a VRRP socket: `MTU` or `ADVERT` counts the instances that share it, a number is bytes."""
    vrrp_rx_bufs_multiplier: Annotated[int, Whole(1, 4294967295)] | None = None
    """How many packets of each instance that buffer holds; keepalived's default is 3."""
