"""The program ``lvsctl``: its commands, and how every ending becomes an exit code (docs/reference/exit-codes.md)."""

import os
import sys

import typer
from typer.exceptions import TyperException

from lvsctl.cli import adopt, ipvs, render, schema, validate
from lvsctl.errors import LvsctlError, Usage

app = typer.Typer(
    name="lvsctl",
    help="The tool for operators of a keepalived/IPVS load-balancer pair.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("render")(render.render)
app.command("validate")(validate.validate)
app.command("import")(adopt.adopt)
app.command("schema")(schema.schema)
app.add_typer(ipvs.app, name="ipvs")
app.command(
    "ipvsadm",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)(ipvs.ipvsadm)

INTERRUPTED = 130


def _say_version(asked: bool) -> None:
    if asked:
        from lvsctl import __version__

        print(f"lvsctl {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=False)
def _lvsctl(
    version: bool = typer.Option(
        False,
        "--version",
        help="Say which version this is.",
        is_eager=True,
        callback=_say_version,
    ),
) -> None:
    """The tool for operators of a keepalived/IPVS load-balancer pair."""


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run one command and answer its exit code; what goes wrong is said on standard error."""
    try:
        status = app(arguments, standalone_mode=False, prog_name="lvsctl")
    except TyperException as error:
        return _usage(error)
    except LvsctlError as error:
        return _failed(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`). Nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is ours, and is told like one
        return _bug(error)
    return status if isinstance(status, int) else 0


def _bug(error: Exception) -> int:
    if os.environ.get("LVSCTL_DEBUG"):
        raise error
    print(f"lvsctl: this is a bug in lvsctl: {type(error).__name__} in {_where(error)}", file=sys.stderr)
    print(
        "  LVSCTL_DEBUG=1 shows the traceback; please report it with the input that causes it",
        file=sys.stderr,
    )
    return LvsctlError.exit_code


def _where(error: Exception) -> str:
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return f"{os.path.basename(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}" if step else "?"  # noqa: PTH119 - pathlib costs --help


def _usage(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message", lambda: str(error))()
    print(f"lvsctl: {message}", file=sys.stderr)
    if context is not None:
        print(f"Try '{context.command_path} --help'.", file=sys.stderr)
    return Usage.exit_code


def _failed(error: LvsctlError) -> int:
    print(error.message if hasattr(error, "faults") else f"lvsctl: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    return error.exit_code
