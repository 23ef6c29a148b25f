"""Run the benchmarks named on the command line, or all."""

import importlib
import pkgutil
import sys

import bench
from bench.measure import machine

NOT_BENCHMARKS = {"__main__", "measure"}


def main() -> int:
    """Run and print; the exit code is 0 unless a benchmark could not be run."""
    every = [found.name for found in pkgutil.iter_modules(bench.__path__) if found.name not in NOT_BENCHMARKS]
    chosen = sys.argv[1:] or [
        name for name in every if hasattr(importlib.import_module(f"bench.{name}"), "run")
    ]
    print(f"measured on: {machine()}\n")
    for name in chosen:
        importlib.import_module(f"bench.{name}").run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
