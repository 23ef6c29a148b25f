"""The IPVS table at 100, 1,000 and 5,000 services × 10: ours beside ipvsadm, and pyroute2 where it is installed.

Everything runs in one boot of the kernel lab (tests/support/lab.py), one job after the other in turns, each apply into
an empty table of a fresh namespace. The guest has one processor and starts processes slowly: only ratios mean anything.
"""

import json
import os
import subprocess
import sys

from tests.support import lab

APPLY_TARGET, DUMP_TARGET, PROCESS_TARGET = 20, 2, 4
TIME_LIMIT = 1500


def run() -> None:
    """Boot, measure, print; says why when there is no lab here."""
    reason = lab.why_not()
    if reason:
        print(f"ipvs: not measured: {reason}")
        return
    with lab.exchange_folder() as exchange:
        guest = lab.boot(
            exchange, lab.command_script([sys.executable, "-m", "bench.ipvs_guest"], _environment())
        )
        try:
            guest.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            print(f"ipvs: not finished within {TIME_LIMIT} s; what there is:")
        finally:
            guest.kill()
        results = [json.loads(line) for line in guest.read("results").splitlines()]
        if not results:
            print(f"ipvs: not measured:\n{guest.last_words()}")
    _print(results)


def _environment() -> dict[str, str]:
    # pyroute2 is no dependency of ours: PYTHONPATH may say where one is (not below /tmp, which the lab covers).
    return {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}


def _print(results: list[dict[str, float]]) -> None:
    print(
        f"ipvs: median ms in the lab; targets at 1000×10: apply {APPLY_TARGET}×, dump {DUMP_TARGET}×, process {PROCESS_TARGET}×\n"
    )
    titles = "| services × 10 | apply | ipvsadm -R | ratio | dump | ipvsadm -Sn | ratio | lvsctl ipvsadm -R | ratio | pyroute2 apply | pyroute2 dump | MiB |"
    print(titles)
    print("|---" * (titles.count("|") - 1) + "|")
    for row in results:
        cells = [
            *(f"{row['services']:.0f}", f"{row['apply']:.0f}", f"{row['ipvsadm_restore']:.0f}"),
            f"{row['ipvsadm_restore'] / row['apply']:.0f}×",
            *(
                f"{row['dump']:.0f}",
                f"{row['ipvsadm_save']:.0f}",
                f"{row['ipvsadm_save'] / row['dump']:.1f}×",
            ),
            *(f"{row['process']:.0f}", f"{row['ipvsadm_restore'] / row['process']:.1f}×"),
            *(_optional(row, "pyroute2_apply"), _optional(row, "pyroute2_dump"), f"{row['peak']:.0f}"),
        ]
        print(f"| {' | '.join(cells)} |")


def _optional(row: dict[str, float], name: str) -> str:
    return f"{row[name]:.0f}" if name in row else "–"
