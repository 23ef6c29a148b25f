"""`lvsctl sorry on` and `off` at 10, 100 and 1,000 services × 10, beside ipvsadm --restore and the seed's recipe.

Also the window, which is what visitors may notice: the time from the first to the last change of the table, and how
soon the guard takes out a real server that somebody put back. Everything runs in one boot of the kernel lab, in turns.
The guest has one processor and starts processes slowly: only ratios mean anything.
"""

import json
import subprocess
import sys

from tests.support import lab

TIME_LIMIT = 1500


def run() -> None:
    """Boot, measure, print; says why when there is no lab here."""
    reason = lab.why_not()
    if reason:
        print(f"sorry_swap: not measured: {reason}")
        return
    with lab.exchange_folder() as exchange:
        guest = lab.boot(exchange, lab.command_script([sys.executable, "-m", "bench.sorry_swap_guest"], {}))
        try:
            guest.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            print(f"sorry_swap: not finished within {TIME_LIMIT} s; what there is:")
        finally:
            guest.kill()
        results = [json.loads(line) for line in guest.read("results").splitlines()]
        if not results:
            print(f"sorry_swap: not measured:\n{guest.last_words()}")
    _print(results)


def _print(results: list[dict[str, float]]) -> None:
    print(
        "sorry_swap: median ms in the lab. `on`, `off`: from reading the table to verifying it, snapshots fsynced.\n"
        "The window of a program that makes its changes one by one is nearly all of its time.\n"
        "the recipe: an ipvsadm per change; measured at 10 services, beyond that per process (~).\n"
    )
    titles = ["services × 10", "on", "its window", "ipvsadm -R", "÷ window", "the recipe", "÷ window"]
    titles += ["off", "÷ on", "lvsctl sorry on", "guard", "its part of a CPU"]
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    for row in results:
        about = "" if row["recipe_measured"] else "~"
        cells = [f"{row['services']:.0f}", f"{row['on']:.0f}", f"{row['window']:.1f}"]
        cells += [f"{row['restore']:.0f}", f"{row['restore'] / row['window']:.0f}×"]
        cells += [f"{about}{row['recipe']:.0f}", f"{about}{row['recipe'] / row['window']:.0f}×"]
        cells += [f"{row['off']:.0f}", f"{row['off'] / row['on']:.2f}", f"{row['process']:.0f}"]
        cells += [f"{row['guard']:.0f}", f"{row['guard_share']:.1f} %"]
        print(f"| {' | '.join(cells)} |")
