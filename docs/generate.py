"""Write the generated pages: ``make docs``. What they say is made of the code, so a test can tell whether they are fresh."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from docs import command_pages, spec_page
from lvsctl.compose.rules.page import markdown as rules_page
from lvsctl.compose.schema import json_schema
from lvsctl.doctor.page import markdown as doctor_page

HERE = Path(__file__).resolve().parent


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every generated file with its content."""
    yield HERE / "reference" / "spec.md", spec_page.page()
    yield HERE / "reference" / "rules.md", rules_page()
    yield HERE / "reference" / "doctor.md", doctor_page()
    yield HERE / "reference" / "commands.md", command_pages.page()
    yield (
        HERE.parent / "examples" / "lvs.schema.json",
        json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
    )
    for name, text in command_pages.man_pages():
        yield HERE / "man" / name, text


def main() -> int:
    """Write what is not fresh, and say so."""
    for path, text in pages():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(HERE.parent)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
