"""The half of bench/ipvs.py that runs inside the lab: measures, and writes one JSON object per size."""

import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from lvsctl.ipvs import (
    AddDest,
    AddService,
    Dest,
    DestKey,
    ForwardingMethod,
    KernelIpvs,
    Service,
    ServiceKey,
    Step,
)
from tests.support.ipvs import fresh_netns

SIZES = ((100, 5), (1000, 3), (5000, 1))
"""Services, and rounds."""
DESTS = 10
PYROUTE2_UP_TO = 1000
"""Call by call it takes minutes beyond, and is measured once only."""

OURS = "import sys; sys.argv[1:1] = ['ipvsadm']; from lvsctl.cli.entry import main; main()"


def main() -> None:
    """Measure every size."""
    with (Path(os.environ["LVSCTL_LAB"]) / "results").open("w", encoding="utf-8") as results:
        for services, rounds in SIZES:
            results.write(json.dumps(measured(services, rounds)) + "\n")
            results.flush()


def measured(services: int, rounds: int) -> dict[str, float]:
    """Answer the medians, in milliseconds, of each job at this size."""
    steps = list(_steps(services))
    rules = "".join(_rules(services))
    jobs: dict[str, Callable[[str], object]] = {
        "apply": lambda netns: _apply(netns, steps),
        "ipvsadm_restore": lambda netns: _process(netns, ["/sbin/ipvsadm", "-R"], rules),
        "process": lambda netns: _process(netns, [sys.executable, "-ISc", _isolated(), "-R"], rules),
    }
    if services <= PYROUTE2_UP_TO and _pyroute2():
        jobs["pyroute2_apply"] = lambda netns: _pyroute2_apply(netns, services)
    times: dict[str, list[float]] = {}
    for turn in range(rounds):
        for name, job in jobs.items():
            if turn and name.startswith("pyroute2"):
                continue
            with fresh_netns() as netns:
                times.setdefault(name, []).append(_milliseconds(partial(job, netns)))
                if name == "apply":
                    _dumps(netns, times, with_pyroute2="pyroute2_apply" in jobs and not turn)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"services": services, "peak": peak, **{name: median(taken) for name, taken in times.items()}}


def _dumps(netns: str, times: dict[str, list[float]], *, with_pyroute2: bool) -> None:
    def dump() -> None:
        with KernelIpvs(netns=netns) as ipvs:
            ipvs.table()

    times.setdefault("dump", []).append(_milliseconds(dump))
    save = _milliseconds(lambda: _process(netns, ["/sbin/ipvsadm", "-Sn"], ""))
    times.setdefault("ipvsadm_save", []).append(save)
    if with_pyroute2:
        times.setdefault("pyroute2_dump", []).append(_milliseconds(lambda: _pyroute2_dump(netns)))


def _isolated() -> str:
    # -I leaves out the checkout, -S the start-up files of the environment: what an installed program pays.
    return f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}); {OURS}"


def _apply(netns: str, steps: list[Step]) -> None:
    with KernelIpvs(netns=netns) as ipvs:
        refusals = ipvs.send(steps)
        assert not refusals, refusals[0]  # noqa: S101 - a benchmark of refusals would be none


def _process(netns: str, argv: list[str], stdin: str) -> None:
    subprocess.run(
        ["ip", "netns", "exec", netns, *argv], input=stdin, text=True, check=True, stdout=subprocess.DEVNULL
    )


def _steps(services: int) -> Iterator[Step]:
    dest = Dest(ForwardingMethod.NAT, weight=3)
    for i in range(services):
        key = ServiceKey.tcp(f"10.{i >> 8}.{i & 255}.1", 80)
        yield AddService(key, Service("rr"))
        for j in range(DESTS):
            yield AddDest(key, DestKey.of(f"172.16.{j}.{i & 127 | 1}", 8080), dest)


def _rules(services: int) -> Iterator[str]:
    for step in _steps(services):
        match step:
            case AddService(key, _):
                yield f"-A -t {key.address}:{key.port} -s rr\n"
            case AddDest(key, dest, _):
                yield f"-a -t {key.address}:{key.port} -r {dest} -m -w 3\n"


def _pyroute2() -> bool:
    with contextlib.suppress(ImportError):
        importlib.import_module("pyroute2")
        return True
    return False


def _pyroute2_apply(netns: str, services: int) -> None:
    peer = importlib.import_module("pyroute2")
    with peer.IPVS(netns=netns) as ipvs:
        for i in range(services):
            service = peer.IPVSService(addr=f"10.{i >> 8}.{i & 255}.1", port=80, protocol=6, sched_name="rr")
            ipvs.service("add", service)
            for j in range(DESTS):
                address = f"172.16.{j}.{i & 127 | 1}"
                ipvs.dest("add", service, peer.IPVSDest(addr=address, port=8080, fwd_method=0, weight=3))


def _pyroute2_dump(netns: str) -> None:
    peer = importlib.import_module("pyroute2")
    with peer.IPVS(netns=netns) as ipvs:
        for message in ipvs.service("dump"):
            for found in ipvs.dest("dump", peer.IPVSService.from_message(message)):
                peer.IPVSDest.from_message(found)


def _milliseconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
