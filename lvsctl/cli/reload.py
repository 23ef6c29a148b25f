"""``lvsctl render --reload``: validate, swap the file, reload keepalived, and roll back when it does not come back."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lvsctl.cli.output import diff, print_diff, print_json, say
from lvsctl.errors import Invalid, LvsctlError, Unavailable

if TYPE_CHECKING:
    from lvsctl.compose.render import Rendered
    from lvsctl.keepalived.reload import Reloaded
    from lvsctl.spec.load import Declared

PATIENCE = 60.0
"""Seconds to wait for another installation; one that is taken back needs about half of them."""


def install(
    rendered: "Rendered", path: Path, declared: "Declared", *, dry_run: bool, json: bool, quiet: bool
) -> int:
    """Put *rendered* at *path* and make keepalived run with it; answer the exit code."""
    from lvsctl.cli.verdicts import summary
    from lvsctl.compose.validate import ask_keepalived
    from lvsctl.host.lock import locked
    from lvsctl.host.paths import run_folder
    from lvsctl.keepalived.inventory import configured
    from lvsctl.keepalived.reload import install_and_reload

    if dry_run:
        return _rehearse(rendered, path)
    # Two at once would each take the other's file for a failure of their own, and take it back.
    with locked(run_folder() / "install.lock", timeout=PATIENCE):
        done = install_and_reload(
            rendered.text,
            path,
            validate=lambda _text: ask_keepalived(rendered, declared),
            inventory=configured(rendered.config),
            mode=rendered.mode,
        )
    if json:
        print_json({"path": str(path), "outcome": done.outcome.name.lower(), "detail": done.detail})
    else:
        say(f"{path}: {summary(done.verdict)}", quiet=quiet)
        story = ". ".join(filter(None, (done.outcome.value, done.detail)))
        say(f"{path}: {story}", quiet=quiet and _code(done) == 0)
    return _code(done)


def _rehearse(rendered: "Rendered", path: Path) -> int:
    from lvsctl.host.files import read_text
    from lvsctl.keepalived.secrets import masked

    print_diff(map(masked, diff(read_text(path) or "", rendered.text, str(path))))
    print(f"{path}: would be validated, installed and reloaded", file=sys.stderr)
    return 0


def _code(done: "Reloaded") -> int:
    from lvsctl.keepalived.judge import Unverified, Valid
    from lvsctl.keepalived.reload import Outcome

    if done.outcome is Outcome.REFUSED and isinstance(done.verdict, Unverified):
        return Unavailable.exit_code
    if done.outcome is Outcome.REFUSED and isinstance(done.verdict, Valid):
        return LvsctlError.exit_code  # the text is fine, this machine is not
    codes = {
        Outcome.UNCHANGED: 0,
        Outcome.RELOADED: 0,
        Outcome.NOT_RUNNING: Unavailable.exit_code,
        Outcome.REFUSED: Invalid.exit_code,
        Outcome.ROLLED_BACK: LvsctlError.exit_code,
        Outcome.BROKEN: LvsctlError.exit_code,
    }
    return codes[done.outcome]
