"""Hypothesis strategies for the values of the spec: for every value type, the texts an operator may type.

Derived from the types themselves (their bounds, words and patterns). What a value means to its neighbours is the
business of :mod:`tests.support.strategies_models`; a type without a strategy here fails the first test that meets it.
"""

import string
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from lvsctl.spec import (
    addresses,
    authentication,
    check_http,
    check_net,
    failover_ips,
    iproute2,
    next_hops,
    server_group,
    sorry,
    values,
    virtual_server,
    vrrp_instance,
    vrrp_options,
)
from lvsctl.spec.global_processes import RxBufsPolicy
from lvsctl.spec.script import Argument
from lvsctl.spec.values import Parsed

Texts = SearchStrategy[str]

SAFE = string.ascii_letters + string.digits
NASTY = SAFE + " #!{}()[]<>$%&*+,-./:;=?@\\^_`|~'éß"
"""What text may be made of: all of ASCII that prints, but for the double quote, and a few letters that are not."""

INTERFACES = ("eth0", "eth1", "bond0.10", "wan-1", "a.b@c")


def accepted(of: Parsed, texts: Texts) -> Texts:
    """Answer those of *texts* that the type *of* accepts."""
    return texts.filter(lambda text: accepts(of, text))


def accepts(of: Parsed, text: object) -> bool:
    """Answer whether the type *of* accepts *text*."""
    try:
        of.parse(text)
    except ValueError:
        return False
    return True


def text_of(of: values.Text) -> Texts:
    """Answer texts that fit the pattern, short ones mostly."""
    if not of.pattern:
        texts = st.text(NASTY, min_size=of.low, max_size=min(of.high, of.low + 12))
        return accepted(of, texts.filter(lambda text: not text.endswith("\\")))
    texts = st.from_regex(of.pattern, fullmatch=True, alphabet=NASTY)
    return accepted(of, texts.filter(lambda text: not text.endswith("\\") and text not in ("{", "}")))


def whole(of: values.Whole) -> Texts:
    """Answer numbers, their ends most of all."""
    near = st.integers(max(of.low, -5), min(of.high, 50)) if of.low <= 50 else st.just(of.low)
    return st.one_of(near, st.sampled_from((of.low, of.high)), st.integers(of.low, of.high)).map(str)


def fraction(of: values.Fraction) -> Texts:
    """Answer decimal numbers with as many places as keepalived takes."""
    numbers = st.decimals(of.low, min(of.high, of.low + 100), places=min(2, of.decimals), allow_nan=False)
    ends = st.sampled_from((of.low, of.high))
    return accepted(of, st.one_of(numbers, ends).map(lambda number: format(Decimal(number), "f")))


def _truth(_of: values.Truth) -> Texts:
    return st.sampled_from(("true", "yes", "on", "True", "false", "no", "OFF"))


def _words(of: values.OneOf) -> Texts:
    return st.sampled_from(of.words)


def _any_case(of: values.AnyCase) -> Texts:
    return st.sampled_from((*of.words, *(word.lower() for word in of.words)))


def _argument(of: Argument) -> Texts:
    # Words that only a shell would take for its own are a rule's business (LVS402), and seldom meant.
    return accepted(
        of, st.text(NASTY, min_size=1, max_size=12).filter(lambda text: not set(text) <= set("&|;<>"))
    )


def _secret(of: Parsed) -> SearchStrategy[Any]:
    file = st.sampled_from(("/etc/lvsctl/vi1.conf", "/srv/a+b@c=1,2:3")).map(lambda path: {"file": path})
    return st.one_of(accepted(of, st.text(NASTY, min_size=1, max_size=8)), file)


def _number(of: Parsed, low: int, high: int) -> Texts:
    numbers = st.one_of(st.integers(low, min(high, low + 300)), st.just(high), st.integers(low, high))
    return accepted(of, st.one_of(numbers.map(str), numbers.map(hex)))


def _name_or(of: iproute2.NameOr) -> Texts:
    # Names are looked up in /etc/iproute2 of the machine that asks: no matter for a type.
    return _number(of, of.low, of.high)


