"""Import's judge is keepalived itself: it has to say the same of a file and of what its spec renders to."""

import json
import os
from difflib import unified_diff
from pathlib import Path

import pytest

from lvsctl.compose.adopt import adopt
from lvsctl.compose.render import render
from lvsctl.keepalived.dump import normalised
from lvsctl.keepalived.include import from_disk
from lvsctl.keepalived.parse import Options, parse
from lvsctl.spec.document import read
from lvsctl.spec.load import load
from tests.support.keepalived import NotStarted
from tests.support.oracle import account_of

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*.conf")) if CORPUS.is_dir() else []
CONFIG_ID = "low"

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.corpus,
    pytest.mark.skipif(not FILES, reason=f"{CORPUS} is not here: only the maintainers' checkout has it"),
]


def rendered(path: Path) -> tuple[str, int]:
    """Import *path* and render the spec again; answer the text and how many things were not carried."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    options = Options(config_id=CONFIG_ID, reader=from_disk)
    adopted = adopt({"": parse(text, file="/etc/keepalived/keepalived.conf", options=options)})
    return render(load(read(adopted.text, file="spec.yaml")), "").text, len(adopted.faults)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name[:24])
def test_import_means_the_same_to_keepalived(path: Path) -> None:
    again, left = rendered(path)
    result = {"file": path.name, "not carried": left}
    try:
        original = account_of(path, config_id=CONFIG_ID)
    except NotStarted as failure:
        result["outcome"] = "keepalived does not start with it"
        note(result)
        assert left, f"keepalived does not start with it, so import has to say why: {failure}"
        return
    copy = account_of(again, config_id=CONFIG_ID)
    for name in original.dumps:
        difference = unified_diff(normalised(original.dumps[name]), normalised(copy.dumps[name]), lineterm="", n=1)
        assert not "\n".join(difference), name
    result["outcome"] = "equal"
    note(result)


def note(result: dict[str, object]) -> None:
    """Leave a line for the table in the docs, where somebody asked for it."""
    if target := os.environ.get("LVSCTL_CORPUS_TABLE"):
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
