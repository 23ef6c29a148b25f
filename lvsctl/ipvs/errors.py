"""What can go wrong with the table, in words: what, where, what next.

::

    LvsctlError
    ├── Unavailable ── NoIpvs            this kernel has no IPVS, or its answers cannot be read
    ├── Denied ─────── NotRoot           CAP_NET_ADMIN is missing
    ├── Busy ───────── Restless          the table changes faster than it can be read
    ├── StepsRefused                     the kernel refused steps; carries which, why, and what became of the rest
    └── RequestRefused                   the kernel refused something that is no step (a sync daemon, timeouts)
"""

import errno
import os
from collections.abc import Sequence
from typing import NamedTuple

from lvsctl.errors import Busy, Denied, LvsctlError, Unavailable
from lvsctl.ipvs.steps import AddDest, AddService, EditDest, EditService, Step, describe
from lvsctl.vocabulary import ForwardingMethod, TunnelType


class NoIpvs(Unavailable):
    """This kernel has no IPVS."""

    def __init__(self) -> None:
        super().__init__(
            "this kernel has no IPVS", hint="load it: modprobe ip_vs (and see it stay: /etc/modules-load.d)"
        )


class NotRoot(Denied):
    """The kernel wants CAP_NET_ADMIN for its IPVS table, for reading as well."""

    def __init__(self) -> None:
        super().__init__(
            "the kernel lets only CAP_NET_ADMIN touch its IPVS table",
            hint="run as root; everybody may read /proc/net/ip_vs, which is what `lvsctl ipvs show` then does",
        )


class Restless(Busy):
    """No two readings in a row agreed, for so many *seconds*."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(
            f"{what} changed during every reading, for {seconds:g} s",
            hint="stop whatever rewrites it, and try again",
        )


class Refusal(NamedTuple):
    """A step that was refused, and the errno the kernel gave."""

    step: Step
    code: int

    def __str__(self) -> str:
        what, _ = explain(self.step, self.code)
        return f"{describe(self.step)}: {what}"

    @property
    def hint(self) -> str:
        """What to do next."""
        return explain(self.step, self.code)[1]


class StepsRefused(LvsctlError):
    """Steps were refused. *applied* steps stand, unless they were *reversed*."""

    def __init__(
        self, refusals: Sequence[Refusal], applied: Sequence[Step] = (), *, reversed_: bool = False
    ) -> None:
        lines = [str(refusal) for refusal in refusals[:_SHOWN]]
        if len(refusals) > _SHOWN:
            lines.append(f"… and {len(refusals) - _SHOWN} more")
        if applied:
            fate = "taken back" if reversed_ else "left in place"
            count = "1 other step" if len(applied) == 1 else f"{len(applied)} other steps"
            lines.append(f"{count} had been applied, now {fate}")
        super().__init__("\n".join(lines), hint=refusals[0].hint if refusals else "")
        self.refusals = tuple(refusals)
        self.applied = tuple(applied)
        self.reversed = reversed_


class RequestRefused(LvsctlError):
    """The kernel refused a request that is no step; *code* is its errno."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what}: {_PLAIN.get(code) or os.strerror(code)}")
        self.code = code


_SHOWN = 20

_CHANGED = "somebody changed the table meanwhile; look again: lvsctl ipvs show"

_PLAIN = {
    errno.EPERM: "not permitted; it takes CAP_NET_ADMIN",
    errno.EEXIST: "it exists already",
    errno.ESRCH: "there is no such service",
    errno.ENOENT: "there is no such destination",
    errno.ENODEV: "there is no such network interface",
}


def explain(step: Step, code: int) -> tuple[str, str]:  # noqa: PLR0911 - one per cause
    """Answer why the kernel refused *step* with *code*, and what to do next (or the empty string)."""
    match code, step:
        case errno.ENOENT, (AddService() | EditService()):
            modules = f"ip_vs_{step.service.scheduler}"
            if step.service.engine:
                modules += f" and ip_vs_pe_{step.service.engine}"
            return "the kernel has no such scheduler or persistence engine", f"load {modules} with modprobe"
        case errno.ERANGE, (AddDest() | EditDest()):
            return _range(step), "a weight is 0 or more, and the lower threshold at most the upper one"
        case errno.EINVAL, (AddDest() | EditDest()):
            return _invalid(step), ""
        case errno.EINVAL, _:
            return "the kernel says that a value is not valid", "an IPv6 persistence prefix is 1 to 128"
        case errno.EAFNOSUPPORT, _:
            return "this kernel has no IPVS for that address family", ""
        case ((errno.EEXIST | errno.ESRCH | errno.ENOENT), _):
            return _PLAIN[code], _CHANGED
        case _:
            return _PLAIN.get(code) or os.strerror(code), ""


def _range(step: AddDest | EditDest) -> str:
    if step.dest.weight < 0:
        return f"weight {step.dest.weight} is negative"
    return f"the lower threshold {step.dest.lower} is above the upper one, {step.dest.upper}"


def _invalid(step: AddDest | EditDest) -> str:
    dest, family = step.dest, step.key.family
    if (
        step.dest_key.address.version != (4 if family == "inet" else 6)
        and dest.method is not ForwardingMethod.TUN
    ):
        return "only a tunnel leads to the other address family"
    if dest.tunnel.type is TunnelType.GUE and not dest.tunnel.port:
        return "a gue tunnel needs a port"
    if step.dest_key.address.is_multicast or step.dest_key.address.is_unspecified:
        return f"{step.dest_key.address} is not a unicast address"
    return "the kernel says that a value is not valid (is the address a unicast one?)"
