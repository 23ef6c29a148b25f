"""The return paths as a step of a transition, of the boot, and of whatever else happens to links and addresses."""

from lvsctl.errors import LvsctlError
from lvsctl.net.kernel import Net
from lvsctl.returnpath.apply import converge
from lvsctl.returnpath.check import Finding, Severity, findings
from lvsctl.returnpath.intent import Intended
from lvsctl.returnpath.see import see

MATTER = frozenset({"no-way", "wrong-way", "missing", "address-missing", "link", "rp-filter"})
"""What says that an address does not answer as it should now."""


def ensure(intended: Intended, netns: str | None = None) -> str:
    """Make the host have what lvsctl owns of *intended*, look at all of it, and answer what that took.

    Empty when nothing was to be done. What keepalived owns is only looked at. Raises LvsctlError when an address does not answer through its gateway
    nevertheless, Denied when only root may, Unavailable for what the kernel refuses.
    """
    if not intended.paths and not intended.addresses:
        return ""
    with Net(netns) as net:
        done = converge(net, intended, netns)
    if left := unsettled(intended, netns):
        raise LvsctlError("; ".join(map(str, left)), hint=left[0].remedy)
    return f"{len(done)} changes: {'; '.join(done)}" if done else ""


def unsettled(intended: Intended, netns: str | None = None) -> tuple[Finding, ...]:
    """Answer what keeps addresses of *intended* from answering through their gateways now; boot files are not read."""
    found = findings(intended, see(intended, netns=netns, boot=False))
    return tuple(each for each in found if each.severity is Severity.ERROR and each.id in MATTER)
