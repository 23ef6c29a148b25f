"""How the instances of a running keepalived are, by its own account (``vrrp_data.c`` of 2.2.7). Pure."""

import re
from collections.abc import Mapping

from lvsctl.agent.model import Standing
from lvsctl.failover.model import Vrrp

_INSTANCE = re.compile(r"^ VRRP Instance = (.+)\n((?:   .*\n?)*)", re.MULTILINE)
_STATE = re.compile(r"^   State = (\w+)$", re.MULTILINE)
_TRANSITION = re.compile(r"^   Last transition = ([\d.]+) ", re.MULTILINE)

STATES = {"MASTER": Vrrp.MASTER, "BACKUP": Vrrp.BACKUP, "FAULT": Vrrp.FAULT, "STOP": Vrrp.STOP}


def standings(dump: str) -> Mapping[str, Standing]:
    """Answer the state of every instance in the text of one dump, or of all. INIT, and what is new to us, is UNKNOWN."""
    return {name: _standing(block) for name, block in _INSTANCE.findall(dump)}


def _standing(block: str) -> Standing:
    state, transition = _STATE.search(block), _TRANSITION.search(block)
    return Standing(
        STATES.get(state[1], Vrrp.UNKNOWN) if state else Vrrp.UNKNOWN, transition[1] if transition else ""
    )
