"""The page about the corpus of import, made of what a test run noted.

    LVSCTL_ARTIFACTS=$PWD/build make test PYTEST=tests/kernel/test_corpus.py
    .venv/bin/python -m docs.corpus_page build/corpus.jsonl

The corpus itself is not part of this repository, so no test can tell whether the page is fresh.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent / "reference" / "import-corpus.md"
READ_AS = "/etc/keepalived/keepalived.conf"

INTRODUCTION = """\
# What import makes of real files

The maintainers keep a folder of keepalived.conf files that strangers published. For each one the test suite imports
the file, renders the spec again, and starts the real keepalived 2.2.7 in the kernel lab on both: *equal* means that
its own account of what it parsed (SIGUSR1) is the same for both, run-time values aside. *carried* counts statements
that the spec has as they were; *remarks* are what import says about the others, listed below for each file. Generated
by `python -m docs.corpus_page` from a test run.
"""


def page(results: Sequence[dict[str, Any]]) -> str:
    """Answer the page for the *results* of a run, one per file."""
    return "\n".join([INTRODUCTION, *_summary(results), "", *_table(results), "", *_remarks(results)]) + "\n"


def _summary(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    outcomes = Counter(result["outcome"] for result in results)
    counted = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    yield f"{len(results)} files: {counted}."


def _table(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| file | outcome | carried | remarks |"
    yield "|---|---|--:|--:|"
    for result in results:
        yield f"| {result['file']} | {result['outcome']} | {result['carried']} | {len(result['left'])} |"


def _remarks(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "## Remarks"
    for result in results:
        if result["left"]:
            yield from ("", f"### {result['file']}", "", "```text")
            yield from (remark.replace(f"{READ_AS}:", "line ") for remark in result["left"])
            yield "```"


def main(source: str) -> int:
    """Write the page from the JSON lines in the file *source*."""
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    results = sorted((json.loads(line) for line in lines), key=lambda result: result["file"])
    PAGE.write_text(page(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
