"""From what the spec says about uplinks to :class:`~lvsctl.uplink.model.Settings`."""

from collections.abc import Iterator

from lvsctl.spec.uplinks import Uplinks, UplinkTarget, UplinkWindow
from lvsctl.uplink.model import Damping, How, Settings, Target, Thresholds, Uplink, Window
from lvsctl.vocabulary import family_of

PORTS = {How.HTTP: 80, How.HTTPS: 443, How.DNS: 53}


def settings(declared: Uplinks) -> Settings:
    """Answer the settings that the spec declares."""
    interval = float(declared.interval)
    return Settings(
        uplinks=tuple(_uplinks(declared)),
        metric=declared.metric,
        interval=interval,
        timeout=interval if declared.timeout is None else float(declared.timeout),
        thresholds=Thresholds(declared.rise, declared.fall, _window(declared.window)),
        damping=Damping(float(declared.hold), float(declared.min_time_on_backup)),
        run=declared.run or (),
        run_timeout=declared.run_timeout,
        track_file=declared.track_file or "",
        track_down=declared.track_down,
    )


def _uplinks(declared: Uplinks) -> Iterator[Uplink]:
    for index, (name, each) in enumerate(declared.providers.items()):
        for gateway in each.gateway:
            targets = declared.targets_of(name, gateway.version)
            yield Uplink(
                name=name,
                family=family_of(gateway),
                interface=each.interface,
                gateway=gateway,
                table=declared.table_of(name),
                source=next((own for own in each.address if own.version == gateway.version), None),
                targets=tuple(map(target, targets)),
                quorum=each.quorum or declared.quorum or (len(targets) + 1) // 2,
                track_value=min(index, 1) if each.track_value is None else each.track_value,
            )


def target(declared: UplinkTarget) -> Target:
    """Answer what is asked, and how."""
    how = How(declared.probe)
    return Target(
        address=declared.address,
        how=how,
        port=declared.port or PORTS.get(how, 0),
        host=declared.host or "",
        path=declared.path or "/",
        status=declared.status or 0,
        verify=declared.verify is not False,
        name=declared.name or ".",
        run=declared.run or (),
    )


def _window(declared: UplinkWindow) -> Window:
    return Window(
        size=declared.size,
        loss_down=declared.loss_down / 100,
        loss_up=declared.loss_up / 100,
        rtt_down=None if declared.rtt_down is None else float(declared.rtt_down) / 1000,
        rtt_up=None if declared.rtt_up is None else float(declared.rtt_up) / 1000,
    )
