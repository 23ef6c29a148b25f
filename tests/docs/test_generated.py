"""Generated pages are as the code makes them, and the schema says what the loader does."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from docs.generate import pages
from lvsctl.compose.schema import json_schema
from lvsctl.spec.describe import descriptions, models
from lvsctl.spec.layout import fields
from lvsctl.spec.spec import Spec

ROOT = Path(__file__).resolve().parents[2]
GENERATED = dict(pages())


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_a_generated_page_is_fresh(path: Path) -> None:
    assert path.read_text() == GENERATED[path], "run `make docs`"


def test_every_field_has_a_description() -> None:
    bare = [
        f"{name}.{key}"
        for name, model in models(Spec).items()
        for key in fields(model)
        if not descriptions(model).get(key)
    ]
    assert not bare


def schema_of(spec: str) -> list[str]:
    """Answer what the schema finds wrong with *spec*, as an editor would read it."""
    validator = jsonschema.Draft202012Validator(json_schema())
    return [
        f"{list(error.absolute_path)}: {error.message}"
        for error in validator.iter_errors(yaml.safe_load(spec))
    ]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_schema_accepts_the_example() -> None:
    assert not schema_of((ROOT / "examples" / "pair.yaml").read_text())


@pytest.mark.parametrize(
    "fault",
    [
        "vrrp_instances: {VI_1: {interface: eth0, virtual_router_id: 256}}",
        "vrrp_instances: {VI_1: {interfaces: eth0, virtual_router_id: 1}}",
        "virtual_servers: {web: {address: 10.0.0.1, port: 80, lvs_method: dr, lvs_sched: xx}}",
        "no_such_block: {}",
        "notify: off",
    ],
)
def test_the_schema_finds_what_the_loader_finds(fault: str) -> None:
    assert schema_of(fault)


def links(page: Path) -> list[str]:
    return re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text())


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not [link for link in links(page) if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "man").glob("*")), ids=lambda page: page.name)
def test_a_man_page_is_one(page: Path) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done: Any = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", page], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0
    assert not done.stderr
