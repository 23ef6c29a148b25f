"""``lvsctl import``: adopt existing keepalived.conf files as a spec."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options
from lvsctl.errors import Usage

if TYPE_CHECKING:
    from lvsctl.compose.adopt import Adopted
    from lvsctl.keepalived.parse import Parsed

SECRET_MODE = 0o600

Files = Annotated[
    list[str], typer.Argument(metavar="KEEPALIVED_CONF…", help="One file, or one of each director.")
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="SPEC", help="Write this file; '-' is standard output.")
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--node", metavar="NAME", help="What the directors are called, once per file, in their order."
    ),
]
ConfigId = Annotated[
    list[str] | None,
    typer.Option(
        "--config-id",
        metavar="ID",
        help="What `@` conditions are compared with (keepalived -i), once per file.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the spec if it is there already.")]


def adopt(
    files: Files,
    output: Output = "-",
    node: Names = None,
    config_id: ConfigId = None,
    force: Force = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a spec of the keepalived.conf files that are there.

    What cannot be carried is listed with file and line on standard error, and at the head of the spec. Rendering
    the spec gives keepalived exactly what it had. Exit: 0 done, 65 when nothing in the files can be used.
    """
    for names, option in ((node, "--node"), (config_id, "--config-id")):
        if names and len(names) != len(files):
            raise Usage(
                f"{option} is given {len(names)} times for {len(files)} files: give it once per file, or not at all"
            )
    adopted = _adopted(files, node or [], config_id or [])
    _tell(adopted, json=json, quiet=quiet)
    if output == "-" or dry_run:
        if not json:
            print(adopted.text, end="")
        return
    _write(adopted, Path(output), force=force, quiet=quiet)


def _adopted(files: list[str], names: list[str], ids: list[str]) -> "Adopted":
    from lvsctl.compose.adopt import adopt as make_spec
    from lvsctl.compose.adopt import node_names

    configs = [_parsed(file, ids[index] if ids else _host()) for index, file in enumerate(files)]
    if len(configs) > 1:
        names = names or list(node_names(files, configs))
    return make_spec(dict(zip(names or [""], configs, strict=True)))


def _host() -> str:
    import socket

    return socket.gethostname().split(".")[0]


def _parsed(file: str, config_id: str) -> "Parsed":
    from lvsctl.keepalived.include import from_disk
    from lvsctl.keepalived.parse import Options, parse
    from lvsctl.spec.document import read_bytes

    text = read_bytes(file).decode("utf-8", "surrogateescape")
    home = "/" if file == "-" else str(Path(file).resolve().parent)
    return parse(text, file=file, options=Options(config_id=config_id, reader=from_disk, home=home))


def _tell(adopted: "Adopted", *, json: bool, quiet: bool) -> None:
    from lvsctl.cli.output import print_json, say
    from lvsctl.cli.verdicts import located

    if json:
        left = [
            located(fault.place) | {"path": fault.path, "message": fault.message} for fault in adopted.faults
        ]
        print_json({"spec": adopted.text, "not_carried": left, "comments": adopted.comments})
    for fault in adopted.faults:
        say(str(fault), quiet=quiet or json)
    counted = (
        f"{len(adopted.faults)} things are not carried as they were; {adopted.comments} comments stay behind"
    )
    say(counted, quiet=quiet or json)


def _write(adopted: "Adopted", path: Path, *, force: bool, quiet: bool) -> None:
    from lvsctl.cli.output import say
    from lvsctl.host.files import write_atomic

    if path.exists() and not force:
        raise Usage(f"{path} is there already", hint="--force replaces it, and keeps it as FILE.previous")
    mode = SECRET_MODE if "auth_pass" in adopted.text else 0o644
    write_atomic(path, adopted.text, mode=mode, keep_previous=True)
    say(f"{path}: written", quiet=quiet)
