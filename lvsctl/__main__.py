"""``python -m lvsctl`` is ``lvsctl``."""

from lvsctl.cli.main import main

if __name__ == "__main__":
    main()
