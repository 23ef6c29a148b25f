"""One service of keepalived's that is to be switched: its sorry, its maintenance file, and what its daemon says of it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.host.paths import root
from lvsctl.ipvs.model import Table
from lvsctl.keepalived.account import account
from lvsctl.keepalived.process import Daemon, seen
from lvsctl.sorry import handover, liveness
from lvsctl.sorry.course import heavy_enough
from lvsctl.sorry.form import Form
from lvsctl.sorry.liveness import Liveness
from lvsctl.sorry.model import Removal, Target
from lvsctl.sorry.owner import Keepalived, needs_maintenance

ANSWER: Final = 5.0
"""Seconds that a keepalived has to say what it holds true; it takes milliseconds."""


class WrongSorry(LvsctlError):
    """keepalived would let another sorry server in than the one that was asked for."""


class Switch(NamedTuple):
    """One service, and the keepalived that owns it."""

    target: Target
    owner: Keepalived

    @property
    def removal(self) -> Removal:
        """How keepalived takes the real servers of this service out."""
        return Removal.WEIGHT if self.owner.server.form is Form.RESIDENT else Removal.DELETE

    @property
    def track_file(self) -> str:
        """The name that keepalived has for the maintenance file; empty when it has none."""
        return self.owner.maintenance.track_file if self.owner.maintenance else ""

    @property
    def file(self) -> Path:
        """The maintenance file as we reach it; LVSCTL_ROOT moves it for tests. Raises Refused when there is none."""
        if self.owner.maintenance is None:
            raise needs_maintenance(self.target.key, self.owner, self.target.name)
        path = self.owner.maintenance.file
        if root() != Path("/"):
            return root() / path.removeprefix("/")
        return seen(self.owner.daemon, path)


Word = Mapping[Daemon, Liveness]
"""What each keepalived holds true; one that did not answer is not in it."""


def files(switches: Iterable[Switch]) -> list[Path]:
    """Answer the maintenance files of *switches*, each once."""
    return list(dict.fromkeys(each.file for each in switches))


def ask(switches: Iterable[Switch]) -> Word:
    """Ask the keepaliveds of *switches* for their word. Raises Denied when we may not."""
    told = {}
    for daemon in dict.fromkeys(each.owner.daemon for each in switches):
        texts = account(daemon, timeout=ANSWER)
        if texts is not None:
            told[daemon] = liveness.liveness("\n".join(texts.values()))
    return told


def held(switch: Switch, word: Word) -> liveness.VirtualServer | None:
    """Answer what keepalived holds true of one service, or None when it did not say."""
    told = word.get(switch.owner.daemon)
    return told.virtual_servers.get(switch.owner.server.name) if told else None


def coming(switch: Switch, word: Word) -> tuple[liveness.RealServer, ...]:
    """Answer the real servers that keepalived will bring back when the file says 0; nobody without its word."""
    told = held(switch, word)
    return handover.coming_back(told, switch.track_file) if told else ()


def with_siblings(switches: Sequence[Switch], table: Table) -> list[Switch]:
    """Answer *switches* and the other services of their groups: keepalived has one file for the whole group."""
    found = {each.target.key: each for each in switches}
    for each in switches:
        server = each.owner.server
        for key in table if server.only_key is None else ():
            if key not in found and server.covers(key):
                found[key] = each._replace(target=each.target._replace(key=key))
    return list(found.values())


def heavy(switch: Switch, table: Table) -> Switch:
    """Answer *switch* with the weight at which its sorry can take every visitor; keepalived gives it 1."""
    server = table.get(switch.target.key)
    if server is None:
        return switch
    others = [dest for dest_key, dest in server.dests.items() if dest_key != switch.target.dest_key]
    dest = heavy_enough(switch.target.dest, server.service, others)
    return switch._replace(target=switch.target._replace(dest=dest))


def check_sorry(switch: Switch) -> None:
    """Raise WrongSorry when keepalived has another sorry server than the target says."""
    configured, wanted, key = switch.owner.server.sorry_server, switch.target.dest_key, switch.target.key
    if configured is None:
        return
    address, port = configured
    if address != wanted.address or wanted.port not in (port or key.port, key.port):
        theirs = f"{address} {port}" if port else str(address)
        raise WrongSorry(
            f"{key}: keepalived's sorry_server is {theirs}, not {wanted}",
            hint="leave the address out to take keepalived's, or change its sorry_server and reload it",
        )
