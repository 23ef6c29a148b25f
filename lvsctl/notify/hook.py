#!/usr/bin/python3 -IS
"""What keepalived executes: record the event durably, wake the agent, return.

Installed as one file that needs nothing but Debian's own interpreter, so that it outlives a broken virtual
environment. Its name says what happened: see EVENTS. keepalived starts such scripts without waiting for them, in no
certain order, and gives them about a second when it stops; so nothing is decided or done here.

The record is a file in the spool whose name begins with the time since boot, so that names sort as events came.
``lvsctl.notify.spool`` reads it. Whatever fails is told to syslog, because keepalived runs its scripts without a
terminal.
"""

import os
import sys
import time

EVENTS = (
    *("notify", "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify_deleted"),
    *("notify_master_rx_lower_pri", "quorum_up", "quorum_down"),
)
"""The names this file is installed under."""

STATES = ("MASTER", "BACKUP", "FAULT", "STOP", "DELETED")
LONGEST_NAME = 255
MAX_PRIORITY = 255

USAGE, UNAVAILABLE, DENIED = 64, 69, 77


def root() -> str:
    """Answer the folder that stands for ``/``; as in :func:`lvsctl.host.paths.root`."""
    return os.environ.get("LVSCTL_ROOT") or "/"


def main(argv: list[str]) -> int:
    """Record the event that *argv* tells of, and answer the exit status."""
    try:
        record = read(os.path.basename(argv[0]), argv[1:])  # noqa: PTH119 - pathlib costs more than all of this
    except ValueError as error:
        complain(str(error))
        return USAGE
    status = write(record)
    try:
        wake(record)
    except OSError as error:
        complain(f"the agent cannot be woken: {error.strerror}")
    return status


def read(event: str, arguments: list[str]) -> dict[str, object]:
    """Answer the record of *event*, called with *arguments* as keepalived does (vrrp_notify.c). ValueError if not."""
    if event == "notify" and len(arguments) == 4:  # noqa: PLR2004 - INSTANCE NAME STATE PRIORITY
        kind, name, state, priority = arguments
        return {
            "event": "notify",
            "type": one_of(("INSTANCE", "GROUP"), kind),
            "name": checked(name),
            "state": one_of(STATES, state),
            "priority": number(priority),
        }
    if event in EVENTS and event != "notify" and len(arguments) == 1:
        name, state = checked(arguments[0]), event.removeprefix("notify_").upper()
        if state in STATES:
            return {"event": "notify", "type": "INSTANCE", "name": name, "state": state}
        return {"event": event, "name": name}
    wanted = "INSTANCE|GROUP NAME STATE PRIORITY" if event == "notify" else "NAME"
    raise ValueError(f"expected {wanted} after {event}, not {len(arguments)} arguments")


def one_of(words: tuple[str, ...], word: str) -> str:
    """Answer *word*, if it is one of *words*."""
    if word not in words:
        raise ValueError(f"expected {' or '.join(words)}, not {word!r}")
    return word


def number(text: str) -> int:
    """Answer a priority."""
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= MAX_PRIORITY):  # noqa: PLR2004 - digits
        raise ValueError(f"expected a priority of 0 to {MAX_PRIORITY}, not {text!r}")
    return int(text)


def checked(name: str) -> str:
    """Answer the *name* of an instance, a group or a service, if keepalived can have it in one FIFO line."""
    if not name or len(name.encode(errors="replace")) > LONGEST_NAME:
        raise ValueError(f"expected a name of 1 to {LONGEST_NAME} bytes")
    if '"' in name or "\\" in name or not name.isprintable():
        raise ValueError(
            f"expected a name without quotes, backslashes and characters that do not show, not {name!r}"
        )
    return name


def write(record: dict[str, object]) -> int:
    """Put *record* into the spool, durably; answer the exit status."""
    try:
        spool(record)
    except OSError as error:
        complain(f"{error.filename or 'spool'}: {error.strerror}; this event is lost: {record}")
        return DENIED if isinstance(error, PermissionError) else UNAVAILABLE
    return 0


def spool(record: dict[str, object]) -> None:
    """Write, fsync, rename, fsync the folder: a reader sees whole records only."""
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    name = f"{now:020d}-{os.getpid()}"
    folder = open_spool()
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(f".{name}", flags, 0o600, dir_fd=folder)
        try:
            os.write(file, as_json({"version": 1, "boottime_ns": now} | record))
            os.fsync(file)
            os.rename(f".{name}", f"{name}.event", src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(f".{name}", dir_fd=folder)
            raise
        finally:
            os.close(file)
        os.fsync(folder)
    finally:
        os.close(folder)


def open_spool() -> int:
    """Open the spool's folder; root makes it where tmpfiles.d has not."""
    run = os.path.join(root(), "run/lvsctl")  # noqa: PTH118 - see above
    path = os.path.join(run, "spool")  # noqa: PTH118 - os.path, as pathlib's import is a good part of a hook's time
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        for folder, mode in ((run, 0o755), (path, 0o700)):
            try:
                os.mkdir(folder, mode)  # noqa: PTH102 - os.path, as pathlib's import is a good part of a hook's time
            except FileExistsError:
                continue
        return os.open(path, flags)


def as_json(record: dict[str, object]) -> bytes:
    """Answer *record* as one line of JSON; its texts have nothing to escape (see checked)."""
    fields = [
        f'"{key}": {value}' if isinstance(value, int) else f'"{key}": "{value}"'
        for key, value in record.items()
    ]
    return f"{{{', '.join(fields)}}}\n".encode()


def wake(record: dict[str, object]) -> None:
    """Start the agent once where nobody else does; systemd's path unit watches the spool otherwise.

    Not when keepalived stops: it ends this process, and whatever it started, within a second.
    """
    if os.path.isdir("/run/systemd/system") or os.geteuid() or record.get("state") == "STOP":  # noqa: PTH112 - os.path, as pathlib's import is a good part of a hook's time
        return
    program = os.path.join(root(), "usr/libexec/lvsctl/lvsctl")  # noqa: PTH118 - os.path, as pathlib's import is a good part of a hook's time
    if os.access(program, os.X_OK) and not agent_lives() and not os.fork():
        os.setsid()
        if not os.fork():
            null = os.open(os.devnull, os.O_RDWR)
            for standard in range(3):
                os.dup2(null, standard)
            os.execv(program, [program, "agent", "--once"])  # noqa: S606 - no shell is the point
        os._exit(0)


def agent_lives() -> bool:
    """Answer whether an agent holds its lock."""
    import fcntl  # noqa: PLC0415 - only where there is no systemd

    path = os.path.join(root(), "run/lvsctl/agent.lock")  # noqa: PTH118 - os.path, as pathlib's import is a good part of a hook's time
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def complain(message: str) -> None:
    """Tell syslog, and whoever sees our standard error."""
    import syslog  # noqa: PLC0415 - only when something is wrong

    text = f"lvsctl {os.path.basename(sys.argv[0])}: {message}"  # noqa: PTH119 - os.path, as pathlib's import is a good part of a hook's time
    syslog.openlog("lvsctl", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_ERR, text)
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    os._exit(main(sys.argv))  # nothing is left to be cleaned up, and it costs a fifth of the whole
