"""Where the program begins: ``lvsctl ipvsadm …`` goes straight to the library, everything else through typer.

Scripts call ipvsadm hundreds of times, and typer alone starts slower than ipvsadm runs.
"""

import sys


def main() -> None:
    """Run the command line and exit."""
    if sys.argv[1:2] == ["ipvsadm"]:
        from lvsctl.ipvs.compat.main import main as ipvsadm

        sys.exit(ipvsadm(sys.argv[2:]))
    from lvsctl.cli.main import main as lvsctl

    lvsctl()
