"""``lvsctl import``: adopt existing keepalived.conf files as a spec."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options
from lvsctl.errors import ConfigInvalid, Fault, Place, Usage, visible

if TYPE_CHECKING:
    from lvsctl.compose.adopt import Adopted
    from lvsctl.keepalived.parse import Parsed

SECRET_MODE = 0o600
OPEN_MODE = 0o644

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="KEEPALIVED_CONF…", help="One file, or one of each director; '-' is standard input."
    ),
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
        help="What `@` conditions are compared with (keepalived -i), once per file; by default the node's name,"
        " or this host's.",
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
    verbose: options.Verbose = False,
) -> None:
    """Make a spec of the keepalived.conf files that are there.

    What cannot be carried is listed with file and line on standard error, and at the head of the spec. Rendering
    the spec gives keepalived exactly what it had. Exit: 0 done, 65 when nothing in the files can be used.
    """
    _check(files, node or [], config_id or [])
    target = None if output == "-" or dry_run else Path(output)
    if target is not None and target.exists() and not force:
        raise Usage(f"{target} is there already", hint="--force replaces it, and keeps it as FILE.previous")
    names, configs = _parsed(files, node or [], config_id or [])
    _say_read(configs, verbose=verbose)
    adopted = _adopted(names, configs)
    _tell(adopted, configs, asked=bool(node or config_id), json=json, quiet=quiet)
    if target is not None:
        _write(adopted, target, quiet=quiet)
    elif not json:
        print(adopted.text, end="")


def _check(files: Sequence[str], names: Sequence[str], ids: Sequence[str]) -> None:
    """Refuse a command line that makes no sense."""
    from lvsctl.compose.adopt.heads import plain

    for given, option in ((names, "--node"), (ids, "--config-id")):
        if given and len(given) != len(files):
            raise Usage(
                f"{option} is given {_times(given)} for {_counted(len(files), 'file')}: give it once per file, or not at all"
            )
    if len(set(names)) < len(names):
        raise Usage("two directors cannot have one name: --node is given twice alike")
    if odd := [name for name in names if plain(name) != name]:
        raise Usage(f"--node {odd[0]!r}: expected a name of letters, digits, '_', '-', '.' or ':'")
    if list(files).count("-") > 1:
        raise Usage("standard input can be read only once")


def _times(given: Sequence[str]) -> str:
    return "once" if len(given) == 1 else f"{len(given)} times"


def _parsed(
    files: Sequence[str], names: Sequence[str], ids: Sequence[str]
) -> tuple[tuple[str, ...], tuple["Parsed", ...]]:
    """Read and parse *files*; answer what their directors are called, "" for one without a name, and what they say."""
    from lvsctl.compose.adopt import node_names

    ids = ids or names or [_host()] * len(files)
    configs = tuple(_read(file, config_id) for file, config_id in zip(files, ids, strict=True))
    return tuple(names) or (node_names(files, configs) if len(files) > 1 else ("",)), configs


def _host() -> str:
    import socket

    return socket.gethostname().split(".")[0]


def _read(file: str, config_id: str) -> "Parsed":
    from lvsctl.keepalived.include import from_disk
    from lvsctl.keepalived.parse import Options, parse
    from lvsctl.spec.document import read_bytes

    text = read_bytes(file).decode("utf-8", "surrogateescape")
    named = "<stdin>" if file == "-" else file
    return parse(
        text, file=named, options=Options(config_id=config_id, reader=from_disk, home=str(Path.cwd()))
    )


def _adopted(names: Sequence[str], configs: Sequence["Parsed"]) -> "Adopted":
    from lvsctl.compose.adopt import adopt as make_spec

    adopted = make_spec(dict(zip(names, configs, strict=True)))
    if not adopted.says_something:
        nothing = Fault(Place(configs[0].files[0]), "", "nothing in it can be used: is it a keepalived.conf?")
        raise ConfigInvalid([*adopted.faults, nothing])
    return adopted


def _say_read(configs: Sequence["Parsed"], *, verbose: bool) -> None:
    from lvsctl.cli.output import say

    for file in dict.fromkeys(file for config in configs for file in config.files):
        say(f"read {visible(file)}", quiet=not verbose)


def _tell(adopted: "Adopted", configs: Sequence["Parsed"], *, asked: bool, json: bool, quiet: bool) -> None:
    from lvsctl.cli.output import print_json, say
    from lvsctl.cli.verdicts import located

    if json:
        left = [
            located(fault.place) | {"path": fault.path, "message": fault.message} for fault in adopted.faults
        ]
        counted = {"carried": adopted.carried, "comments": adopted.comments}
        print_json({"spec": adopted.text, "not_carried": left, **counted})
        return
    for fault in adopted.faults:
        say(str(fault), quiet=quiet)
    for hint in _hints(adopted, configs, asked=asked):
        say(hint, quiet=quiet)
    say(_summary(adopted), quiet=quiet)


def _summary(adopted: "Adopted") -> str:
    parts = [f"{_counted(adopted.carried, 'statement')} carried as they were"]
    parts += [f"{_counted(len(adopted.faults), 'remark')} on what is not"] * bool(adopted.faults)
    return "; ".join([*parts, f"{_counted(adopted.comments, 'comment')} left behind"])


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'s' * (number != 1)}"


def _hints(adopted: "Adopted", configs: Sequence["Parsed"], *, asked: bool) -> Iterator[str]:
    """Yield what an operator may not have thought of."""
    notes = [note.message for parsed in configs for note in parsed.notes]
    if not asked and any(message.startswith("only for the node") for message in notes):
        yield (
            f"the `@` conditions were compared with {_host()!r}, this host's name:"
            " --node or --config-id names another"
        )
    if adopted.has_secrets:
        yield "passwords stand in the spec: move each into a file of its own, `auth_pass: {file: …}`"


def _write(adopted: "Adopted", path: Path, *, quiet: bool) -> None:
    from lvsctl.cli.output import say
    from lvsctl.host.files import write_atomic

    mode = SECRET_MODE if adopted.has_secrets else OPEN_MODE
    write_atomic(path, adopted.text, mode=mode, keep_previous=True)
    say(f"{path}: written", quiet=quiet)
