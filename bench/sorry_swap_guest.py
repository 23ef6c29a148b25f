"""The half of bench/sorry_swap.py that runs inside the lab: measures, and writes one JSON object per size."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from lvsctl.ipvs import (
    AddDest,
    AddService,
    Dest,
    DestKey,
    EditDest,
    ForwardingMethod,
    KernelIpvs,
    Service,
    ServiceKey,
    Step,
)
from lvsctl.sorry import owner, swap
from lvsctl.sorry.guard import Guard
from lvsctl.sorry.model import Hold, Holder, Target
from lvsctl.sorry.node import Node, this_node
from tests.support import netns as namespaces
from tests.support.ipvs import fresh_netns

SIZES = ((10, 5), (100, 3), (1000, 2))
"""Services, and rounds."""
DESTS = 10
RECIPE_UP_TO = 10
"""Services; one process per change takes minutes beyond."""
GUARD_ROUNDS = 9
GUARD_SETTLES = 8
"""Seconds: it reads a thousand snapshots first."""
GUARD_RESTS = 10
NAT = Dest(ForwardingMethod.NAT)
SORRY = DestKey.of("10.255.0.1", 8081)
CLI = "from lvsctl.cli.entry import main; main()"


class Timed:
    """A table that notes when the first change was sent and the last one had been made."""

    def __init__(self, ipvs: KernelIpvs) -> None:
        self._ipvs = ipvs
        self.moments: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ipvs, name)

    def send(self, steps: Iterable[Step]) -> Any:
        """Send, between two looks at the clock."""
        steps = list(steps)
        self.moments.append(time.perf_counter())
        refusals = self._ipvs.send(steps)
        self.moments.append(time.perf_counter())
        return refusals

    @property
    def window(self) -> float:
        """The milliseconds between the first change and the last."""
        return (self.moments[-1] - self.moments[0]) * 1000


def main() -> None:
    """Measure every size."""
    with (Path(os.environ["LVSCTL_LAB"]) / "results").open("w", encoding="utf-8") as results:
        for services, rounds in SIZES:
            results.write(json.dumps(measured(services, rounds)) + "\n")
            results.flush()


def measured(services: int, rounds: int) -> dict[str, float]:
    """Answer the medians, in milliseconds, of each job at this size."""
    keys = [ServiceKey.tcp(f"10.{i >> 8}.{i & 255}.1", 80) for i in range(services)]
    times: dict[str, list[float]] = {}
    for turn in range(rounds):
        for name, job in JOBS.items():
            if name == "recipe" and (turn or services > RECIPE_UP_TO):
                continue
            with filled(keys) as netns:
                for what, taken in job(netns, keys).items():
                    times.setdefault(what, []).append(taken)
    result = {name: median(taken) for name, taken in times.items()}
    if not (exact := "recipe" in result):
        result["recipe"] = one_process() * len(keys) * (DESTS + 1)
    return {"services": services, "recipe_measured": exact, **result}


@contextmanager
def filled(keys: list[ServiceKey]) -> Iterator[str]:
    """Make a namespace with the services, and a sorry server that listens."""
    with fresh_netns() as netns:
        subprocess.run(["ip", "-n", netns, "address", "add", f"{SORRY.address}/32", "dev", "lo"], check=True)
        with namespaces.inside(f"/run/netns/{netns}"):
            listener = socket.create_server((str(SORRY.address), SORRY.port))
        with listener, KernelIpvs(netns=netns) as ipvs:
            if refusals := ipvs.send(_table(keys)):
                raise AssertionError(refusals[0])
            yield netns


def ours(netns: str, keys: list[ServiceKey]) -> dict[str, float]:
    """Swap on and off in this process."""
    with this_node(netns=netns) as node:
        timed = Timed(node.ipvs)  # type: ignore[arg-type]  # it is the kernel's
        watched = node._replace(ipvs=timed)
        on = _milliseconds(lambda: switch_on(watched, keys))
        window = timed.window
        off = _milliseconds(lambda: swap.off(node, keys, Holder.OPERATOR, wait=0))
    return {"on": on, "window": window, "off": off}


def switch_on(node: Node, keys: list[ServiceKey]) -> None:
    """Switch all sorries on."""
    targets = [Target(key, str(key), SORRY, NAT) for key in keys]
    swap.on(node, targets, Holder.OPERATOR, Hold(time.time()))


def restore(netns: str, keys: list[ServiceKey]) -> dict[str, float]:
    """Do the same changes with one ipvsadm."""
    return {"restore": _milliseconds(lambda: _run(netns, ["/sbin/ipvsadm", "-R"], "".join(_rules(keys))))}


def recipe(netns: str, keys: list[ServiceKey]) -> dict[str, float]:
    """Do it as people do: one ipvsadm per change."""

    def each() -> None:
        for key in keys:
            service = f"{key.address}:{key.port}"
            for number in range(DESTS):
                _run(netns, ["/sbin/ipvsadm", "-d", "-t", service, "-r", str(_real(number))])
            _run(netns, ["/sbin/ipvsadm", "-a", "-t", service, "-r", str(SORRY), "-m"])

    return {"recipe": _milliseconds(each)}


def process(netns: str, keys: list[ServiceKey]) -> dict[str, float]:
    """Run the whole program, as an operator does."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}); {CLI}"
    argv = [sys.executable, "-Ic", code, "sorry", "on", *map(str, keys), "--sorry", str(SORRY), "--force"]
    return {"process": _milliseconds(lambda: _run(netns, argv))}


