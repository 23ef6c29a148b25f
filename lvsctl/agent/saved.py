"""What the agent knows, on disk: so that a restart neither forgets a generation nor repeats one.

It shares the shelves of failover: versioned, locked, on /run where the disk does not take it.
"""

from typing import Any

from lvsctl.agent.model import Instance, Memory, Quorum, Source
from lvsctl.agent.reduce import after_reboot
from lvsctl.failover.model import Vrrp
from lvsctl.failover.shelf import FileShelf, Form, HostClock, Shelf

Doc = dict[str, Any]


def shelf(clock: HostClock) -> Shelf[Memory]:
    """Answer where the agent's memory is."""
    return FileShelf("agent", Form(to, back, Memory, lambda _now: Memory()), clock)


def to(memory: Memory) -> Doc:
    """Answer *memory* as JSON's types."""
    return {
        "instances": {name: each._asdict() for name, each in memory.instances.items()},
        "quorums": {name: each._asdict() for name, each in memory.quorums.items()},
    }


def back(doc: Doc, shift: float) -> Memory:
    """Answer the memory that *doc* describes; of another boot only what still holds. ValueError, KeyError, TypeError."""
    memory = Memory(
        {str(name): _instance(each) for name, each in doc["instances"].items()},
        {str(name): Quorum(bool(each["up"]), float(each["at"])) for name, each in doc["quorums"].items()},
    )
    return memory if shift == 0 else after_reboot(memory)


def _instance(doc: Doc) -> Instance:
    priority, lower = doc["priority"], doc["lower_heard"]
    return Instance(
        state=Vrrp(doc["state"]),
        generation=int(doc["generation"]),
        since=float(doc["since"]),
        by=Source(doc["by"]),
        priority=None if priority is None else int(priority),
        lower_heard=None if lower is None else float(lower),
        elected=bool(doc["elected"]),
        transition=str(doc["transition"]),
        done=int(doc["done"]),
    )
