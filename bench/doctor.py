"""How long an examination takes, by the number of services, beside `lvsctl validate` of the same spec."""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import alternately

SIZES = (1, 100, 1000)


def spec(services: int) -> str:
    """Answer a spec of *services* that keepalived owns, ten real servers each."""
    reals = ", ".join(f"{{address: 10.1.0.{number}}}" for number in range(1, 11))
    return "nodes: {lb1: {address: 10.0.0.11}, lb2: {address: 10.0.0.12}}\nvirtual_servers:\n" + "".join(
        f"  s{number}: {{address: 10.2.{number // 250}.{number % 250 + 1}, port: 80,"
        f" checks: [{{TCP_CHECK: {{}}}}], real_servers: [{reals}]}}\n"
        for number in range(services)
    )


def lvsctl(*arguments: str) -> None:
    """Run a whole process; findings on this machine are no failure."""
    subprocess.run([sys.executable, "-m", "lvsctl", *arguments], capture_output=True, check=False)


def run() -> None:
    """Print the table."""
    print("## doctor: one examination of this machine, whole process\n")
    found = alternately(lambda: lvsctl("doctor", "--role", "realserver"), lambda: lvsctl("--version"))
    print(
        f"real server without a spec: {found.ours * 1000:.0f} ms (lvsctl --version: {found.theirs * 1000:.0f} ms)\n"
    )
    print("| services × 10 | doctor | validate, keepalived not asked | ratio |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = Path(folder) / f"{size}.yaml"
            path.write_text(spec(size), encoding="utf-8")
            found = alternately(
                lambda path=path: lvsctl("doctor", str(path), "--node", "lb1"),  # type: ignore[misc]  # bound at once
                lambda path=path: lvsctl("validate", str(path), "--no-keepalived"),  # type: ignore[misc]  # likewise
                rounds=3,
            )
            print(f"| {size} | {found.ours:.2f} s | {found.theirs:.2f} s | {found.ratio:.2f} |")
