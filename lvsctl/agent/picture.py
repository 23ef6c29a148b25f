"""How the agent is at this moment, as status.json, the socket and the metrics say it."""

import os
import time
from typing import TYPE_CHECKING

from lvsctl.agent import status

if TYPE_CHECKING:
    from lvsctl.agent.agent import Agent


def document(agent: "Agent", *, heartbeat: bool) -> status.Doc:
    """Answer all of it. Without a *heartbeat* nobody takes it for a sign of life."""
    memory, epoch = agent.board.memory, agent.epoch
    return {
        "version": status.VERSION,
        "pid": os.getpid(),
        "heartbeat": time.time() if heartbeat else None,
        "started": agent.started,
        "once": agent.options.once,
        "node": agent.setting.node,
        "spec": {"file": str(agent.options.spec), "loaded": agent.loaded, "trouble": agent.spec_trouble},
        "keepalived": {
            "config": str(agent.witness.config),
            "pid": agent.process.pid if agent.process else None,
            "why": agent.board.account.why or None,
        },
        "instances": {
            name: status.instance(each, epoch) | {"steps": _steps(agent, name)}
            for name, each in memory.instances.items()
        },
        "failover": addresses(agent),
        "quorums": status.quorums(memory),
        "sorry": {"waiting": agent.desk.waiting, "trouble": dict(agent.desk.trouble)},
        "counters": dict(agent.counters),
    }


def addresses(agent: "Agent") -> status.Doc:
    """Answer what there is to say about each failover IP."""
    return {
        str(ip): status.address(
            kept.entry,
            kept.report,
            kept.trouble,
            target=kept.opened.rules.target if kept.opened else None,
            epoch=agent.epoch,
        )
        for ip, kept in agent.failovers.kept.items()
    }


def _steps(agent: "Agent", name: str) -> list[status.Doc]:
    course = agent.courses.get(name)
    return status.steps(course.steps, agent.epoch) if course else []
