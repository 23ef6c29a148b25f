"""The program ``lvsctl``: its commands, and how every ending becomes an exit code (docs/reference/exit-codes.md)."""

import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TypeGuard

import typer
from typer.exceptions import TyperException

from lvsctl.cli import (
    adopt,
    agent,
    doctor,
    failover,
    glance,
    hooks,
    ipvs,
    render,
    return_path,
    schema,
    sorry,
    uplink,
    validate,
)
from lvsctl.cli.output import harmless
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
app.command("status")(glance.status)
app.command("doctor")(doctor.doctor)
app.add_typer(failover.app, name="failover")
app.add_typer(hooks.app, name="hooks")
app.add_typer(ipvs.app, name="ipvs")
app.add_typer(sorry.app, name="sorry")
app.add_typer(agent.app, name="agent")
app.add_typer(return_path.app, name="return-path")
app.add_typer(uplink.app, name="uplink")
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
    _open_standard_streams()
    _speak_utf8()
    status = run()
    _give_up_a_lost_story()
    sys.exit(status)


def _give_up_a_lost_story() -> None:
    """Let what standard error did not take vanish: Python would try again at its end, and turn the status into 120."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _speak_utf8() -> None:
    """Write the same bytes under every locale: what `render` prints is a file, and in Latin-1 there is no word for …."""
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def _open_standard_streams() -> None:
    """Give a program started with closed output (`>&-`) a place to talk to, or its files would take the numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a number, for good
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open as long as the process


def run(arguments: list[str] | None = None) -> int:
    """Run one command and answer its exit code; what goes wrong is said on standard error."""
    try:
        status = app(arguments, standalone_mode=False, prog_name="lvsctl")
        sys.stdout.flush()
    except TyperException as error:
        return _usage(error)
    except LvsctlError as error:
        return _failed(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is ours, and is told like one
        return _unheard(error) if _is_about_output(error) else _bug(error)
    return status if isinstance(status, int) else 0


LOST = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def _is_about_output(error: Exception) -> TypeGuard[OSError]:
    """Answer whether standard output is what failed: the errors of files are LvsctlErrors by now."""
    return isinstance(error, OSError) and error.filename is None and error.errno in LOST


def _unheard(error: OSError) -> int:
    # Nothing more may be written, not even at exit. The answer did not get out, so it is neither yes nor no.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        _complain(f"lvsctl: standard output: {error.strerror}")
    return LvsctlError.exit_code


def _complain(*lines: str) -> None:
    with suppress(OSError):
        for line in lines:
            print(harmless(line), file=sys.stderr, flush=True)


def _bug(error: Exception) -> int:
    if os.environ.get("LVSCTL_DEBUG"):
        raise error
    _complain(
        f"lvsctl: this is a bug in lvsctl: {type(error).__name__} in {_where(error)}",
        "  LVSCTL_DEBUG=1 shows the traceback; please report it with the input that causes it",
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
    _complain(f"lvsctl: {message}")
    if context is not None:
        _complain(f"Try '{context.command_path} --help'.")
    return Usage.exit_code


def _failed(error: LvsctlError) -> int:
    _complain(error.message if hasattr(error, "faults") else f"lvsctl: {error.message}")
    if error.hint:
        _complain(f"  {error.hint}")
    return error.exit_code
