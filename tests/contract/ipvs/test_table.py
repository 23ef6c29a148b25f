"""What every table does, the kernel's and the one in memory: the same cases over both."""

import errno
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from lvsctl.errors import Usage
from lvsctl.ipvs.backend import Ipvs
from lvsctl.ipvs.errors import RequestRefused
from lvsctl.ipvs.kernel import KernelIpvs
from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import (
    Connections,
    Dest,
    DestKey,
    Persistence,
    Service,
    SyncDaemon,
    Timeouts,
    Tunnel,
    VirtualServer,
)
from lvsctl.ipvs.steps import (
    AddDest,
    AddService,
    DeleteDest,
    DeleteService,
    EditDest,
    EditService,
    Flush,
    Step,
    Zero,
)
from lvsctl.vocabulary import (
    ForwardingMethod,
    SchedulerFlag,
    ServiceKey,
    SyncRole,
    TunnelFlag,
    TunnelType,
    as_address,
)
from tests.support.ipvs import MARK, MARK6, NAT, R1, R2, R6, WEB, WEB6, fresh_netns

TUN = ForwardingMethod.TUN


@pytest.fixture(params=["memory", pytest.param("kernel", marks=pytest.mark.kernel)])
def ipvs(request: pytest.FixtureRequest) -> Iterator[Ipvs]:
    if request.param == "memory":
        yield MemoryIpvs(interfaces=["lo"])
        return
    with fresh_netns() as netns, KernelIpvs(netns=netns) as table:
        yield table


def codes(ipvs: Ipvs, *steps: Step) -> list[int]:
    """Send one by one; answer each errno, 0 when the step was taken."""
    return [refusals[0].code if (refusals := ipvs.send([step])) else 0 for step in steps]


def test_a_new_table_is_empty(ipvs: Ipvs) -> None:
    assert ipvs.table() == {}
    assert ipvs.observe() == ({}, {}, {})
    assert ipvs.observe_one(WEB) == ({}, {}, {})


EVERY_SERVICE = {
    WEB: Service("rr"),
    ServiceKey.udp("10.0.0.1", 53): Service("wrr", one_packet=True),
    ServiceKey.sctp("10.0.0.1", 3868): Service("lc"),
    ServiceKey.tcp("10.0.0.1", 0): Service("wlc", persistence=Persistence(300)),
    ServiceKey.tcp("10.0.0.2", 1): Service("sh", SchedulerFlag.SH_PORT | SchedulerFlag.SH_FALLBACK),
    ServiceKey.tcp("10.0.0.2", 2): Service("mh", SchedulerFlag.MH_PORT),
    ServiceKey.tcp("10.0.0.2", 3): Service("rr", SchedulerFlag.FLAG_3),
    ServiceKey.tcp("10.0.0.2", 4): Service("wlc", persistence=Persistence(60, IPv4Address("255.0.255.0"))),
    ServiceKey.udp("10.0.0.2", 5060): Service("wlc", persistence=Persistence(60), engine="sip"),
    WEB6: Service("wlc", persistence=Persistence(60, 64)),
    MARK: Service("fo"),
    MARK6: Service("ovf", persistence=Persistence(10, 1)),
    ServiceKey.fwmark(2**32 - 1): Service("nq"),
} | {
    ServiceKey.tcp("10.0.0.3", port): Service(scheduler)
    for port, scheduler in enumerate(["dh", "lblc", "lblcr", "sed", "none"], 1)
}


def test_every_kind_of_service_comes_back_as_it_was_added(ipvs: Ipvs) -> None:
    assert ipvs.send(AddService(key, service) for key, service in EVERY_SERVICE.items()) == ()
    assert {key: server.service for key, server in ipvs.table().items()} == EVERY_SERVICE


EVERY_DEST = {
    R1: Dest(ForwardingMethod.NAT, weight=0, upper=100, lower=5),
    DestKey.of("10.1.0.2", 80): Dest(ForwardingMethod.DR, weight=2**31 - 1, upper=2**32 - 1, lower=2**32 - 1),
    DestKey.of("10.1.0.3", 80): Dest(TUN),
    DestKey.of("10.1.0.4", 80): Dest(TUN, tunnel=Tunnel(TunnelType.GUE, 6080)),
    DestKey.of("10.1.0.5", 80): Dest(TUN, tunnel=Tunnel(TunnelType.GUE, 6081, TunnelFlag.CSUM)),
    DestKey.of("10.1.0.6", 80): Dest(TUN, tunnel=Tunnel(TunnelType.GUE, 6082, TunnelFlag.REMCSUM)),
    DestKey.of("10.1.0.7", 80): Dest(TUN, tunnel=Tunnel(TunnelType.GRE, 0, TunnelFlag.CSUM)),
    DestKey.of("10.1.0.8", 80): Dest(ForwardingMethod.LOCAL),
    DestKey.of("10.1.0.9", 80): Dest(ForwardingMethod.BYPASS),
    DestKey.of("10.1.0.10", 0): Dest(ForwardingMethod.NAT),
    R6: Dest(TUN),
}


