"""The real keepalived on a host of the lab: start it, wait until it runs, ask for its dumps, stop it."""

import re
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.hosts import Background, Host, wait_until

CONFIG = "/etc/keepalived/keepalived.conf"
CHILD = re.compile(r"Starting (Healthcheck|VRRP|BFD) child process")
STARTED = "Startup complete"
ENDED = re.compile(rf"{STARTED}|exited due to|exited with permanent error")
"""Logged by the parent when every child has read its configuration (2.2.7 core/config_notify.c)."""
PIDS = ("-p", "-c", "-r", "-b")


class NotStarted(AssertionError):
    """keepalived did not come up; *log* is all it said, *status* its exit status (None: it still lives)."""

    def __init__(self, status: int | None, log: str) -> None:
        super().__init__(f"keepalived did not start (status {status}):\n{log}")
        self.status = status
        self.log = log


class Keepalived:
    """A running keepalived."""

    def __init__(
        self, host: Host, config: str | bytes, *, config_id: str = "", options: Iterable[str] = ()
    ) -> None:
        """Write the configuration and start; returns before it has read it."""
        self.host = host
        self.write(config)
        pids = [
            word for index, option in enumerate(PIDS) for word in (option, f"/run/keepalived-{index}.pid")
        ]
        argv = [
            "keepalived",
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--no-syslog",
            "-f",
            CONFIG,
            *pids,
        ]
        argv += ["--config-id", config_id] if config_id else []
        self.program: Background = host.start([*argv, *options])

    def write(self, config: str | bytes) -> None:
        """Replace the configuration file, as a rename does."""
        self.host.write(f"{CONFIG}.new", config)
        self.host.path(f"{CONFIG}.new").rename(self.host.path(CONFIG))

    @property
    def log(self) -> str:
        return self.program.output

    def wait_started(self, timeout: float = 60) -> None:
        """Wait until every child has read its configuration; raises NotStarted."""
        wait_until(lambda: ENDED.search(self.log) or not self.program.alive, timeout)
        if STARTED not in self.log or not self.program.alive:
            raise NotStarted(self.program.process.poll(), self.log)

    def reload(self) -> None:
        """Have it read its configuration again, and wait until it has."""
        before = self.log.count("Reload complete")
        self.program.signal(signal.SIGHUP)
        assert wait_until(lambda: self.log.count("Reload complete") > before), self.log

    def dumps(self, timeout: float = 60) -> Mapping[str, str]:
        """Ask for its account of what it parsed and answer it, by file name (``keepalived_check.data``)."""
        expected = 1 + len(set(CHILD.findall(self.log)))
        for path in self._data():
            path.unlink()
        self.program.signal(signal.SIGUSR1)
        if not wait_until(lambda: len(self._written()) >= expected, timeout):
            raise NotStarted(
                self.program.process.poll(), f"{self.log}\nand only {sorted(self._written())} came"
            )
        return {_plain_name(path.name): path.read_text("utf-8", "surrogateescape") for path in self._data()}

    def stop(self) -> int:
        """Stop it and answer its exit status."""
        return self.program.stop()

    def _data(self) -> list[Path]:
        return sorted(self.host.path("/tmp").glob("keepalived*.data"))

    def _written(self) -> set[str]:
        """Answer the dumps that are complete: there, and not open for writing any more."""
        files = {path.name for path in self._data() if path.stat().st_size}
        return files - {Path(name).name for name in self._open_files()} if files else files

    def _open_files(self) -> Iterator[str]:
        for handle in self.host.path("/proc").glob("[0-9]*/fd/*"):
            with suppress(OSError):
                yield str(handle.readlink())


def _plain_name(name: str) -> str:
    """Answer the file name without the instance that ``data_use_instance`` puts into it."""
    stem, *_, suffix = name.split(".")
    return f"{stem}.{suffix}"
