"""``lvsctl schema``: the spec's JSON Schema, for editors and CI."""

from typing import Annotated

import typer


def schema(
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write this file; '-' is standard output.")
    ] = "-",
) -> None:
    """Print the JSON Schema (draft 2020-12) of the spec, with a description of every keyword."""
    import json
    from pathlib import Path

    from lvsctl.compose.schema import json_schema
    from lvsctl.host.files import write_atomic

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if output == "-":
        print(text, end="")
    else:
        write_atomic(Path(output), text)