def test_every_kind_of_destination_comes_back_as_it_was_added_oldest_first(ipvs: Ipvs) -> None:
    ipvs.send([AddService(WEB, Service()), *(AddDest(WEB, key, dest) for key, dest in EVERY_DEST.items())])
    assert list(ipvs.table()[WEB].dests.items()) == list(EVERY_DEST.items())


@pytest.mark.parametrize("key", [WEB6, MARK, MARK6], ids=str)
def test_destinations_of_either_family_reach_any_service_through_a_tunnel(
    ipvs: Ipvs, key: ServiceKey
) -> None:
    steps: list[Step] = [AddService(key, Service()), AddDest(key, R1, Dest(TUN)), AddDest(key, R6, Dest(TUN))]
    assert codes(ipvs, *steps) == [0, 0, 0]
    assert list(ipvs.table()[key].dests) == [R1, R6]


def test_edits_replace_all_settings_and_keep_the_order(ipvs: Ipvs) -> None:
    other = Dest(TUN, 7, 9, 8, Tunnel(TunnelType.GRE, 0, TunnelFlag.CSUM))
    service = Service("sh", SchedulerFlag.SH_PORT, persistence=Persistence(5, IPv4Address("255.255.0.0")))
    ipvs.send([AddService(WEB, Service("rr", one_packet=True)), AddDest(WEB, R1, NAT), AddDest(WEB, R2, NAT)])
    assert codes(ipvs, EditService(WEB, service), EditDest(WEB, R1, other)) == [0, 0]
    assert ipvs.table() == {WEB: VirtualServer(service, {R1: other, R2: NAT})}
    assert list(ipvs.table()[WEB].dests) == [R1, R2]
    assert codes(ipvs, EditService(WEB, Service("rr"))) == [0]
    assert ipvs.table()[WEB].service == Service("rr")


def test_a_netmask_of_one_address_is_none(ipvs: Ipvs) -> None:
    single = Service(persistence=Persistence(5, IPv4Address("255.255.255.255")))
    ipvs.send([AddService(WEB, single), AddService(WEB6, Service(persistence=Persistence(5, 128)))])
    assert {server.service for server in ipvs.table().values()} == {Service(persistence=Persistence(5))}


def test_tunnel_settings_without_effect_are_none(ipvs: Ipvs) -> None:
    pointless = {
        R1: Dest(ForwardingMethod.NAT, tunnel=Tunnel(TunnelType.GRE, 0, TunnelFlag.CSUM)),
        DestKey.of("10.1.0.2", 80): Dest(TUN, tunnel=Tunnel(TunnelType.IPIP, 7, TunnelFlag.CSUM)),
        DestKey.of("10.1.0.3", 80): Dest(TUN, tunnel=Tunnel(TunnelType.GRE, 7, TunnelFlag.CSUM)),
    }
    ipvs.send([AddService(WEB, Service()), *(AddDest(WEB, key, dest) for key, dest in pointless.items())])
    tunnels = [dest.tunnel for dest in ipvs.table()[WEB].dests.values()]
    assert tunnels == [Tunnel(), Tunnel(), Tunnel(TunnelType.GRE, 0, TunnelFlag.CSUM)]


def test_what_exists_is_not_added_again(ipvs: Ipvs) -> None:
    steps: list[Step] = [AddService(WEB, Service()), AddDest(WEB, R1, NAT)]
    assert codes(ipvs, *steps, *steps) == [0, 0, errno.EEXIST, errno.EEXIST]


def test_what_does_not_exist_is_not_changed(ipvs: Ipvs) -> None:
    on_nothing: list[Step] = [
        EditService(WEB, Service()),
        DeleteService(WEB),
        AddDest(WEB, R1, NAT),
        EditDest(WEB, R1, NAT),
    ]
    assert codes(ipvs, *on_nothing, DeleteDest(WEB, R1), Zero(WEB)) == [errno.ESRCH] * 6
    ipvs.send([AddService(WEB, Service())])
    assert codes(ipvs, EditDest(WEB, R1, NAT), DeleteDest(WEB, R1)) == [errno.ENOENT] * 2


def test_a_refusal_does_not_stop_what_follows(ipvs: Ipvs) -> None:
    steps: list[Step] = [
        AddService(WEB, Service()),
        DeleteDest(WEB, R1),
        AddDest(WEB, R1, NAT),
        DeleteService(MARK),
    ]
    refusals = ipvs.send(steps)
    assert [(refusal.step, refusal.code) for refusal in refusals] == [
        (steps[1], errno.ENOENT),
        (steps[3], errno.ESRCH),
    ]
    assert list(ipvs.table()[WEB].dests) == [R1]


