"""Import's judge is keepalived itself: it has to say the same of a file and of what its spec renders to.

``LVSCTL_CORPUS`` names another folder with files to judge (not below /tmp, which the lab has for itself), and with
``LVSCTL_CORPUS_IDS`` set each file is read as every node that its conditions name. ``LVSCTL_ARTIFACTS`` names
a folder in which corpus.jsonl gets a line per file, for the table in docs/reference/import-corpus.md.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.keepalived import NotStarted
from tests.support.oracle import account_of
from tests.support.round_trip import differences, imported, rendered

SHARED = Path(__file__).resolve().parents[3] / "shared" / "corpus"
CORPUS = Path(os.environ.get("LVSCTL_CORPUS", SHARED))
FILES = sorted(CORPUS.glob("*.conf")) if CORPUS.is_dir() else []
CONDITION = re.compile(rb"^[ \t]*@\^?(\w+)", re.MULTILINE)
USUAL = "low"
"""The node that most files with conditions know."""

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


@pytest.mark.parametrize(
    ("path", "config_id"), [pytest.param(*case, id=f"{case[0].stem[:24]}-{case[1]}") for case in cases()]
)
def test_import_means_the_same_to_keepalived(path: Path, config_id: str) -> None:
    spec = imported(path.read_bytes().decode("utf-8", "surrogateescape"), config_id)
    again = rendered(spec)
    result = {
        "file": path.name,
        "node": config_id,
        "carried": spec.carried,
        "left": [str(fault) for fault in spec.faults],
    }
    try:
        original = account_of(path, config_id=config_id)
    except NotStarted as failure:
        note(result | {"outcome": "keepalived does not start"})
        assert spec.faults, f"keepalived does not start with it, so import has to say why: {failure}"
        return
    if any("random number" in fault.message for fault in spec.faults):
        note(result | {"outcome": "has random numbers"})
        return
    difference = differences(original, account_of(again, config_id=config_id))
    note(result | {"outcome": "differs" if difference else "equal"})
    assert not difference, "\n".join([*difference, "", *map(str, spec.faults)])


def note(result: dict[str, object]) -> None:
    """Leave a line for the table in the docs, where somebody asked for it."""
    if folder := os.environ.get("LVSCTL_ARTIFACTS"):
        with (Path(folder) / "corpus.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
