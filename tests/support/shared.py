"""What stands beside the maintainers' checkout, and nowhere else: real files, facts taken from keepalived's source."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
FACTS = SHARED / "facts" / "data"
CORPUS = sorted((SHARED / "corpus").glob("*.conf"))

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"{SHARED} is not here: only the maintainers' checkout has it"
)


def text_of(file: Path) -> str:
    """Answer the text of *file* as keepalived gets it, whatever its bytes and line ends are."""
    return file.read_bytes().decode("utf-8", "surrogateescape")
