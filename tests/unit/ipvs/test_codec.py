"""Bytes against values: recorded answers of a kernel, requests written out by hand, and bytes nobody should send."""

import struct
from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvsctl.ipvs import decode, encode, wire
from lvsctl.ipvs.layout import Field, Layout
from lvsctl.ipvs.model import (
    Connections,
    Counters,
    Dest,
    DestKey,
    Load,
    Persistence,
    Service,
    SyncDaemon,
    Timeouts,
    Tunnel,
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
from lvsctl.ipvs.wire import Malformed
from lvsctl.vocabulary import (
    Family,
    ForwardingMethod,
    SchedulerFlag,
    ServiceKey,
    SyncRole,
    TunnelFlag,
    TunnelType,
    as_address,
)
from tests.support import ipvs_recorded as recorded
from tests.support.ipvs import MARK6, NAT, R1, WEB, dests, keys, services


def attrs(*pairs: tuple[int, bytes]) -> bytes:
    """Frame attributes the way RFC 3549 draws them, without any code of ours."""
    framed = b""
    for kind, payload in pairs:
        length = 4 + len(payload)
        framed += struct.pack("=HH", length, kind) + payload + b"\0" * (-length % 4)
    return framed


U16, U32 = struct.Struct("=H").pack, struct.Struct("=I").pack
WEB_ATTRS = [(1, U16(2)), (2, U16(6)), (3, bytes([10, 0, 0, 1]).ljust(16, b"\0")), (4, b"\0\x50")]
REST = [*WEB_ATTRS[1:], (6, b"rr\0"), (7, U32(0))]


class TestServicesFromTheKernel:
    def test_an_ipv4_service_with_persistence_and_flags(self) -> None:
        key, service = decode.ServiceReader().read(memoryview(recorded.PERSISTENT))
        assert key == WEB
        persistence = Persistence(300, IPv4Address("255.255.0.0"))
        assert service == Service("sh", SchedulerFlag.SH_PORT, persistence=persistence)

    def test_an_ipv6_service_with_a_prefix_an_engine_and_one_packet_scheduling(self) -> None:
        key, service = decode.ServiceReader().read(memoryview(recorded.SIP))
        assert key == ServiceKey.udp("2001:db8::1", 5060)
        assert service == Service("wlc", one_packet=True, persistence=Persistence(60, 64), engine="sip")

    def test_a_firewall_mark(self) -> None:
        assert decode.ServiceReader().read(memoryview(recorded.MARKED)) == (MARK6, Service("mh"))

    def test_reading_on_with_a_learned_layout_changes_nothing(self) -> None:
        reader, entries = decode.ServiceReader(), [recorded.PERSISTENT, recorded.SIP, recorded.MARKED]
        mixed = [entries[i] for i in (0, 0, 1, 1, 0, 2, 2, 0, 1)]
        fresh = [decode.ServiceReader().read(memoryview(entry)) for entry in mixed]
        assert [reader.read(memoryview(entry)) for entry in mixed] == fresh

    def test_its_counters(self) -> None:
        stats = decode.service_stats(memoryview(recorded.PERSISTENT))
        assert decode.CountersReader().read(stats) == Counters()

    @pytest.mark.parametrize(
        ("attributes", "problem"),
        [
            ([], "attribute 1 is missing"),
            ([(1, U16(7)), *REST], "address family 7"),
            ([(1, U16(2)), (2, U16(47)), *REST[1:]], "protocol number 47"),
            ([*WEB_ATTRS[:2], (3, b"\x0a"), *REST[2:]], "address of 1 bytes"),
            ([*WEB_ATTRS, (6, b"rr\0")], "attribute 7 is missing"),
            ([*WEB_ATTRS, (7, U32(0))], "attribute 6 is missing"),
            ([*WEB_ATTRS, (6, b"rr\0"), (7, U32(1)), (8, U32(3))], "a netmask of 0 bytes"),
        ],
    )
    def test_what_no_table_holds_is_named(self, attributes: list[tuple[int, bytes]], problem: str) -> None:
        with pytest.raises(Malformed, match=problem):
            decode.ServiceReader().read(memoryview(attrs((1, attrs(*attributes)))))

    def test_a_name_without_an_end_or_outside_ascii_is_read_as_far_as_it_goes(self) -> None:
        entry = attrs((1, attrs(*WEB_ATTRS, (6, b"r\xfc"), (7, U32(0)))))
        assert decode.ServiceReader().read(memoryview(entry)) == (WEB, Service("r\\xfc"))


class TestDestinationsFromTheKernel:
    def test_a_masqueraded_one_with_thresholds(self) -> None:
        found = decode.DestReader().read(memoryview(recorded.MASQUERADED), Family.INET)
        assert found == (R1, Dest(ForwardingMethod.NAT, 7, 100, 5))

    def test_the_port_of_a_gue_tunnel_is_big_endian(self) -> None:
        key, dest = decode.DestReader().read(memoryview(recorded.GUE), Family.INET)
        assert key == DestKey.of("10.1.0.2", 80)
        assert dest == Dest(ForwardingMethod.TUN, tunnel=Tunnel(TunnelType.GUE, 6080, TunnelFlag.CSUM))

    def test_an_ipv6_one(self) -> None:
        assert decode.DestReader().read(memoryview(recorded.SIX), Family.INET6) == (
            DestKey.of("2001:db8::2", 0),
            NAT,
        )

    def test_reading_on_with_a_learned_layout_changes_nothing(self) -> None:
        reader, entries = decode.DestReader(), [recorded.GUE, recorded.MASQUERADED, recorded.SIX]
        fresh = [decode.DestReader().read(memoryview(entry), Family.INET) for entry in entries * 2]
        assert [reader.read(memoryview(entry), Family.INET) for entry in entries * 2] == fresh

    def test_a_kernel_before_tunnels_and_families(self) -> None:
        old = [
            (1, bytes([10, 1, 0, 1])),
            (2, b"\x1f\x90"),
            (3, U32(0)),
            (4, U32(1)),
            (5, U32(0)),
            (6, U32(0)),
        ]
        entry = memoryview(attrs((2, attrs(*old))))
        assert decode.DestReader().read(entry, Family.INET) == (R1, NAT)
        assert decode.LoadReader().read(entry) == Load(Connections(), Counters())

    def test_attributes_of_kernels_to_come_are_skipped(self) -> None:
        inside = recorded.MASQUERADED[4:] + attrs((99, b"new"))
        entry = memoryview(attrs((2, inside), (77, b"newer")))
        assert decode.DestReader().read(entry, Family.INET) == (R1, Dest(ForwardingMethod.NAT, 7, 100, 5))

    def test_the_nested_flag_does_not_matter(self) -> None:
        flagged = bytearray(recorded.MASQUERADED)
        flagged[2:4] = U16(2 | 0x8000)
        assert decode.DestReader().read(memoryview(flagged), Family.INET)[0] == R1

    @pytest.mark.parametrize(
        ("attribute", "problem"),
        [((3, U32(5)), "forwarding method 5"), ((13, b"\3"), "tunnel type 3"), ((11, U16(3)), "family 3")],
    )
    def test_what_no_table_holds_is_named(self, attribute: tuple[int, bytes], problem: str) -> None:
        reader = decode.DestReader()
        for _ in range(3):
            with pytest.raises(Malformed, match=problem):
                reader.read(memoryview(attrs((2, recorded.MASQUERADED[4:] + attrs(attribute)))), Family.INET)

    def test_connections_and_counters(self) -> None:
        stats = attrs(*((kind, struct.pack("=Q", kind * 2**33)) for kind in range(1, 11)))
        inside = [(7, U32(1)), (8, U32(2)), (9, U32(3)), (12, stats)]
        entry = memoryview(attrs((2, attrs(*inside))))
        reader = decode.LoadReader()
        for _ in range(2):
            assert reader.read(entry) == Load(
                Connections(1, 2, 3), Counters(*(n * 2**33 for n in range(1, 11)))
            )


def test_timeouts_info_and_daemons_from_the_kernel() -> None:
    assert decode.decode_timeouts(memoryview(recorded.TIMEOUTS)) == Timeouts(900, 120, 300)
    assert decode.decode_info(memoryview(recorded.INFO)) == ((1, 2, 1), 4096)
    daemon = SyncDaemon(SyncRole.MASTER, "lo", 3, 1400, as_address("224.0.0.9"), 8849, 3)
    assert decode.decode_daemon(memoryview(recorded.MASTER)) == daemon


class TestRequests:
    def test_a_destination_written_out_by_hand(self) -> None:
        command, payload = encode.encode(
            AddDest(
                WEB, R1, Dest(ForwardingMethod.TUN, 7, 9, 8, Tunnel(TunnelType.GUE, 6080, TunnelFlag.REMCSUM))
            )
        )
        address = bytes([10, 1, 0, 1]).ljust(16, b"\0")
        dest = [
            (1, address),
            (2, b"\x1f\x90"),
            (11, U16(2)),
            (3, U32(2)),
            (4, U32(7)),
            (5, U32(9)),
            (6, U32(8)),
        ]
        dest += [(13, b"\1"), (14, b"\x17\xc0"), (15, U16(2))]
        assert (command, payload) == (5, attrs((1, attrs(*WEB_ATTRS)), (2, attrs(*dest))))

    def test_a_service_written_out_by_hand(self) -> None:
        service = Service("sh", SchedulerFlag.SH_FALLBACK, persistence=Persistence(300), engine="sip")
        command, payload = encode.encode(EditService(WEB, service))
        inside = [
            *WEB_ATTRS,
            (6, b"sh\0"),
            (7, U32(9) + U32(0xFFFFFFFD)),
            (8, U32(300)),
            (9, b"\xff" * 4),
            (11, b"sip\0"),
        ]
        assert (command, payload) == (2, attrs((1, attrs(*inside))))

    def test_the_prefix_of_ipv6_persistence_is_a_number_of_this_machine(self) -> None:
        _, payload = encode.encode(
            AddService(MARK6, Service("mh", one_packet=True, persistence=Persistence(1, 48)))
        )
        inside = [
            (1, U16(10)),
            (5, U32(5)),
            (6, b"mh\0"),
            (7, U32(5) + U32(0xFFFFFFFD)),
            (8, U32(1)),
            (9, U32(48)),
        ]
        assert payload == attrs((1, attrs(*inside)))

    def test_each_step_has_its_command(self) -> None:
        steps: list[Step] = [Zero(), Zero(WEB), Flush(), DeleteDest(WEB, R1), DeleteService(WEB)]
        steps += [AddService(WEB, Service()), EditDest(WEB, R1, NAT)]
        commands = [encode.encode(step)[0] for step in steps]
        assert commands == [16, 16, 17, 7, 3, 1, 6]

    def test_a_batch_numbers_its_messages(self) -> None:
        datagram = encode.batch([Flush(), Zero()], 30, 7)
        head = struct.Struct("=IHHIIBBH")
        assert datagram == head.pack(20, 30, 1, 7, 0, 17, 1, 0) + head.pack(20, 30, 1, 8, 0, 16, 1, 0)

    @given(st.data())
    def test_what_is_written_reads_the_same(self, data: st.DataObject) -> None:
        key = data.draw(keys)
        service, (dest_key, dest) = data.draw(services(key)), data.draw(dests(key))
        assert decode.ServiceReader().read(memoryview(encode.encode(AddService(key, service))[1])) == (
            key,
            service,
        )
        _, payload = encode.encode(AddDest(key, dest_key, dest))
        nest = wire.attributes(memoryview(payload))[wire.ATTR_DEST]
        entry = memoryview(wire.attribute(wire.ATTR_DEST, bytes(nest)))
        assert decode.DestReader().read(entry, key.family) == (dest_key, dest)

    def test_a_daemon_that_leaves_choices_to_the_kernel_says_nothing_of_them(self) -> None:
        assert encode.encode_daemon(SyncDaemon(SyncRole.BACKUP, "eth0")) == attrs(
            (3, attrs((1, U32(2)), (2, b"eth0\0"), (3, U32(0))))
        )


RECORDED = [getattr(recorded, name) for name in vars(recorded) if name.isupper()]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A kernel's answer, cut short or with bytes changed; or no answer at all."""
    data = bytearray(draw(st.sampled_from(RECORDED)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


class TestHostileBytes:
    @given(st.one_of(damaged(), st.binary(max_size=200)))
    @example(b"\1\0\1\0")
    def test_every_decoder_answers_or_says_malformed(self, data: bytes) -> None:
        service, dest, load = decode.ServiceReader(), decode.DestReader(), decode.LoadReader()
        service.read(memoryview(recorded.PERSISTENT))
        for warm in (recorded.GUE, recorded.MASQUERADED):
            dest.read(memoryview(warm), Family.INET)
            load.read(memoryview(warm))
        for read in (
            service.read,
            decode.decode_daemon,
            decode.decode_timeouts,
            decode.decode_info,
            lambda entry: dest.read(entry, Family.INET),
            load.read,
            decode.CountersReader().read,
            lambda entry: list(wire.messages(entry)),
        ):
            with suppress(Malformed):
                read(memoryview(data))

    @given(damaged())
    def test_a_learned_layout_never_reads_what_walking_would_read_otherwise(self, data: bytes) -> None:
        warm = decode.DestReader()
        warm.read(memoryview(recorded.MASQUERADED), Family.INET)
        assert _outcome(warm, data) == _outcome(decode.DestReader(), data)

    @pytest.mark.parametrize("length", [0, 3, 15, 17, 2**32 - 1])
    def test_a_message_whose_length_cannot_be_true(self, length: int) -> None:
        with pytest.raises(Malformed, match=f"says it has {length} bytes"):
            list(wire.messages(memoryview(struct.pack("=IHHII", length, 2, 0, 1, 0))))

    def test_stray_bytes_after_the_last_message(self) -> None:
        with pytest.raises(Malformed, match="3 stray bytes"):
            list(wire.messages(memoryview(b"abc")))


def _outcome(reader: decode.DestReader, data: bytes) -> object:
    try:
        return reader.read(memoryview(data), Family.INET)
    except Malformed:
        return None


class TestLayouts:
    def test_a_nest_of_another_type_is_not_learned(self) -> None:
        assert Layout.learn(memoryview(recorded.GUE), 1, {1: Field()}) is None

    def test_two_attributes_of_one_type_are_not_learned(self) -> None:
        assert Layout.learn(memoryview(attrs((1, b"a"), (1, b"b"))), None, {1: Field()}) is None

    def test_a_missing_attribute_is_not_learned(self) -> None:
        assert Layout.learn(memoryview(attrs((1, b"a"))), None, {2: Field()}) is None
