"""What ``lvsctl.ipvs`` promises: its names, and what loading it costs."""

import json
import subprocess
import sys

import pytest

import lvsctl.ipvs

FORBIDDEN = {"pydantic", "jinja2", "typer", "yaml", "rich", "asyncio", "pyroute2"}
HEAVY = {"dataclasses", "pathlib", "logging", "subprocess", "argparse", "json", "inspect"}


def loaded(code: str) -> set[str]:
    """Answer the modules that *code* loads in a fresh interpreter."""
    program = f"import sys; before = set(sys.modules)\n{code}\nimport json; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout)) - {"json", "json.decoder", "json.encoder", "json.scanner"}


def test_every_public_name_is_there_and_is_no_module() -> None:
    for name in dir(lvsctl.ipvs):
        assert not isinstance(getattr(lvsctl.ipvs, name), type(sys)), name


def test_no_module_has_a_public_name() -> None:
    """Else importing the module would put it in the name's place."""
    homes = {home.rpartition(".")[2] for home in lvsctl.ipvs._HOMES}
    assert not homes & set(dir(lvsctl.ipvs))


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="nosuch"):
        _ = lvsctl.ipvs.nosuch


def test_the_library_loads_no_pydantic_jinja2_or_typer() -> None:
    assert (
        not loaded("import lvsctl.ipvs\nfor name in dir(lvsctl.ipvs): getattr(lvsctl.ipvs, name)") & FORBIDDEN
    )


def test_ipvsadm_loads_only_what_it_needs() -> None:
    assert not loaded("import lvsctl.ipvs.compat.main") & (FORBIDDEN | HEAVY)
