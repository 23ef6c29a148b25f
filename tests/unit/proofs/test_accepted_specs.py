"""Whatever spec is accepted: keepalived accepts what it renders to, and reading that back gives the same again.

The specs are drawn by walking the models (:mod:`tests.support.strategies`). ``LVSCTL_PROOFS=500`` draws so many.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given

from lvsctl.compose.adopt import adopt
from lvsctl.compose.config import complete, compose
from lvsctl.compose.render import Rendered, render
from lvsctl.compose.rules import Pair, Severity, check
from lvsctl.errors import SpecInvalid
from lvsctl.keepalived.config import Config, Statement, meaning
from lvsctl.keepalived.judge import judge, objections
from lvsctl.keepalived.parse import Found, Options, Parsed, parse
from lvsctl.keepalived.parse_notes import Kind
from lvsctl.keepalived.quote import Directive
from lvsctl.keepalived.surroundings import surroundings
from lvsctl.spec.base import Model
from lvsctl.spec.document import read
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.load import NO_NODE, Declared, load
from lvsctl.spec.spec import Spec
from tests.support.conf_probe import require_keepalived
from tests.support.strategies import proof, specs, yaml
from tests.support.strategies_draw import Data


def declared(data: Data) -> Declared:
    return load(read(yaml(data), file="lvs.yaml"))


MENDED = frozenset({"LVS024", "LVS025", "LVS028"})
"""Warnings about what keepalived puts right by itself, and says so."""


def rendered(found: Declared) -> Iterator[Rendered]:
    """Yield what each node gets; nothing when a rule, or the printer with a position, refuses the spec."""
    findings = check(Pair(found.specs)).findings
    if any(each.rule.severity is Severity.ERROR or each.rule.id in MENDED for each in findings):
        return
    try:
        yield from [render(found, node) for node in found.specs]
    except SpecInvalid as refusal:
        assert all(fault.place.line for fault in refusal.faults)


SECRET = "standin"  # noqa: S105 - stands for one


def read_back(each: Rendered) -> Parsed:
    """Read a rendered file; whatever it includes holds a password."""
    return parse(
        each.text, options=Options(reader=lambda name, _folder: (Found(name, f"auth_pass {SECRET}\n"),))
    )


def with_secret(config: Config) -> Config:
    """Answer *config* with the password in place of the file that holds it."""
    return tuple(
        Statement(("auth_pass", SECRET)) if isinstance(words[0], Directive)
        else Statement(words, None if body is None else with_secret(body))
        for words, body, _ in config
    )  # fmt: skip


def includes(config: Config) -> int:
    """Answer how many files are named in *config*; reading it back says of each that it was found."""
    return sum(isinstance(words[0], Directive) + includes(body or ()) for words, body, _ in config)


def what_keepalived_is_told(spec: Spec) -> dict[str, object]:
    """Answer the values that keepalived sees; names of services are lvsctl's own, and passwords may be in a file."""
    told = {name: getattr(spec, name) for name in spec.model_fields_set if told_to_keepalived(name)}
    services = {name: plain(service) for name, service in enumerate(spec.virtual_servers.values())}
    instances = {name: plain(instance) for name, instance in spec.vrrp_instances.items()}
    return {key: value for key, value in told.items() if value} | {
        "virtual_servers": services,
        "vrrp_instances": instances,
    }


def told_to_keepalived(name: str) -> bool:
    own = {field.name for field in fields(Spec).values() if field.form is Form.OWN}
    return name not in own


def plain(block: Model) -> dict[str, object]:
    own = {"checks", "maintenance", "owner", "unicast", "authentication"}
    return {
        name: getattr(block, name)
        for name in block.model_fields_set - own
        if getattr(block, name) not in (None, (), False)
    }


@pytest.mark.keepalived
def test_keepalived_accepts_what_an_accepted_spec_renders_to() -> None:
    require_keepalived()
    tally: Counter[bool] = Counter()

    @proof(40)
    @given(specs())
    def holds(data: Data) -> None:
        files = list(rendered(declared(data)))
        tally[bool(files)] += 1
        for each in files[:1] if files and files[0].config else ():
            verdict = judge(each.text, node=each.node or "lb", surroundings=surroundings(each.config))
            assert not objections(verdict), each.text

    holds()
    assert tally[True] > 5 * tally[False], f"most specs have to get as far as keepalived, not {tally}"


@proof(60)
@given(specs())
def test_what_is_rendered_reads_back_as_it_was_composed(data: Data) -> None:
    for each in rendered(declared(data)):
        again = read_back(each)
        assert meaning(again.config) == with_secret(meaning(each.config))
        assert [note.kind for note in again.notes] == [Kind.RESOLVED] * includes(each.config)


@proof(60)
@given(specs())
def test_what_is_rendered_imports_as_a_spec_that_renders_to_the_same(data: Data) -> None:
    for each in rendered(declared(data)):
        imported = adopt({NO_NODE: read_back(each)})
        assert not [fault for fault in imported.faults if "nothing to run" not in fault.message]
        again = load(read(imported.text, file="imported.yaml")).spec(NO_NODE)
        assert meaning(compose(again)) == with_secret(meaning(each.config))


@proof(40)
@given(specs())
def test_what_is_rendered_imports_as_an_equal_spec(data: Data) -> None:
    found = declared(data)
    for each in rendered(found):
        imported = adopt({NO_NODE: read_back(each)})
        again = load(read(imported.text, file="imported.yaml")).spec(NO_NODE)
        assert what_keepalived_is_told(again) == what_keepalived_is_told(complete(found.spec(each.node)))


@proof(10)
@given(specs())
def test_rendering_is_a_function_of_the_text(data: Data) -> None:
    first, second = (list(rendered(declared(data))) for _ in range(2))
    assert [each.text for each in first] == [each.text for each in second]
    assert [each.config for each in first] == [compose(declared(data).spec(each.node)) for each in first]
