"""``python -m lvsctl`` is ``lvsctl``."""

from lvsctl.cli.entry import main

if __name__ == "__main__":
    main()
