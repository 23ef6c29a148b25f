"""Import a keepalived.conf, render its spec again, and compare what the real keepalived says of both. Lab only."""

import re
from difflib import unified_diff

from lvsctl.compose.adopt import Adopted, adopt
from lvsctl.compose.render import render
from lvsctl.keepalived.dump import normalised
from lvsctl.keepalived.include import from_disk
from lvsctl.keepalived.parse import Options, parse
from lvsctl.spec.document import read
from lvsctl.spec.load import load
from tests.support.keepalived import CONFIG
from tests.support.oracle import Account, account_of

OF_DEVICE = re.compile(r" \S+: (?:NIC|Gratuitous|Up|Down) ")
"""A line about one interface of the machine."""


def imported(text: str, config_id: str = "") -> Adopted:
    """Import *text* as if it stood where keepalived looks for it."""
    return adopt({"": parse(text, file=CONFIG, options=Options(config_id=config_id, reader=from_disk))})


def rendered(spec: Adopted, node: str = "") -> str:
    """Load the YAML of *spec* and render it for *node*."""
    return render(load(read(spec.text, file="spec.yaml")), node).text


def differences(one: Account, other: Account) -> list[str]:
    """Answer the lines in which two accounts differ, but for bytes that are no UTF-8, which a spec cannot hold."""
    return [
        line
        for name in sorted(one.dumps.keys() | other.dumps.keys())
        for line in unified_diff(_lines(one, name), _lines(other, name), name, "", lineterm="", n=1)
    ]


def _lines(account: Account, name: str) -> list[str]:
    lines = normalised(_as_utf8(account.dumps.get(name, "")))
    # The lab makes the interfaces in the order in which a file names them, and keepalived lists them in that order.
    devices = sorted(line for line in lines if OF_DEVICE.match(line))
    return [*(line for line in lines if not OF_DEVICE.match(line)), *devices]


def _as_utf8(text: str) -> str:
    """Read bytes that are no UTF-8 as import does: as Latin-1."""
    return re.sub("[\udc80-\udcff]", lambda found: chr(ord(found[0]) - 0xDC00), text)


def assert_same(original: str | bytes, again: str, config_id: str = "") -> None:
    """Ask keepalived for its account of both, and compare."""
    difference = differences(
        account_of(original, config_id=config_id), account_of(again, config_id=config_id)
    )
    assert not difference, "\n".join(difference)
