"""Who wants a sorry: taking hold and letting go, for both ways of swapping. Pure."""

from collections.abc import Mapping

from lvsctl.sorry.model import Hold, Holder

Holders = Mapping[Holder, Hold]


def held(holders: Holders, holder: Holder, hold: Hold) -> Holders:
    """Answer *holders* with *holder* among them; one that was among them keeps when it began.

    Overload's sorry stands beside the real servers. It ends when somebody wants them out, or it would keep them out.
    """
    before = holders.get(holder)
    others: dict[Holder, Hold] = {
        other: kept for other, kept in holders.items() if other is not Holder.OVERLOAD
    }
    return {**others, holder: hold._replace(since=before.since) if before else hold}


def released(holders: Holders, holder: Holder, *, force: bool = False) -> Holders:
    """Answer *holders* without *holder*; with *force*, without anybody. Empty: the swap back is due."""
    return {} if force else {other: hold for other, hold in holders.items() if other is not holder}
