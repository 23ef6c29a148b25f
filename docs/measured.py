"""What pages made of a test run's notes have in common: the notes, and lines of tables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def noted(source: str) -> list[dict[str, Any]]:
    """Answer what a test run has noted in the file *source*, a JSON object a line."""
    return [json.loads(each) for each in Path(source).read_text(encoding="utf-8").splitlines()]


def header(*titles: str) -> Iterator[str]:
    """Yield the two lines that begin a table."""
    yield line(*titles)
    yield "|---" * len(titles) + "|"


def line(*cells: object) -> str:
    """Answer a line of a table."""
    return f"| {' | '.join(map(str, cells))} |"
