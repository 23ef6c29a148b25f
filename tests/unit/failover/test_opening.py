"""What the spec says becomes providers, and what belongs together shares one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lvsctl.errors import Denied, Unavailable
from lvsctl.failover.cloud import HetznerCloud
from lvsctl.failover.command import Command
from lvsctl.failover.none import NoProvider
from lvsctl.failover.observation import Observation
from lvsctl.failover.opening import Providers, trusting
from lvsctl.failover.robot import HetznerRobot
from lvsctl.spec.failover_ips import FailoverIp
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import LB1, PASSWORD, TOKEN, USER, VIP, freely, furnished


def entry(provider: str, **more: Any) -> FailoverIp:
    said = {"ip": "203.0.113.10", "provider": provider, "vrrp_instance": "VI_1", **more}
    return FailoverIp.model_validate({"targets": {"lb1": "192.0.2.11"}, **said})


@pytest.fixture
def credentials(tmp_path: Path) -> str:
    path = tmp_path / "hetzner.cred"
    path.write_text(f"user={USER}\npassword={PASSWORD}\ntoken={TOKEN}\n")
    path.chmod(0o600)
    return str(path)


def test_each_provider_is_opened_by_its_name(credentials: str) -> None:
    providers = Providers("lb1")
    for provider, more, kind in (
        ("hetzner-robot", {"credentials": credentials}, HetznerRobot),
        ("hetzner-cloud", {"credentials": credentials}, HetznerCloud),
        ("command", {"command": ["/bin/true", "x"]}, Command),
        ("none", {}, NoProvider),
    ):
        opened = providers.of(entry(provider, **more))
        assert isinstance(opened, kind)
        assert opened.name == provider
    asyncio.run(providers.aclose())


def test_the_same_account_is_one_provider(credentials: str) -> None:
    providers = Providers("lb1")
    robot = providers.of(entry("hetzner-robot", credentials=credentials))
    other = entry("hetzner-robot", credentials=credentials, ip="203.0.113.11")
    assert providers.of(other) is robot
    assert providers.of(entry("hetzner-cloud", credentials=credentials)) is not robot
    one, two = (entry("command", command=["/bin/true"], targets={"lb1": each}) for each in ("a", "b"))
    assert providers.of(one) is not providers.of(two)


def test_credentials_that_cannot_be_had_are_an_error(credentials: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        Providers("lb1").of(entry("hetzner-robot", credentials=str(tmp_path / "missing")))
    Path(credentials).chmod(0o644)
    with pytest.raises(Denied):
        Providers("lb1").of(entry("hetzner-robot", credentials=credentials))


def test_a_node_without_a_target_is_an_error() -> None:
    with pytest.raises(Unavailable, match="no target for node lb2"):
        Providers("lb2").of(entry("command", command=["/bin/true"]))


def test_it_can_be_pointed_at_another_api(credentials: str, tmp_path: Path) -> None:
    with HetznerFake() as fake:
        furnished(fake)
        api = {"url": fake.robot_url, "ca": str(fake.tls.ca_file)}
        robot = Providers("lb1").of(entry("hetzner-robot", credentials=credentials, api=api))
        seen = asyncio.run(robot.observe(VIP, spend=freely))
        assert isinstance(seen, Observation)
        assert seen.is_settled_on(LB1)
    (tmp_path / "empty").write_text("")
    for wrong in ("empty", "missing"):
        with pytest.raises(Unavailable, match=wrong):
            trusting(tmp_path / wrong)
