"""A failover IP of the spec: what its provider needs, and how its API is reached."""

from typing import Any

import pytest
from pydantic import ValidationError

from lvsctl.errors import Unavailable
from lvsctl.failover.opening import api_of
from lvsctl.spec.failover_ips import FailoverIp

CLOUD = {"provider": "hetzner-cloud", "credentials": "/etc/lvsctl/cloud.cred"}
ROBOT = {"provider": "hetzner-robot", "credentials": "/etc/lvsctl/robot.cred"}


def entry(**said: Any) -> FailoverIp:
    return FailoverIp.model_validate({"ip": "203.0.113.10", "vrrp_instance": "VI_1", **said})


def test_the_way_to_the_api_is_what_is_written() -> None:
    api = {"url": "https://robot.example:8443/", "ipv4_only": "true", "source_address": "192.0.2.11"}
    found = api_of(entry(**ROBOT, api=api))
    assert found.url == "https://robot.example:8443"
    assert (found.link.ipv4_only, found.link.source_address) == (True, "192.0.2.11")
    assert api_of(entry(**ROBOT)).url is None
    through = api_of(entry(**ROBOT, api={"proxy": "http://10.0.0.1:3128"}))
    assert through.link.proxy == "http://10.0.0.1:3128"


def test_authorities_that_cannot_be_read_are_an_error() -> None:
    with pytest.raises(Unavailable, match="No such file"):
        api_of(entry(**ROBOT, api={"ca": "/nonexistent/ca.pem"}))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({**ROBOT, "api": {"url": "http://robot.example"}}, "begins with https"),
        ({**ROBOT, "api": {"url": "https://me:secret@robot.example"}}, "begins with https"),
        ({**ROBOT, "api": {"url": "https://:8443"}}, "expected a host"),
        ({**ROBOT, "api": {"url": "https://robot.example:99999"}}, "expected a host"),
        ({**ROBOT, "api": {"url": "https://[::1"}}, "expected a host"),
        ({**ROBOT, "api": {"proxy": "http://me:secret@10.0.0.1"}}, "without a password"),
        ({**ROBOT, "api": {"proxy": "http://10.0.0.1", "ipv4_only": "true"}}, "leave out ipv4_only"),
        ({**ROBOT, "id": "1000"}, "for provider hetzner-cloud"),
        ({**CLOUD, "id": "1000", "name": "vip"}, "one of them is enough"),
        ({**CLOUD, "id": "0"}, "from 1 to"),
        ({"provider": "none", "api": {}}, "has no API"),
        ({"provider": "command", "command": ["/bin/true"], "api": {}}, "has no API"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        entry(**said)


def test_a_floating_ip_may_be_known_by_number_or_name() -> None:
    assert entry(**CLOUD, id="1000").id == 1000
    assert entry(**CLOUD, name="web vip").name == "web vip"
