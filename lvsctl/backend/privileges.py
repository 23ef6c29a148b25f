"""Give root away for good, once the ports are bound: user, groups, every capability, and the way back."""

import ctypes
import os
import pwd
import resource
import signal
from typing import Final, NamedTuple

from lvsctl.errors import LvsctlError, Usage, visible

_PR_SET_PDEATHSIG: Final = 1
_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_MOST_CAPABILITIES: Final = 64

_libc = ctypes.CDLL(None, use_errno=True)


class Account(NamedTuple):
    """Whom to become."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    """All of them: a certificate's key often belongs to one of its own."""


def account(name: str) -> Account:
    """Answer the account *name*. Raises Usage when there is none, or it is root's."""
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError) as error:
        raise Usage(f"there is no user {visible(name)!r}") from error
    if found.pw_uid == 0:
        raise Usage("the sorry backend does not serve as root: name another user")
    return Account(found.pw_uid, found.pw_gid, tuple(os.getgrouplist(name, found.pw_gid)))


def first_account(*names: str) -> Account:
    """Answer the first account of *names* that exists. Raises Usage when none does."""
    known = {each.pw_name for each in pwd.getpwall()}
    return account(next((name for name in names if name in known), names[-1]))


def name_of(uid: int) -> str:
    """Answer what the user *uid* is called; its number when it has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def drop(become: Account | None) -> None:
    """Become *become* (None: stay who we are) and give up every privilege, for this process and what it starts.

    Raises LvsctlError when something of it is left: then nothing must be served.
    """
    if become is not None:
        _drop_bounding_set()
        os.setgroups(become.groups)
        os.setresgid(become.gid, become.gid, become.gid)
        os.setresuid(become.uid, become.uid, become.uid)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _clear_capabilities()
    if become is not None and (os.getresuid() != (become.uid,) * 3 or os.getresgid() != (become.gid,) * 3):
        raise LvsctlError("the kernel did not let root go")


def end_with_parent() -> None:
    """Have this process be sent SIGTERM when its parent dies, whatever kills that."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def raise_descriptor_limit() -> int:
    """Allow this process as many open files as it may have, and answer how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def _drop_bounding_set() -> None:
    for capability in range(_MOST_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) == 1:
            _prctl(_PR_CAPBSET_DROP, capability)


def _clear_capabilities() -> None:
    # struct __user_cap_header_struct and two of __user_cap_data_struct, all zero (capset(2)).
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _prctl(option: int, argument: int) -> None:
    _checked(_libc.prctl(option, argument, 0, 0, 0), f"prctl {option}")


def _checked(result: int, what: str) -> None:
    if result:
        raise LvsctlError(f"privileges stay: {what}: {os.strerror(ctypes.get_errno())}")
