"""Credentials from a file that nobody else can read, and a type that does not give them away.

Format: one ``key=value`` on each line, keys ``user``, ``password`` and ``token``; empty lines and lines that begin with
``#`` are skipped; blanks around key and value are dropped, everything else is the value, quotes included.

Does not keep secrets out of core dumps: whoever runs for long does that for the whole process.
"""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import NoReturn

from lvsctl.errors import Denied, Fault, Invalid, Place, Unavailable, visible
from lvsctl.host.files import refused

MAX_SIZE = 64 * 1024
KEYS = ("user", "password", "token")
REMEDY = "chown root: FILE; chmod 0600 FILE"


class Secret:
    """A text that only :meth:`reveal` shows: not repr, not str, not a format, not pickle, not copy."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Answer the text itself. Call it where it is sent, and keep the result in no variable."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(********)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._text.encode(), other._text.encode())

    # What can be hashed ends up as a key, and keys get printed.
    __hash__ = None  # type: ignore[assignment]  # Python's own way of saying so

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is not copied, pickled or sent anywhere")


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, for HTTP Basic."""

    user: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token."""

    token: Secret


class CredentialsInvalid(Invalid):
    """A credentials file cannot be understood; no message holds a value."""


def read_login(path: Path) -> Login:
    """Answer the ``user=`` and ``password=`` of the credentials at *path*.

    Raises Unavailable when there is no such file, Denied when this user may not read it or others may, and
    CredentialsInvalid with every fault.
    """
    values = _values(path, ("user", "password"))
    return Login(values["user"].reveal(), values["password"])


def read_token(path: Path) -> Token:
    """Answer the ``token=`` of the credentials at *path*. Raises as :func:`read_login` does."""
    return Token(_values(path, ("token",))["token"])


def read_private(path: Path) -> bytes:
    """Answer what is in a file that nobody but root and the reader may read. Raises Denied or Unavailable."""
    return _read(path, by_systemd=False)


def login_of(user: str, password: str, file: str) -> Login:
    """Answer the login that *file* gives in its own format. Raises CredentialsInvalid, which quotes nothing."""
    given = {"user": user, "password": password}
    faults = [
        Fault(Place(file), key, wrong)
        for key, value in given.items()
        if (wrong := _wrong(key, value.encode()))
    ]
    if faults:
        raise CredentialsInvalid(faults)
    return Login(user, Secret(password))


def located(path: Path) -> Path:
    """Answer where the credentials for *path* are: systemd's copy of the same name, or *path* itself.

    ``LoadCredential=robot.cred:/etc/lvsctl/robot.cred`` in the unit, ``/etc/lvsctl/robot.cred`` in the spec.
    """
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        copy = Path(folder) / path.name
        with suppress(OSError):  # somebody else's folder: what is meant is the file that the spec names
            copy.lstat()
            return copy
    return path


def _values(path: Path, wanted: tuple[str, ...]) -> dict[str, Secret]:
    found = located(path)
    values, faults = _parsed(_read(found, by_systemd=found != path), str(found))
    faults += [
        Fault(Place(str(found)), key, f"is missing: expected a line {key}=…")
        for key in wanted
        if key not in values and not any(each.path == key for each in faults)
    ]
    if faults:
        raise CredentialsInvalid(faults)
    return values


def _read(path: Path, *, by_systemd: bool) -> bytes:
    # O_NONBLOCK: opening a pipe that somebody put there must not wait for a writer.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise refused(path, error) from error
    try:
        _check(path, os.fstat(handle), by_systemd=by_systemd)
        return os.read(handle, MAX_SIZE)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        os.close(handle)


def _check(path: Path, found: os.stat_result, *, by_systemd: bool) -> None:
    name = visible(str(path))
    if not stat.S_ISREG(found.st_mode):
        raise Unavailable(f"{name}: expected a file")
    if found.st_uid not in {0, os.geteuid()}:
        raise Denied(f"{name}: belongs to uid {found.st_uid}, expected root or the reader", hint=REMEDY)
    # systemd lets the service in by an access list, whose mask shows as the group's read bit.
    others = 0o037 if by_systemd else 0o077
    if found.st_mode & others:
        mode = stat.S_IMODE(found.st_mode)
        raise Denied(f"{name}: mode {mode:04o} lets others in, expected 0600 or less", hint=REMEDY)
    if found.st_size >= MAX_SIZE:
        raise Unavailable(f"{name}: larger than {MAX_SIZE} bytes, which credentials are not")


def _parsed(data: bytes, name: str) -> tuple[dict[str, Secret], list[Fault]]:
    values: dict[str, Secret] = {}
    faults: list[Fault] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        key, equals, value = (each.strip() for each in line.partition(b"="))
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        word = key.decode("ascii", "replace")
        if not equals or word not in KEYS:
            # Not quoted: it may be a secret that somebody put on a line of its own.
            faults.append(Fault(Place(name, number), "", f"expected one of {', '.join(KEYS)}, then ="))
        elif word in values:
            faults.append(Fault(Place(name, number), word, "is given twice"))
        elif wrong := _wrong(word, value):
            faults.append(Fault(Place(name, number), word, wrong))
        else:
            values[word] = Secret(value.decode())
    return values, faults


def _wrong(key: str, value: bytes) -> str:
    if not value:
        return "is empty"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    if not text.isprintable():
        return "contains a control character"
    if key == "user" and ":" in text:
        return "contains a colon, which HTTP Basic cannot carry"
    if key == "token" and not (text.isascii() and " " not in text):
        return "contains a blank or a letter beyond ASCII, which no token does"
    return ""
