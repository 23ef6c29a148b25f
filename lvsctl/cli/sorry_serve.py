"""``lvsctl sorry serve``: the backend that says 503 to everybody, on this node."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options
from lvsctl.cli.output import say
from lvsctl.cli.sorry_options import SpecFile
from lvsctl.errors import Usage

if TYPE_CHECKING:
    from lvsctl.backend.certificates import Certificate
    from lvsctl.backend.content import Source
    from lvsctl.backend.listening import Door, Speech
    from lvsctl.backend.privileges import Account

OWN_USER = "lvsctl-sorry"

Listen = Annotated[
    list[str] | None,
    typer.Option(
        "--listen",
        metavar="ADDR:PORT",
        help="Where to listen, also on addresses this node has not yet; by default the spec's port everywhere.",
    ),
]
Smtp = Annotated[
    list[str] | None,
    typer.Option(
        "--smtp",
        metavar="ADDR:PORT",
        help="Where to greet mail servers with 421; by default the spec's port.",
    ),
]
Certificates = Annotated[
    list[str] | None,
    typer.Option(
        "--certificate",
        metavar="FILE[,KEY]",
        help="Certificate with its chain, and its key (PEM); by default the spec's. The first is for everybody.",
    ),
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that serve.")]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help=f"Whom root becomes; by default {OWN_USER}, else nobody."),
]
Most = Annotated[
    int,
    typer.Option(
        "--max-connections", min=1, max=1_000_000, help="In each process; beyond them the idlest one leaves."
    ),
]


def serve(
    spec: SpecFile = None,
    listen: Listen = None,
    smtp: Smtp = None,
    certificate: Certificates = None,
    workers: Workers = 2,
    max_connections: Most = 16384,
    user: User = None,
    node: options.Node = "",
    quiet: options.Quiet = False,
) -> None:
    """Answer 503 with Retry-After to every request: HTTP, and TLS on the same port.

    SIGHUP reads page and certificates anew and cuts no connection; SIGTERM serves who is there and ends.
    """
    from lvsctl.backend.limits import Limits
    from lvsctl.backend.supervisor import Settings
    from lvsctl.backend.supervisor import serve as run

    source = _source(spec, node, tuple(certificate or ()))
    settings = Settings(
        doors=_doors(source, listen or (), smtp or ()),
        workers=workers,
        user=_account(user),
        limits=Limits(connections=max_connections),
    )
    run(
        settings,
        source.content,
        tell=lambda line: say(f"lvsctl sorry: {line}", quiet=quiet),
        opened=lambda doors: say(f"lvsctl sorry: listening on {_told(doors)}", quiet=quiet),
    )


def _source(spec: str | None, node: str, certificates: tuple[str, ...]) -> "Source":
    from lvsctl.backend.content import Source

    if spec is None and os.path.exists(options.DEFAULT_SPEC):  # noqa: PTH110 - pathlib costs --help
        spec = options.DEFAULT_SPEC
    return Source(spec, node, tuple(map(_certificate, certificates)))


def _certificate(text: str) -> "Certificate":
    from lvsctl.backend.certificates import Certificate

    return Certificate.parse(text)


def _doors(source: "Source", listen: "list[str] | tuple[str, ...]", smtp: "list[str] | tuple[str, ...]") -> "tuple[Door, ...]":  # fmt: skip
    """Answer where to listen: as the command line says, and for what it leaves open as the spec says."""
    from lvsctl.backend.listening import Speech, anywhere

    http = [_door("--listen", text, Speech.HTTP) for text in listen]
    mail = [_door("--smtp", text, Speech.SMTP) for text in smtp]
    if not http or not mail:
        sorry = source.sorry()
        http = http or list(anywhere(sorry.port))
        if not mail and sorry.smtp_port is not None:
            mail = list(anywhere(sorry.smtp_port, Speech.SMTP))
    return told_apart([*http, *mail])


def told_apart(doors: "list[Door]") -> "tuple[Door, ...]":
    """Answer *doors*, each once. Raises Usage for one where two languages would be spoken, to every other visitor."""
    found: dict[object, Door] = {}
    for each in doors:
        where = each.address, each.port
        if each.port and found.setdefault(where, each).speech is not each.speech:
            raise Usage(
                f"{each} is for both HTTP and SMTP: a mail server waits to be greeted, a browser does not",
                hint="give --listen and --smtp different ports",
            )
    return tuple(dict.fromkeys(doors))


def _door(option: str, text: str, speech: "Speech") -> "Door":
    from lvsctl.backend.listening import Door

    try:
        return Door.parse(text, speech)
    except ValueError as error:
        raise Usage(f"{option}: {error}") from error


def _account(user: str | None) -> "Account | None":
    from lvsctl.backend.privileges import account, first_account

    if os.geteuid() != 0:
        if user is not None:
            raise Usage("--user: only root can become somebody else")
        return None
    return account(user) if user is not None else first_account(OWN_USER, "nobody")


def _told(doors: "tuple[Door, ...]") -> str:
    return ", ".join(map(str, doors))
