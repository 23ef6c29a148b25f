import pytest

from tests.support import require as support


def outcome(name: str) -> type[BaseException] | None:
    try:
        support.require("no-such-program", name=name)
    except (pytest.skip.Exception, pytest.fail.Exception) as end:
        return type(end)
    return None


def test_what_is_missing_is_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LVSCTL_REQUIRE", raising=False)
    assert outcome("keepalived") is pytest.skip.Exception


@pytest.mark.parametrize("value", ["keepalived", "kernel", "x,keepalived", "kernel other"])
def test_what_is_missing_and_required_is_a_failure(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_REQUIRE", value)
    assert outcome("keepalived") is pytest.fail.Exception


def test_keepalived_does_not_imply_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_REQUIRE", "keepalived")
    assert outcome("kernel") is pytest.skip.Exception


def test_what_is_there_is_found() -> None:
    assert support.require("sh").endswith("/sh")
