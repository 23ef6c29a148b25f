"""What systemd-sysctl makes of files (sysctl.d(5)), and how settings of the network combine."""

import pytest

from lvsctl.doctor.settings import SETTINGS
from lvsctl.doctor.sysctl import How, command, dotted, slashed
from lvsctl.doctor.sysctl_d import Files, order, read

RP = "net/ipv4/conf/eth0/rp_filter"


def value(files: Files, key: str) -> str | None:
    found = files.of(key)
    return found.value if found else None


def test_files_are_read_by_name_and_the_folder_only_decides_between_equal_names() -> None:
    found = order(
        {
            "/usr/lib/sysctl.d": ["50-default.conf", "99-x.conf"],
            "/etc/sysctl.d": ["60-lvs.conf", "99-x.conf", "x.conf.bak"],
        }
    )
    assert found == [
        "/usr/lib/sysctl.d/50-default.conf",
        "/etc/sysctl.d/60-lvs.conf",
        "/etc/sysctl.d/99-x.conf",
    ]


def test_the_last_assignment_counts() -> None:
    files = read(
        [
            ("a.conf", "net.ipv4.ip_forward=0\nnet.ipv4.ip_forward = 1\n"),
            ("b.conf", "# x\n; y\n\nnet/ipv4/ip_forward = 2"),
        ]
    )
    assert str(files.of("net/ipv4/ip_forward")) == "b.conf:4 sets 2"


def test_a_name_beats_wildcards_wherever_it_stands() -> None:
    files = read([("a.conf", "net.ipv4.conf.eth0.rp_filter = 1\nnet.ipv4.conf.*.rp_filter = 2\n")])
    assert value(files, RP) == "1"
    assert value(files, "net/ipv4/conf/eth1/rp_filter") == "2"


def test_a_name_can_be_taken_out_of_the_wildcards() -> None:
    files = read([("50-default.conf", "net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n")])
    assert value(files, RP) == "2"
    assert value(files, "net/ipv4/conf/all/rp_filter") is None


def test_of_two_wildcards_the_later_counts() -> None:
    assert (
        value(read([("a.conf", "net.ipv4.conf.*.rp_filter=1\nnet.ipv4.conf.eth*.rp_filter=2\n")]), RP) == "2"
    )


def test_a_failure_that_may_be_ignored_is_an_assignment_like_others() -> None:
    assert value(read([("a.conf", "-net.ipv4.ip_forward = 1\n")]), "net/ipv4/ip_forward") == "1"


def test_lines_that_make_no_sense_are_passed_over() -> None:
    assert read([("a.conf", "nonsense\n= 3\n\x00\n")]).of("nonsense") is None


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ("net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
    ],
)
def test_dots_and_slashes_change_places(written: str, key: str) -> None:
    assert slashed(written) == key
    assert slashed(dotted(key)) == key


def test_what_is_too_high_has_to_be_lowered_everywhere_and_what_is_too_low_raised_once() -> None:
    by_id = {each.id: each for each in SETTINGS}
    assert command(by_id["LVD221"], "eth0").startswith(
        "sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0,"
    )
    assert command(by_id["LVD210"], "eth0").startswith("sysctl -w net.ipv4.conf.all.arp_ignore=1,")


def test_a_strict_filter_on_all_is_loosened_by_the_interface_alone() -> None:
    tunnel = next(each for each in SETTINGS if each.id == "LVD212")
    assert tunnel.how is How.MAX
    assert tunnel.effective([1, 2]) in tunnel.good
    assert command(tunnel, "tunl0").startswith("sysctl -w net.ipv4.conf.all.rp_filter=2,")
