"""Readings of a spec that have to fail, and what PyYAML reads instead."""

from typing import Any

import pytest
import yaml

from lvsctl.errors import SpecInvalid
from lvsctl.spec.document import read


def faults(text: str | bytes) -> list[str]:
    """Read a text that is no spec, and answer its faults as an operator sees them, each without ``lvs.yaml:``."""
    with pytest.raises(SpecInvalid) as caught:
        read(text, file="lvs.yaml")
    assert caught.value.faults
    return [str(fault).removeprefix("lvs.yaml:") for fault in caught.value.faults]


def composed(text: str) -> Any:
    """Answer what PyYAML reads when it leaves every scalar the text that it is."""
    return yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506  # it knows no tag, so it makes no objects
