"""Makes what a plan says, idempotently: contents first and rules last, and back the other way round."""

from pathlib import Path

from lvsctl.errors import LvsctlError
from lvsctl.host.netns import inside
from lvsctl.net.kernel import Net
from lvsctl.net.model import HostAddress, Route, Rule
from lvsctl.returnpath.intent import Host, Intended, Plan, plan
from lvsctl.vocabulary import Family

SNAT_REROUTE = Path("/proc/sys/net/ipv4/vs/snat_reroute")

ROUNDS = 3
"""How often a plan is made anew: the kernel drops routes together with an address or a link."""


def look(net: Net, netns: str | None = None) -> Host:
    """Answer what the network namespace of *net*, called *netns*, has."""
    return Host(
        links={name: link.is_up for name, link in net.links().items()},
        addresses=tuple(net.addresses()),
        routes=tuple(route for family in Family for route in net.routes(family)),
        rules=tuple(rule for family in Family for rule in net.rules(family)),
        reroutes=_read_there(SNAT_REROUTE, netns) != "0",
    )


def apply(net: Net, steps: Plan) -> None:
    """Do what *steps* say; what is so already stays. Raises what :class:`lvsctl.net.kernel.Net` raises."""
    for verb, each in steps.steps():
        _do(net, verb, each)


def converge(net: Net, intended: Intended, netns: str | None = None) -> list[str]:
    """Make the namespace of *net* have what is *intended*; answer the ``ip`` commands that stand for what was done."""
    done: list[str] = []
    for _ in range(ROUNDS):
        steps = plan(intended, look(net, netns))
        if not steps:
            return done
        apply(net, steps)
        done += steps.commands()
    left = plan(intended, look(net, netns))
    if left:
        raise LvsctlError(
            f"somebody undoes the return paths: {next(left.commands())} was needed again",
            hint="systemd-networkd does so unless ManageForeignRoutes=no and ManageForeignRoutingPolicyRules=no",
        )
    return done


def _do(net: Net, verb: str, each: HostAddress | Route | Rule) -> None:
    match verb, each:
        case "replace", Route():
            net.replace_route(each)
        case "del", Route():
            net.delete_route(each)
        case "add", Rule():
            net.add_rule(each)
        case "del", Rule():
            net.delete_rule(each)
        case "add", HostAddress():
            net.add_address(each)
        case "del", HostAddress():
            net.delete_address(each)
        case _:
            raise AssertionError(verb)


def _read_there(path: Path, netns: str | None) -> str | None:
    """Answer what a file of /proc/sys says in that namespace; None when there is none."""

    def read() -> str | None:
        try:
            return path.read_text(encoding="ascii").strip()
        except OSError:
            return None

    return read() if netns is None else inside(netns, read)