@pytest.mark.parametrize(
    ("dest_key", "dest", "code"),
    [
        (R1, Dest(weight=-1), errno.ERANGE),
        (R1, Dest(upper=5, lower=6), errno.ERANGE),
        (R1, Dest(lower=1), errno.ERANGE),
        (R1, Dest(TUN, tunnel=Tunnel(TunnelType.GUE)), errno.EINVAL),
        (R1, Dest(weight=-1, tunnel=Tunnel(TunnelType.GUE)), errno.ERANGE),
        (R6, Dest(), errno.EINVAL),
        (R6, Dest(weight=-1), errno.EINVAL),
        (DestKey.of("224.0.0.1", 80), Dest(), errno.EINVAL),
        (DestKey.of("0.0.0.0", 80), Dest(), errno.EINVAL),
        (DestKey.of("255.255.255.255", 80), Dest(), errno.EINVAL),
        (DestKey.of("240.0.0.1", 80), Dest(), 0),
        (DestKey.of("127.0.0.1", 80), Dest(), 0),
        (DestKey.of("::", 80), Dest(TUN), errno.EINVAL),
        (DestKey.of("::1", 80), Dest(TUN), 0),
        (DestKey.of("ff02::1", 80), Dest(TUN), errno.EINVAL),
        (DestKey.of("fe80::1", 80), Dest(TUN), errno.EINVAL),
        (DestKey.of("::ffff:10.0.0.1", 80), Dest(TUN), errno.EINVAL),
        (DestKey.of("::10.0.0.1", 80), Dest(TUN), 0),
        (DestKey.of("fec0::1", 80), Dest(TUN), 0),
    ],
)
def test_a_destination_that_makes_no_sense_is_refused(
    ipvs: Ipvs, dest_key: DestKey, dest: Dest, code: int
) -> None:
    ipvs.send([AddService(WEB, Service())])
    assert codes(ipvs, AddDest(WEB, dest_key, dest)) == [code]


@pytest.mark.parametrize("step", [AddService, EditService])
def test_a_scheduler_or_engine_nobody_has_is_refused(
    ipvs: Ipvs, step: type[AddService | EditService]
) -> None:
    if step is EditService:
        ipvs.send([AddService(WEB, Service())])
    assert (
        codes(ipvs, step(WEB, Service("nosuch")), step(WEB, Service(engine="nosuch"))) == [errno.ENOENT] * 2
    )


@pytest.mark.parametrize("prefix", [0, 129])
def test_an_impossible_prefix_is_refused(ipvs: Ipvs, prefix: int) -> None:
    assert codes(ipvs, AddService(WEB6, Service(persistence=Persistence(1, prefix)))) == [errno.EINVAL]


