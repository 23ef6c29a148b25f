"""What the Cloud API says becomes one word of ours, whatever it says."""

from typing import Any

import pytest

from lvsctl.failover.asking import Heard
from lvsctl.failover.cloud import HetznerCloud, digest
from lvsctl.failover.cloud_errors import CODES, fault_in, wait
from lvsctl.failover.provider import (
    Auth,
    RateLimited,
    Unavailable,
    Unknown,
)
from tests.fakes.hetzner.simulated import run
from tests.fakes.hetzner.worlds import (
    CLOUD2,
    TOKEN,
    VIP,
    freely,
)


class TestWords:
    @pytest.mark.parametrize("code", sorted(CODES))
    def test_every_code_has_a_meaning(self, code: str) -> None:
        found = fault_in(Heard(418, {}, {"error": {"code": code, "message": "m"}}))
        assert isinstance(found, CODES[code])  # type: ignore[arg-type]  # the values are classes

    @pytest.mark.parametrize(
        "value", [None, [], {"error": "x"}, {"error": {"code": None}}, {"error": {"code": []}}]
    )
    def test_without_a_code_the_status_counts(self, value: object) -> None:
        kinds = {200: Unknown, 401: Auth, 403: RateLimited, 404: Unknown, 429: RateLimited, 500: Unavailable}
        for status, kind in kinds.items():
            assert isinstance(fault_in(Heard(status, {}, value)), kind), (status, value)

    def test_a_code_may_be_a_number(self) -> None:
        assert isinstance(fault_in(Heard(200, {}, {"error": {"code": 13}})), Unknown)

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"ratelimit-limit": "3600", "ratelimit-remaining": "0", "ratelimit-reset": "3600"}, 10),
            ({"ratelimit-limit": "3600", "ratelimit-remaining": "0", "ratelimit-reset": "36000"}, 60),
            ({"ratelimit-limit": "3600", "ratelimit-remaining": "0", "ratelimit-reset": "-5"}, 1),
            ({"ratelimit-limit": "x", "ratelimit-remaining": "0", "ratelimit-reset": "1"}, 60),
            ({"ratelimit-limit": "3600", "ratelimit-remaining": "0", "ratelimit-reset": "nan"}, 60),
            ({"ratelimit-limit": "3600", "ratelimit-remaining": "0", "ratelimit-reset": "1e999"}, 60),
            ({}, 60),
        ],
    )
    def test_how_long_to_wait_for_the_bucket(self, headers: dict[str, str], seconds: float) -> None:
        assert wait({"date": "Thu, 01 Jan 1970 00:00:00 GMT", **headers}) == seconds

    @pytest.mark.parametrize(
        "answer",
        [
            {"floating_ip": {"id": 1000, "ip": "203.0.113.10"}},
            {"floating_ip": {"id": "1000", "ip": "203.0.113.10", "server": 41}},
            {"floating_ip": {"id": 1000, "ip": ["203.0.113.10"], "server": 41}},
            {"floating_ip": {"id": 1000, "ip": "203.0.113.10", "server": "41"}},
            {"floating_ip": {"id": 1000, "ip": "203.0.113.10", "server": True}},
            {"floating_ip": []},
            {},
        ],
    )
    def test_an_object_that_makes_no_sense_is_unknown_and_never_nowhere(self, answer: object) -> None:
        class Says:
            async def prepare(self) -> None:
                pass

            async def read(self, path: str, params: object = None) -> Heard:
                del path, params
                return Heard(200, {}, answer)

            async def change(self, method: str, path: str, **_options: Any) -> Heard:
                del method, path
                return Heard(201, {}, answer)

            async def aclose(self) -> None:
                pass

        provider = HetznerCloud(Says(), digest(TOKEN), known={VIP: 1000})

        async def story() -> list[object]:
            return [
                await provider.observe(VIP, spend=freely),
                await provider.observe_all(spend=freely),
                await provider.assign(VIP, CLOUD2, spend=freely),
            ]

        assert [type(each) for each in run(story())] == [Unknown] * 3
