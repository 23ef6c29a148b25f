"""How everything here is measured: alternating with the peer, medians, ratios; never a verdict on wall time."""

import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

Job = Callable[[], object]


LONG_ENOUGH = 0.2
"""Seconds that a turn takes at least."""


class Compared(NamedTuple):
    """Medians of two jobs that ran alternately, in seconds."""

    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times the peer's time ours is."""
        return self.ours / self.theirs


def alternately(ours: Job, theirs: Job, *, rounds: int = 5) -> Compared:
    """Run both jobs *rounds* times in turns, so that whatever else the machine does hits both.

    A short job is repeated within its turn: what follows a garbage collection or the other job runs on cold caches.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for job, taken in zip((ours, theirs), times, strict=True):
            gc.collect()
            taken.append(_turn(job))
    return Compared(median(times[0]), median(times[1]))


def _turn(job: Job) -> float:
    start, runs = time.perf_counter(), 0
    while not runs or (elapsed := time.perf_counter() - start) < LONG_ENOUGH:
        job()
        runs += 1
    return elapsed / runs


def peak_memory(code: str) -> float:
    """Answer the peak resident memory, in MiB, of a fresh Python that runs *code*."""
    child = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return int(child.stdout.split()[-2]) / 1024


def process(argv: list[str], *, env: Mapping[str, str] | None = None) -> Job:
    """Make a job of running a whole process."""
    return lambda: subprocess.run(
        argv, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **(env or {})}
    )


def machine() -> str:
    """Answer what the figures were measured on."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.1f}, Python {sys.version.split()[0]}, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB"