@pytest.mark.parametrize(
    "step",
    [
        AddService(WEB, Service("a-name-of-sixteen")),
        AddService(WEB, Service("")),
        AddService(WEB, Service("wlc\0")),
        AddService(WEB, Service("ümlaut")),
        AddService(WEB, Service(persistence=Persistence(2**32))),
        AddService(WEB, Service(persistence=Persistence(1, 24))),
        AddService(WEB6, Service(persistence=Persistence(1, IPv4Address("255.0.0.0")))),
        AddService(ServiceKey.fwmark(2**32), Service()),
        AddService(WEB._replace(port=65536), Service()),
        AddService(WEB._replace(protocol=None), Service()),
        AddDest(WEB, R1._replace(port=-1), NAT),
        AddDest(WEB, R1, NAT._replace(weight=2**31)),
        AddDest(WEB, R1, NAT._replace(upper=-1)),
        AddDest(WEB, R1, NAT._replace(tunnel=Tunnel(TunnelType.GUE, 65536))),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_is_refused_before_anything_is_sent(ipvs: Ipvs, step: Step) -> None:
    with pytest.raises(Usage, match="does not fit"):
        ipvs.send([AddService(MARK, Service()), step])


def test_deleting_a_service_deletes_its_destinations(ipvs: Ipvs) -> None:
    ipvs.send(
        [AddService(WEB, Service()), AddDest(WEB, R1, NAT), DeleteService(WEB), AddService(WEB, Service())]
    )
    assert ipvs.table() == {WEB: VirtualServer(Service(), {})}


def test_flush_empties_everything(ipvs: Ipvs) -> None:
    ipvs.send([AddService(key, Service()) for key in (WEB, WEB6, MARK)])
    assert codes(ipvs, Flush(), Flush()) == [0, 0]
    assert ipvs.table() == {}


def test_what_was_counted_starts_at_nothing(ipvs: Ipvs) -> None:
    ipvs.send([AddService(WEB, Service()), AddDest(WEB, R1, NAT), AddService(MARK, Service())])
    table, services, loads = ipvs.observe()
    assert table == ipvs.table()
    assert not any(any(counters) for counters in services.values())
    assert set(services) == {WEB, MARK}
    assert {key: (any(load.connections), any(load.counters)) for key, load in loads.items()} == {
        (WEB, R1): (False, False)
    }
    assert ipvs.observe_one(WEB) == ({WEB: table[WEB]}, {WEB: services[WEB]}, loads)
    assert codes(ipvs, Zero(), Zero(WEB)) == [0, 0]


@pytest.mark.parametrize("count", [2, 12])
def test_some_services_can_be_read_alone(ipvs: Ipvs, count: int) -> None:
    some = [ServiceKey.tcp("10.0.0.9", port) for port in range(1, count + 1)]
    ipvs.send([AddService(key, Service()) for key in (WEB, *some[1:])])
    ipvs.send([AddDest(WEB, R1, NAT), AddDest(some[1], R1, NAT)])
    everything = ipvs.table()
    assert ipvs.services() == {key: server.service for key, server in everything.items()}
    # The first of them is not there.
    assert ipvs.table(some) == {key: everything[key] for key in some[1:]}
    assert ipvs.observe(some).table == ipvs.table(some)
    assert set(ipvs.observe(some).dests) == {(some[1], R1)}
    assert ipvs.table([]) == {}
    assert ipvs.connections({WEB: R1, some[1]: R2, some[0]: R1}) == dict.fromkeys(
        (WEB, some[1], some[0]), Connections()
    )


def test_more_steps_than_fit_into_one_datagram(ipvs: Ipvs) -> None:
    dests = [DestKey.of(f"10.{i >> 8}.{i & 255}.1", 80) for i in range(1, 1300)]
    refusals = ipvs.send(
        [
            AddService(WEB, Service()),
            *(AddDest(WEB, key, NAT) for key in dests),
            *map(_delete, dests[:700] * 2),
        ]
    )
    assert [refusal.step.dest_key for refusal in refusals if isinstance(refusal.step, DeleteDest)] == dests[
        :700
    ]
    assert list(ipvs.table()[WEB].dests) == dests[700:]


def _delete(dest_key: DestKey) -> DeleteDest:
    return DeleteDest(WEB, dest_key)


def test_timeouts_are_set_one_by_one(ipvs: Ipvs) -> None:
    assert ipvs.timeouts() == Timeouts(900, 120, 300)
    ipvs.set_timeouts(Timeouts(100, 0, 50))
    assert ipvs.timeouts() == Timeouts(100, 120, 50)


def test_info_names_the_version(ipvs: Ipvs) -> None:
    assert ipvs.info() == ((1, 2, 1), 4096)


def test_sync_daemons_start_and_stop(ipvs: Ipvs) -> None:
    assert ipvs.daemons() == ()
    master = SyncDaemon(SyncRole.MASTER, "lo", 7, 1400, as_address("224.0.0.99"), 8849, 3)
    backup = SyncDaemon(SyncRole.BACKUP, "lo", 8, 1400, as_address("ff02::99"), 8850, 4)
    ipvs.start_daemon(backup)
    ipvs.start_daemon(master)
    assert ipvs.daemons() == (master, backup)
    ipvs.stop_daemon(SyncRole.MASTER)
    assert ipvs.daemons() == (backup,)
    ipvs.stop_daemon(SyncRole.BACKUP)
    assert ipvs.daemons() == ()


def test_sync_daemons_are_refused_with_a_reason(ipvs: Ipvs) -> None:
    with pytest.raises(RequestRefused, match="no such network interface"):
        ipvs.start_daemon(SyncDaemon(SyncRole.MASTER, "nosuch0"))
    with pytest.raises(RequestRefused) as none_runs:
        ipvs.stop_daemon(SyncRole.MASTER)
    assert none_runs.value.code == errno.ESRCH
    ipvs.start_daemon(SyncDaemon(SyncRole.MASTER, "lo"))
    with pytest.raises(RequestRefused, match="exists"):
        ipvs.start_daemon(SyncDaemon(SyncRole.MASTER, "lo"))


def test_sync_and_mixed_families_exclude_each_other(ipvs: Ipvs) -> None:
    ipvs.send([AddService(WEB, Service())])
    ipvs.start_daemon(SyncDaemon(SyncRole.MASTER, "lo"))
    assert codes(ipvs, AddDest(WEB, R6, Dest(TUN))) == [errno.EINVAL]
    ipvs.stop_daemon(SyncRole.MASTER)
    assert codes(ipvs, AddDest(WEB, R6, Dest(TUN))) == [0]
    with pytest.raises(RequestRefused) as mixed:
        ipvs.start_daemon(SyncDaemon(SyncRole.MASTER, "lo"))
    assert mixed.value.code == errno.EINVAL