def _lockable(of: iproute2.Lockable) -> Texts:
    return st.builds("{}{}".format, st.sampled_from(("", "lock ")), value(of.of))


def _span(of: iproute2.Span) -> Texts:
    return accepted(
        of,
        st.builds("{}-{}".format, st.integers(1, of.high), st.integers(1, of.high))
        | whole(values.Whole(1, of.high)),
    )


def _spelled(*texts: str) -> Callable[[Parsed], Texts]:
    return lambda of: accepted(of, st.sampled_from(texts))


def _address(of: Parsed) -> Texts:
    return accepted(of, st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str))


MAKERS: dict[type[Parsed], Callable[[Any], SearchStrategy[Any]]] = {
    values.Whole: whole,
    values.Fraction: fraction,
    values.Truth: _truth,
    values.OneOf: _words,
    values.AnyCase: _any_case,
    values.Text: text_of,
    values.RawLine: _spelled("# a comment", "! another"),
    values._Converted: _address,
    values._Prefixed: _spelled("192.0.2.1", "192.0.2.1/24", "2001:db8::1", "2001:db8::1/64"),
    addresses._Broadcast: _spelled("+", "-", "192.0.2.255"),
    addresses._Lifetime: _spelled("0", "300", "4294967295", "forever"),
    authentication._Secret: _secret,
    check_http.Status: _spelled("200", "204-299", "100-599", "503"),
    check_net.DnsName: _spelled(".", "example.org", "www.example.org.", "_x-1.example"),
    failover_ips.FailoverAddress: _spelled("203.0.113.10", "2001:db8:1::/64"),
    iproute2.AnyBase: lambda of: _number(of, of.low, of.high),
    iproute2.NameOr: _name_or,
    iproute2.WordOr: lambda of: st.sampled_from((*of.words, "0", str(of.high))),
    iproute2._Realms: _spelled("4", "3/4", "0x10"),
    iproute2._Destination: _spelled("default", "192.0.2.0/24", "2001:db8::/32"),
    iproute2.Lockable: _lockable,
    iproute2.RoundTrip: _spelled("250ms", "1.5s", "300", "2sec", "0.5s"),
    iproute2.Span: _span,
    iproute2._Mark: _spelled("1", "0x10", "7/0xff", "4294967295/4294967295"),
    next_hops._TunnelLabel: _spelled("100", "100/200", "2001:db8:0:1"),
    server_group.Range: _spelled("192.0.2.1"),
    sorry.Moment: _spelled("2026-11-21T18:00+01:00", "2026-11-21 17:00Z"),
    sorry.Prose: lambda of: accepted(of, st.text(NASTY, min_size=1, max_size=12)),
    virtual_server.Granularity: _spelled("255.255.255.0", "64", "128"),
    vrrp_instance._Group: _spelled("224.0.0.18", "ff02::12", "239.1.2.3"),
    vrrp_options._Mac: _spelled("02:00:00:00:00:01", "02:0a:0b:0c:0d"),
    RxBufsPolicy: _spelled("MTU", "advert", "65536"),
    Argument: _argument,
}
"""How values of a type are made. By exact class: a new type needs an entry of its own."""

ABSOLUTE_PATH = values.AbsolutePath.__metadata__[0]  # type: ignore[attr-defined]  # Annotated

KNOWN: dict[object, Texts] = {
    values.Interface.__metadata__[0]: st.sampled_from(INTERFACES),  # type: ignore[attr-defined]  # Annotated
    ABSOLUTE_PATH: st.lists(
        st.text(NASTY.replace("/", ""), min_size=1, max_size=8).filter(
            lambda part: part.strip(" .\\") == part
        ),
        min_size=2,
        max_size=3,
    ).map(lambda parts: "/srv/" + "/".join(parts)),
}
"""What is known better than the type's pattern says."""


def value(of: Parsed) -> SearchStrategy[Any]:
    """Answer a strategy for the texts of one value type."""
    if of in KNOWN:
        return accepted(of, KNOWN[of])
    return MAKERS[type(of)](of)
