"""Nobody can wait for a time that is no number."""

import pytest

from tests.cli.conftest import Lvsctl


@pytest.mark.parametrize("seconds", ["nan", "inf"])
@pytest.mark.parametrize(
    "command",
    [
        "ipvs drain tcp/10.0.0.100:80 10.0.1.1:80",
        "failover assign 192.0.2.1",
        "sorry on web",
        "sorry on web --wait",
    ],
)
def test_no_command_takes_one(lvsctl: Lvsctl, command: str, seconds: str) -> None:
    answer = lvsctl(*command.split(), "--timeout", seconds)
    assert (answer.status, answer.out) == (64, "")
    assert f"{seconds} is no number of seconds" in answer.err
