"""A hook, from its start to the durable event, beside an interpreter that does nothing.

The hook is installed and started as keepalived does it: one file, by its interpreter line, with keepalived's
arguments. Its spool is in memory, as /run is. No agent is there to be woken.
"""

import shutil
import tempfile
from pathlib import Path

from bench.measure import Compared, alternately, process
from lvsctl.notify import hook

BARE = ["/usr/bin/python3", "-I", "-c", "pass"]
BARER = ["/usr/bin/python3", "-IS", "-c", "pass"]
"""The options of the hook's own interpreter line: what is more than this is the hook's own work."""
TARGET = 2.0
ROUNDS = 15
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
CALLS = {
    "notify": ("INSTANCE", "VI_1", "MASTER", "150"),
    "notify_master_rx_lower_pri": ("VI_1",),
    "quorum_down": ("web",),
}


def run() -> None:
    """Print the table."""
    if not Path(BARE[0]).exists():
        print(f"hook: not measured: {BARE[0]} is not here\n")
        return
    folder = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder) as root:
        rows = {
            name: [_measured(Path(root), name, arguments, bare) for bare in (BARE, BARER)]
            for name, arguments in CALLS.items()
        }
    print(f"hook: exec to durable event, median of {ROUNDS}, beside {' '.join(BARE)}; target ≤ {TARGET:g}×")
    print("| hook | ms | bare, ms | ratio | bare with -IS, ms | ratio |")
    print("|---|---|---|---|---|---|")
    for name, (bare, barer) in rows.items():
        cells = [f"{bare.ours * 1000:.1f}"]
        cells += [
            cell for each in (bare, barer) for cell in (f"{each.theirs * 1000:.1f}", f"{each.ratio:.2f}×")
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def _measured(root: Path, name: str, arguments: tuple[str, ...], bare: list[str]) -> Compared:
    installed = root / name
    shutil.copyfile(hook.__file__, installed)
    installed.chmod(0o755)
    spool = root / "run/lvsctl/spool"
    spool.mkdir(parents=True, exist_ok=True)
    found = alternately(
        process([str(installed), *arguments], env={"LVSCTL_ROOT": str(root)}), process(bare), rounds=ROUNDS
    )
    if not any(spool.glob("*.event")):
        raise RuntimeError(f"{name} recorded nothing")
    return found
