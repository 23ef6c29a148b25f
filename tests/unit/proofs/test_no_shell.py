"""keepalived 2.2.7 hands `config_save_dir` to a shell, as root, even under -t: no way leads there with more than a path.

Found by drawing specs: a back quote in the folder's name made its shell complain.
"""

import json
from pathlib import Path

import pytest

from lvsctl.compose.render import render
from lvsctl.errors import SpecInvalid
from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.judge import Invalid, judge
from lvsctl.keepalived.print import Unprintable, print_config
from lvsctl.keepalived.surroundings import surroundings
from lvsctl.spec.document import read
from lvsctl.spec.load import load
from tests.support.conf_probe import require_keepalived

COMMANDS = (
    "/tmp/$(id)",
    "/tmp/`id`",
    "/tmp;id",
    "/tmp id",
    "/tmp|id",
    "/tmp&id",
    "/tmp>x",
    "/tmp'x",
    "/" + "a" * 64,
)


def block(value: str) -> tuple[Statement, ...]:
    return (Statement(("global_defs",), (Statement(("config_save_dir", value)),)),)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "keyword", ["config_save_dir: {}", "extra: ['config_save_dir \"{}\"']", "extra: [config_save_dir {}]"]
)
def test_no_spec_can_give_that_shell_a_command(keyword: str, command: str) -> None:
    written = json.dumps(command) if keyword.startswith("config") else command.replace("'", "''")
    with pytest.raises(SpecInvalid):
        render(load(read(f"global_defs: {{{keyword.format(written)}}}", file="lvs.yaml")), "")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_printer_refuses_it_from_whoever_composes(command: str) -> None:
    with pytest.raises(Unprintable, match="shell"):
        print_config(block(command))


@pytest.mark.keepalived
def test_the_judge_does_not_even_ask(tmp_path: Path) -> None:
    require_keepalived()
    touched = tmp_path / "touched"
    text = f'global_defs {{\n    config_save_dir "/tmp/$(touch {touched})"\n}}\n'
    verdict = judge(text, node="lb", surroundings=surroundings(block("/tmp")))
    assert isinstance(verdict, Invalid)
    assert verdict.messages[0].line == 2
    assert not touched.exists()


@pytest.mark.keepalived
def test_a_folder_without_meaning_to_a_shell_is_fine() -> None:
    require_keepalived()
    config = (*block("/var/lib/keepalived/saved_1.d"), Statement(("child_wait_time", "5")))
    text = print_config(config)
    assert judge(text, node="lb", surroundings=surroundings(config)).__class__.__name__ == "Valid"
