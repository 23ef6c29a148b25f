import pytest

from lvsctl.keepalived.command_line import DEFAULT_CONFIG, config_id_of, config_of


@pytest.mark.parametrize(
    ("command", "config"),
    [
        ("keepalived", DEFAULT_CONFIG),
        ("keepalived -D -n", DEFAULT_CONFIG),
        ("keepalived -f /x.conf", "/x.conf"),
        ("keepalived -f/x.conf", "/x.conf"),
        ("keepalived -nDlf /x.conf -D", "/x.conf"),
        ("keepalived --use-file /x.conf", "/x.conf"),
        ("keepalived --use-file=/x.conf", "/x.conf"),
        ("keepalived -i -f -f /x.conf", "/x.conf"),
        ("keepalived --config-id -f --dont-fork", DEFAULT_CONFIG),
        ("keepalived --dont-fork --log-console -f /x.conf", "/x.conf"),
        ("keepalived --dont-fork --use-file /x.conf", "/x.conf"),
        ("keepalived -Mfoo", DEFAULT_CONFIG),
        ("keepalived -p /run/f.pid", DEFAULT_CONFIG),
        ("keepalived -f", ""),
    ],
)
def test_the_file_is_what_keepalived_takes_it_for(command: str, config: str) -> None:
    assert config_of(command.split()) == config


@pytest.mark.parametrize("option", ["-t", "--config-test", "--config-test=/log", "-nt"])
def test_one_that_only_tests_reads_nothing_for_good(option: str) -> None:
    assert config_of(["keepalived", "-f", "/x.conf", option]) is None


def test_the_config_id_is_its_option() -> None:
    assert config_id_of(["keepalived", "-i", "lb1"]) == "lb1"
    assert config_id_of(["keepalived"]) is None
