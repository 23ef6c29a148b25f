"""Makes what a plan says, idempotently: contents first and rules last, and back the other way round."""

from collections.abc import Sequence

from lvsctl.net.kernel import Net
from lvsctl.returnpath.intent import Plan, ReturnPath, plan, unplan
from lvsctl.vocabulary import Family


def planned(net: Net, paths: Sequence[ReturnPath]) -> Plan:
    """Answer what is missing on this host for *paths*."""
    links = {name: link.is_up for name, link in net.links().items()}
    routes = [route for family in Family for route in net.routes(family)]
    rules = [rule for family in Family for rule in net.rules(family)]
    return plan(paths, routes, rules, links)


def unplanned(net: Net) -> Plan:
    """Answer what takes all return paths of lvsctl's back."""
    routes = [route for family in Family for route in net.routes(family)]
    return unplan(routes, [rule for family in Family for rule in net.rules(family)])


def apply(net: Net, steps: Plan) -> None:
    """Do what *steps* say; what is so already stays. Raises what :class:`lvsctl.net.kernel.Net` raises."""
    for route in steps.routes:
        net.replace_route(route)
    for rule in steps.rules:
        net.add_rule(rule)
    for rule in steps.old_rules:
        net.delete_rule(rule)
    for route in steps.old_routes:
        net.delete_route(route)
