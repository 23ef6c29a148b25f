"""The official Cloud client, ``hcloud``, and ours see the same of the fake, over TLS."""

import asyncio
from collections.abc import Iterator, Mapping

import hcloud
import pytest
from hcloud.floating_ips import FloatingIP
from hcloud.servers import Server

from lvsctl.failover.observation import Observation, as_failover_address, as_target
from lvsctl.failover.provider import (
    Accepted,
    AlreadyThere,
    NewServerNotFound,
)
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import (
    CLOUD1,
    CLOUD2,
    TOKEN,
    VIP,
    cloud_over,
    freely,
    furnish_cloud,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[HetznerFake]:
    with HetznerFake() as fake:
        yield fake


@pytest.fixture
def fake(shared: HetznerFake) -> HetznerFake:
    shared.fronts["cloud"].faults.clear()
    shared.cloud.world.moves.clear()
    furnish_cloud(shared.cloud)
    return shared


class TestTheOracle:
    """``hcloud``, the official client, and ours look at the same fake over TLS."""

    @pytest.fixture
    def official(self, fake: HetznerFake, monkeypatch: pytest.MonkeyPatch) -> Iterator[hcloud.Client]:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(fake.tls.ca_file))  # its only way to trust the fake
        client = hcloud.Client(TOKEN, api_endpoint=fake.cloud_url, timeout=5, poll_interval=0)
        yield client
        client._client._session.close()

    def test_both_list_the_same(self, fake: HetznerFake, official: hcloud.Client) -> None:
        ours = asyncio.run(cloud_over(fake).observe_all(spend=freely))
        assert isinstance(ours, Mapping)
        theirs = {
            as_failover_address(str(each.ip)): str(each.server.id) if each.server else None
            for each in official.floating_ips.get_all()
        }
        assert {ip: seen.active for ip, seen in ours.items()} == theirs
        assert len(theirs) == 62

    def test_each_sees_what_the_other_assigned(self, fake: HetznerFake, official: hcloud.Client) -> None:
        ours = asyncio.run(cloud_over(fake).assign(VIP, CLOUD2, spend=freely))
        assert isinstance(ours, Accepted)
        assert ours.observation.is_settled_on(CLOUD2)
        found = official.floating_ips.get_by_name("vip")
        assert found is not None
        assert found.server is not None
        assert found.server.id == 42
        action = official.floating_ips.assign(FloatingIP(id=1000), Server(id=41))
        fake.clock.advance(2)
        action.wait_until_finished()
        seen = asyncio.run(cloud_over(fake).observe(VIP, spend=freely))
        assert isinstance(seen, Observation)
        assert seen.is_settled_on(CLOUD1)
        official.floating_ips.unassign(FloatingIP(id=1000))
        fake.clock.advance(2)
        nowhere = asyncio.run(cloud_over(fake).observe(VIP, spend=freely))
        assert isinstance(nowhere, Observation)
        assert nowhere.active is None

    def test_both_ask_for_a_change_in_the_same_words(
        self, fake: HetznerFake, official: hcloud.Client
    ) -> None:
        asyncio.run(cloud_over(fake).assign(VIP, CLOUD2, spend=freely))
        official.floating_ips.assign(FloatingIP(id=1000), Server(id=41))
        one, other = fake.journal.posts()[-2:]
        assert (one.path, {**one.form, "server": 0}) == (other.path, {**other.form, "server": 0})

    def test_both_are_told_the_same_error(self, fake: HetznerFake, official: hcloud.Client) -> None:
        for to, code, answer in (
            (41, "floating_ip_assigned", AlreadyThere),
            (99, "not_found", NewServerNotFound),
        ):
            with pytest.raises(hcloud.APIException) as caught:
                official.floating_ips.assign(FloatingIP(id=1000), Server(id=to))
            assert caught.value.code == code
            found = asyncio.run(cloud_over(fake).assign(VIP, as_target(str(to)), spend=freely))
            assert isinstance(found, answer)
