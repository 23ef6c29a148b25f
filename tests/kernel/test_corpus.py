"""Import's judge is keepalived itself: it has to say the same of a file and of what its spec renders to.

``LVSCTL_CORPUS`` names another folder with files to judge (not below /tmp, which the lab has for itself), and with
``LVSCTL_CORPUS_IDS`` set each file is read as every node that its conditions name. ``LVSCTL_CORPUS_TABLE`` names a
file that gets a line of JSON per file, for the table in docs/reference/import-corpus.md.
"""

import json
import os
import re
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest

from lvsctl.compose.adopt import Adopted, adopt
from lvsctl.compose.render import render
from lvsctl.keepalived.dump import normalised
from lvsctl.keepalived.include import from_disk
from lvsctl.keepalived.parse import Options, parse
from lvsctl.spec.document import read
from lvsctl.spec.load import load
from tests.support.keepalived import NotStarted
from tests.support.oracle import Account, account_of

SHARED = Path(__file__).resolve().parents[3] / "shared" / "corpus"
CORPUS = Path(os.environ.get("LVSCTL_CORPUS", SHARED))
FILES = sorted(CORPUS.glob("*.conf")) if CORPUS.is_dir() else []
CONDITION = re.compile(rb"^[ \t]*@\^?(\w+)", re.MULTILINE)
USUAL = "low"

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.corpus,
    pytest.mark.skipif(not FILES, reason=f"{CORPUS} is not here: only the maintainers' checkout has it"),
]


def cases() -> Iterator[tuple[Path, str]]:
    """Yield every file, and as which node keepalived reads it."""
    for path in FILES:
        named = sorted({found.decode() for found in CONDITION.findall(path.read_bytes())})
        every = [*named, "nobody"] if named and os.environ.get("LVSCTL_CORPUS_IDS") else [USUAL]
        yield from ((path, config_id) for config_id in every)


def adopted(path: Path, config_id: str) -> Adopted:
    """Import the file, as if it stood where keepalived looks for it."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    options = Options(config_id=config_id, reader=from_disk)
    return adopt({"": parse(text, file="/etc/keepalived/keepalived.conf", options=options)})


@pytest.mark.parametrize(
    ("path", "config_id"), [pytest.param(*case, id=f"{case[0].stem[:24]}-{case[1]}") for case in cases()]
)
def test_import_means_the_same_to_keepalived(path: Path, config_id: str) -> None:
    spec = adopted(path, config_id)
    again = render(load(read(spec.text, file="spec.yaml")), "").text
    result = {"file": path.name, "not carried": [str(fault) for fault in spec.faults]}
    try:
        original = account_of(path, config_id=config_id)
    except NotStarted as failure:
        note(result | {"outcome": "keepalived does not start with it"})
        assert spec.faults, f"keepalived does not start with it, so import has to say why: {failure}"
        return
    if any("random number" in fault.message for fault in spec.faults):
        note(result | {"outcome": "never twice the same: it has random numbers"})
        return
    difference = differences(original, account_of(again, config_id=config_id))
    note(result | {"outcome": "differs" if difference else "equal"})
    assert not difference, "\n".join([*difference, "", *map(str, spec.faults)])


def differences(one: Account, other: Account) -> list[str]:
    """Answer the lines in which two accounts differ, but for bytes that are no UTF-8, which a spec cannot hold."""
    return [
        line
        for name in sorted(one.dumps.keys() | other.dumps.keys())
        for line in unified_diff(
            normalised(as_utf8(one.dumps.get(name, ""))),
            normalised(as_utf8(other.dumps.get(name, ""))),
            name,
            "",
            lineterm="",
            n=1,
        )
    ]


def as_utf8(text: str) -> str:
    """Read bytes that are no UTF-8 as import does: as Latin-1."""
    return re.sub("[\udc80-\udcff]", lambda found: chr(ord(found[0]) - 0xDC00), text)


def note(result: dict[str, object]) -> None:
    """Leave a line for the table in the docs, where somebody asked for it."""
    if target := os.environ.get("LVSCTL_CORPUS_TABLE"):
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
