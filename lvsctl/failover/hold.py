"""The operator's hold: while the file is there nothing on this node moves the failover IP.

Its presence is what counts, so that a full disk, an empty file or one that cannot be read still holds; the text in
it is only for people.
"""

from pathlib import Path

from lvsctl.errors import LvsctlError
from lvsctl.failover.observation import FailoverAddress
from lvsctl.host.files import make_folder, read_text, refused, write_atomic
from lvsctl.host.paths import state_folder


def file_name(ip: FailoverAddress) -> str:
    """Answer *ip* as part of a file's name."""
    return str(ip).replace("/", "_")


def hold_file(ip: FailoverAddress) -> Path:
    """Answer the file whose presence holds *ip*."""
    return state_folder() / "failover" / f"{file_name(ip)}.hold"


def held(ip: FailoverAddress) -> str | None:
    """Answer why *ip* is held, or None when it is not. What cannot be known is held."""
    try:
        text = read_text(hold_file(ip))
    except LvsctlError as error:
        return error.message
    return None if text is None else text.strip() or "no reason given"


def hold(ip: FailoverAddress, why: str) -> bool:
    """Hold *ip* and answer whether that changed anything. Raises Denied or Unavailable."""
    make_folder(hold_file(ip).parent)
    return write_atomic(hold_file(ip), f"{why}\n")


def resume(ip: FailoverAddress) -> bool:
    """Let *ip* move again and answer whether that changed anything. Raises Denied or Unavailable."""
    try:
        hold_file(ip).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise refused(hold_file(ip), error) from error
    return True
