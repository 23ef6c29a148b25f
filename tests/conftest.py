"""What every test may rely on: see the plugins."""

pytest_plugins = ["tests.support.lab_plugin", "tests.support.linters"]
