"""The commands as the command line itself describes them: one Markdown page and a man page each."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from lvsctl import __version__
from lvsctl.cli.main import app

HEAD = """\
# Commands

`lvsctl COMMAND --help` says the same. Exit codes: [exit-codes.md](exit-codes.md); JSON: [json.md](json.md).
Shell completion: `lvsctl --install-completion`.

This page is generated from the command line by `make docs`.
"""

SEE_ALSO = "keepalived(8), keepalived.conf(5), ipvsadm(8), lvsctl(1)"


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, groups flattened."""
    yield from _below(get_command(app), "lvsctl")


def _below(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _below(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def page() -> str:
    """Answer the Markdown page."""
    parts = [HEAD]
    for name, command in commands():
        parts += [f"## {name}\n", f"    {name} {_synopsis(command)}\n", _about(command), ""]
        parts += [f"- `{signature}`: {text}" for signature, text in _parameters(command)]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _about(command: Any) -> str:
    return " ".join((command.help or "").split("\f")[0].replace("\n\n", "\x00").split()).replace(
        "\x00", "\n\n"
    )


def _synopsis(command: Any) -> str:
    positional = [_metavar(each) for each in command.params if not each.opts[0].startswith("-")]
    return " ".join(["[OPTIONS]", *positional])


def _metavar(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _parameters(command: Any) -> Iterator[tuple[str, str]]:
    for each in command.params:
        if not getattr(each, "hidden", False):
            yield _signature(each), " ".join((each.help or "").split())


def _signature(parameter: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        return _metavar(parameter)
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.type.name.upper()}"
    return ", ".join([*parameter.opts, *parameter.secondary_opts]) + value


def man_pages() -> Iterator[tuple[str, str]]:
    """Yield (file name, roff text): lvsctl(1), and one page per command."""
    listed = "".join(f".TP\n.B {_roff(name)}\n{_roff(_first(command))}\n" for name, command in commands())
    about = "The tool for operators of a keepalived/IPVS load-balancer pair."
    yield (
        "lvsctl.1",
        _man("lvsctl", about, "lvsctl [\\-\\-version] COMMAND [ARGUMENTS]", f".SH COMMANDS\n{listed}"),
    )
    for name, command in commands():
        options = "".join(f".TP\n.B {_roff(sign)}\n{_roff(text)}\n" for sign, text in _parameters(command))
        body = f".SH DESCRIPTION\n{_roff(_about(command)).replace(chr(10) * 2, chr(10) + '.PP' + chr(10))}\n.SH OPTIONS\n{options}"
        page = name.replace(" ", "-")
        yield f"{page}.1", _man(page, _first(command), f"{_roff(name)} {_roff(_synopsis(command))}", body)


def _first(command: Any) -> str:
    return _about(command).split("\n\n")[0]


def _man(name: str, about: str, synopsis: str, body: str) -> str:
    title = f'.TH {name.upper()} 1 "" "lvsctl {__version__}" "lvsctl"'
    codes = "0 done or yes, 1 failed or unknown, 2 no or differs, 64 usage, 65 spec invalid, 69 not available, 75 try again, 77 not permitted."
    return (
        f"{title}\n.SH NAME\n{_roff(name)} \\- {_roff(about)}\n.SH SYNOPSIS\n{synopsis}\n{body}"
        f".SH EXIT STATUS\n{codes}\n.SH SEE ALSO\n{SEE_ALSO}\n"
    )


def _roff(text: str) -> str:
    """Escape *text* for roff: backslashes, hyphens that are typed as such, and lines that would be requests."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in escaped)
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped.splitlines())
