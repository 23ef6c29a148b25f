"""The provider that moves nothing and knows nothing, for an address that something else takes care of. Pure."""

from lvsctl.failover.observation import FailoverAddress, Target
from lvsctl.failover.provider import Answer, Pace, Quota, Reading, Readings, Refused, Spend

NOTHING = Refused("provider none asks nobody and moves nothing")


class NoProvider:
    """Refuses everything, always with the same words; spends nothing."""

    name = "none"
    account = "none"
    quotas: tuple[Quota, ...] = ()
    pace = Pace(switch=0.0, lock=0.0)
    lists = False

    async def observe(self, ip: FailoverAddress, *, spend: Spend) -> Reading:
        """Answer that it does not look."""
        del ip, spend
        return NOTHING

    async def observe_all(self, *, spend: Spend) -> Readings:
        """Answer that it does not look."""
        del spend
        return NOTHING

    async def assign(self, ip: FailoverAddress, target: Target, *, spend: Spend) -> Answer:
        """Answer that it moves nothing."""
        del ip, target, spend
        return NOTHING

    async def release(self, ip: FailoverAddress, *, spend: Spend) -> Answer:
        """Answer that it moves nothing."""
        del ip, spend
        return NOTHING

    async def aclose(self) -> None:
        """Do nothing."""