def guard(netns: str, keys: list[ServiceKey]) -> dict[str, float]:
    """Put a real server back again and again, and see how soon a guard in another process takes it out.

    Also what part of a processor that guard takes while nothing happens, in percent.
    """
    reactions = []
    with this_node(netns=netns) as node:
        switch_on(node, keys)
        with on_duty(netns) as pid:
            time.sleep(GUARD_SETTLES)
            begun, used = time.monotonic(), _processor_time(pid)
            time.sleep(GUARD_RESTS)
            share = 100 * (_processor_time(pid) - used) / (time.monotonic() - begun)
            for number in range(GUARD_ROUNDS):
                time.sleep(1 + 0.07 * number)
                reactions.append(_milliseconds(partial(_put_back, node, keys[number], number)))
    return {"guard": median(reactions), "guard_share": share}


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _put_back(node: Node, key: ServiceKey, number: int) -> None:
    node.ipvs.send([EditDest(key, _real(number), NAT)])
    deadline = time.monotonic() + 30
    while node.ipvs.observe_one(key).table[key].dests[_real(number)].weight:
        if time.monotonic() > deadline:
            raise AssertionError("the guard does nothing")
        # There is one processor: who looks all the time takes it from the guard.
        time.sleep(0.01)


@contextmanager
def on_duty(netns: str) -> Iterator[int]:
    """Have a guard in a process of its own; answer which."""
    pid = os.fork()
    if not pid:
        try:
            with namespaces.inside(f"/run/netns/{netns}"), this_node(netns=netns) as node:
                Guard(node, owner.look, lambda _: None).run(lambda: True)
        finally:
            os._exit(1)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


JOBS: dict[str, Callable[[str, list[ServiceKey]], dict[str, float]]] = {
    "ours": ours,
    "restore": restore,
    "recipe": recipe,
    "process": process,
    "guard": guard,
}


def one_process() -> float:
    """Answer how many milliseconds one ipvsadm takes that changes one thing."""
    keys = [ServiceKey.tcp("10.0.0.1", 80)]
    with filled(keys) as netns:
        return recipe(netns, keys)["recipe"] / (DESTS + 1)


def _real(number: int) -> DestKey:
    return DestKey.of(f"172.16.0.{number + 1}", 8080)


def _table(keys: list[ServiceKey]) -> Iterator[Step]:
    for key in keys:
        yield AddService(key, Service("rr"))
        for number in range(DESTS):
            yield AddDest(key, _real(number), NAT._replace(weight=3))


def _rules(keys: list[ServiceKey]) -> Iterator[str]:
    for key in keys:
        service = f"-t {key.address}:{key.port}"
        yield f"-a {service} -r {SORRY} -m -w 1\n"
        for number in range(DESTS):
            yield f"-e {service} -r {_real(number)} -m -w 0\n"


def _run(netns: str, argv: list[str], stdin: str = "") -> None:
    subprocess.run(
        ["ip", "netns", "exec", netns, *argv], input=stdin, text=True, check=True, stdout=subprocess.DEVNULL
    )


def _milliseconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
