"""What a keepalived configuration says of its virtual servers, as far as a sorry swap has to know it.

Pure: it reads a tree of statements (:func:`lvsctl.keepalived.parse.parse`). It judges no values: what keepalived
drops with a complaint is left out here too, and what it merely puts right is read as keepalived reads it (2.2.7,
check_parser.c and check_data.c).
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from lvsctl.ipvs.model import DestKey
from lvsctl.keepalived.config import Config, Statement
from lvsctl.sorry.form import DEFAULT_SCHEDULER, Form, safe_form
from lvsctl.vocabulary import Address, Family, Protocol, ServiceKey, family_of


class Span(NamedTuple):
    """Services with neighbouring addresses, or of one firewall mark: one line of a virtual_server_group."""

    first: ServiceKey
    last: Address | None = None
    """The last address; None for a mark."""
    any_family: bool = False
    """A mark without a family is of whichever family the real servers are."""

    def covers(self, key: ServiceKey) -> bool:
        """Answer whether *key* is one of them."""
        if self.last is None or key.address is None:
            same = self.first if not self.any_family else self.first._replace(family=key.family)
            return key == same
        alike = self.first._replace(address=key.address) == key
        return alike and int(self.first.address or 0) <= int(key.address) <= int(self.last)


class Maintenance(NamedTuple):
    """The file that takes every real server of a service down at once."""

    track_file: str
    """The name of its track_file."""
    file: str
    """Its path, as keepalived names it."""


class Managed(NamedTuple):
    """One virtual server of a keepalived."""

    name: str
    """As keepalived names it: ``[10.0.0.1]:tcp:80``, ``FWM 7``, ``[web]``."""
    spans: tuple[Span, ...]
    form: Form
    """The form it has; what a service without a sorry server and inhibit_on_failure has is the plain one."""
    safe_form: Form
    """The form it may have when expire_quiescent_template is 0."""
    real_servers: tuple[str, ...]
    """As they are written: ``10.0.0.21 8080``."""
    places: tuple[tuple[Address, int], ...]
    """The same, read; port 0 when none is written."""
    sorry_server: tuple[Address, int] | None
    """Where its sorry server is; port 0 when none is written."""
    maintenance: Maintenance | None
    """None when there is no file, or not one that reaches every real server."""
    unmaintained: tuple[str, ...] = ()
    """The real servers that the file would miss."""

    def covers(self, key: ServiceKey) -> bool:
        """Answer whether *key* is a service that this virtual server makes."""
        return any(span.covers(key) for span in self.spans)

    @property
    def only_key(self) -> ServiceKey | None:
        """The service that it makes, or None when it may make several."""
        if len(self.spans) != 1 or self.spans[0].any_family:
            return None
        first, last, _ = self.spans[0]
        return first if last in (None, first.address) else None

    def has_real(self, key: ServiceKey, dest_key: DestKey) -> bool:
        """Answer whether *dest_key* in the table entry of *key* is one of its real servers."""
        # Without NAT the port in the table is the service's, whatever is written (ipvswrapper.c).
        return any(
            address == dest_key.address and dest_key.port in (port or key.port, key.port)
            for address, port in self.places
        )


def managed(config: Config) -> tuple[Managed, ...]:
    """Answer the virtual servers of *config* that keepalived would work on: those that have a real server."""
    groups = {each.words[1]: each.body or () for each in _blocks(config, "virtual_server_group")}
    files = {each.words[1]: path for each in _blocks(config, "track_file") if (path := _file_of(each))}
    found = (_managed(each, groups, files) for each in _blocks(config, "virtual_server"))
    return tuple(each for each in found if each is not None)


def _blocks(config: Iterable[Statement], keyword: str) -> Iterator[Statement]:
    return (each for each in config if each.keyword == keyword and each.body and len(each.words) > 1)


def _managed(
    server: Statement, groups: Mapping[str, Config], files: Mapping[str, Maintenance]
) -> Managed | None:
    body = server.body or ()
    reals = [each for each in body if each.keyword == "real_server" and len(each.words) > 1]
    spans = tuple(_spans(server, groups))
    if not reals or not spans:
        return None
    checked = {each: _maintenance(each, files) for each in reals}
    common = next(iter(_common(checked.values())), None)
    whole = common is not None and all(common in each for each in checked.values())
    written = {each: " ".join(each.words[1:]) for each in reals}
    return Managed(
        name=_name(server, spans),
        spans=spans,
        form=_form(body, reals),
        safe_form=_safe_form(body),
        real_servers=tuple(written.values()),
        places=tuple(place for each in reals if (place := _place(each.words[1:]))),
        sorry_server=_sorry_server(body),
        maintenance=common if whole else None,
        unmaintained=tuple(text for each, text in written.items() if common not in checked[each]),
    )


def _common(each: Iterable[tuple[Maintenance, ...]]) -> Iterator[Maintenance]:
    """Yield the files, those first that most real servers have."""
    count: dict[Maintenance, int] = {}
    for files in each:
        for file in dict.fromkeys(files):
            count[file] = count.get(file, 0) + 1
    yield from sorted(count, key=lambda file: -count[file])


def _maintenance(real: Statement, files: Mapping[str, Maintenance]) -> tuple[Maintenance, ...]:
    """Answer the files that take *real* down when they hold another number than 0."""
    checks = [each.body or () for each in real.body or () if each.keyword == "FILE_CHECK"]
    # A weight other than 0 here makes the file move the weight of the server instead.
    names = [_value(each, "track_file") for each in checks if _value(each, "weight") in ("", "0")]
    return tuple(files[name] for name in names if name in files)


def _file_of(track_file: Statement) -> Maintenance | None:
    body = track_file.body or ()
    path, weight = _value(body, "file"), _value(body, "weight")
    return Maintenance(track_file.words[1], path) if path and weight == "0" else None


def _form(body: Config, reals: Iterable[Statement]) -> Form:
    every = _has(body, "inhibit_on_failure") or all(
        _has(each.body or (), "inhibit_on_failure") for each in reals
    )
    return Form.RESIDENT if every and _has(body, "sorry_server_inhibit") else Form.PLAIN


def _safe_form(body: Config) -> Form:
    return safe_form(
        _value(body, "lvs_sched") or _value(body, "lb_algo") or DEFAULT_SCHEDULER,
        fallback=_has(body, "sh-fallback") or _has(body, "mh-fallback") or _has(body, "flag-1"),
        persistent=_has(body, "persistence_timeout"),
        templates_expire=False,
    )


def _sorry_server(body: Config) -> tuple[Address, int] | None:
    words = next((each.words[1:] for each in reversed(body) if each.keyword == "sorry_server"), ())
    return _place(words)


def _place(words: tuple[str, ...]) -> tuple[Address, int] | None:
    address = _address(words[0]) if words else None
    return None if address is None else (address, _number(words[1] if len(words) > 1 else "0"))


def _name(server: Statement, spans: tuple[Span, ...]) -> str:
    if server.words[1] == "group":
        return f"[{server.words[2]}]"
    first = spans[0].first
    if first.mark:
        return f"FWM {first.mark}"
    return f"[{first.address}]:{str(first.protocol).lower()}:{first.port}"


def _spans(server: Statement, groups: Mapping[str, Config]) -> Iterator[Span]:
    body = server.body or ()
    # Without a protocol keepalived takes UDP for an address (check_data.c, 2.2.7).
    protocol = Protocol.__members__.get((_value(body, "protocol") or "UDP").upper())
    match server.words[1:]:
        case ("group", name):
            entries = groups.get(name, ())
        case ("group", *_):
            entries = ()
        case words:
            entries = (Statement(words),)
    family = _value(body, "ip_family")
    for entry in entries:
        if span := _span(entry.words, protocol, family):
            yield span


def _span(words: tuple[str, ...], protocol: Protocol | None, family: str) -> Span | None:
    match words:
        case ("fwmark", mark, *rest):
            kind = rest[0] if rest else family
            known = Family(kind) if kind in tuple(Family) else None
            number = _number(mark)
            return (
                Span(ServiceKey.fwmark(number, known or Family.INET), any_family=not known)
                if number
                else None
            )
        case (text, *rest) if protocol is not None:
            first, last = _range(text)
            if first is None or last is None:
                return None
            key = ServiceKey(protocol, first, _number(rest[0] if rest else "0"), 0, family_of(first))
            return Span(key, last)
    return None


def _range(text: str) -> tuple[Address | None, Address | None]:
    """Read ``10.0.0.1``, ``10.0.0.1-7`` (the last part, hexadecimal in IPv6), ``A-B`` or ``10.0.0.0/28``."""
    if "/" in text:
        try:
            network = ip_network(text)
        except ValueError:
            return None, None
        return network[0], network[-1]
    head, dash, tail = text.partition("-")
    first = _address(head)
    if first is None or not dash:
        return first, first
    if "." in tail or ":" in tail:
        return first, _address(tail)
    separator = ":" if isinstance(first, IPv6Address) else "."
    return first, _address(first.exploded.rpartition(separator)[0] + separator + tail)


def _has(body: Iterable[Statement], keyword: str) -> bool:
    return any(each.keyword == keyword for each in body)


def _value(body: Iterable[Statement], keyword: str) -> str:
    """Answer what the last *keyword* says, as keepalived takes it; the empty string when there is none."""
    return next(
        (each.words[1] for each in reversed(tuple(body)) if each.words[0] == keyword and each.words[1:]), ""
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 12 else 0  # noqa: PLR2004 - beyond 32 bits


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
