"""What doctor learns of a provider: from the ledger without a call, and with --fresh for one call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.doctor.examine import Report, all_checks, examine
from lvsctl.doctor.model import Machine, Role
from lvsctl.doctor.this_host import ThisHost
from lvsctl.spec.load import read
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD
from tests.support.failover_cli import Station, renewed

ASKED = {"LVD800", "LVD801", "LVD802"}
EVERY = {each.id for each in all_checks()}


@pytest.fixture(scope="module")
def server() -> Iterator[HetznerFake]:
    with HetznerFake() as fake:
        yield fake


@pytest.fixture
def station(server: HetznerFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path / "lb1"))
    return Station(tmp_path, renewed(server))


def found(station: Station, *, fresh: bool = False) -> dict[str, str]:
    machine = Machine(Role.DIRECTOR, ThisHost(Path("/")), read(station.spec), "lb1", fresh)
    report: Report = examine(machine, ignored=EVERY - ASKED)
    assert report.unread == ()
    assert all(PASSWORD not in each.read for each in report.findings)
    return {each.id: each.read for each in report.findings}


def test_without_fresh_nobody_is_asked(station: Station) -> None:
    assert found(station) == {}
    assert list(station.fake.journal._entries) == []


def test_fresh_spends_one_call_on_each_account(station: Station) -> None:
    assert found(station, fresh=True) == {}
    assert len(list(station.fake.journal._entries)) == 1


def test_a_refused_password_is_found_and_remembered(station: Station) -> None:
    station.credentials.write_text(station.credentials.read_text().replace(PASSWORD, "wrong"))
    assert set(found(station, fresh=True)) == {"LVD802"}
    assert set(found(station)) == {"LVD801", "LVD802"}
    assert len(list(station.fake.journal._entries)) == 1
