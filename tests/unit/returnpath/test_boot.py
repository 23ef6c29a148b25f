"""Which default routes race at the next boot, by the files that make them."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lvsctl.returnpath.boot import Race, of_file, races, read
from lvsctl.returnpath.boot_files import collect

PVE = "/etc/pve/lxc/101.conf"
INTERFACES = "/etc/network/interfaces"
NETPLAN = "/etc/netplan/01.yaml"


def found(files: dict[str, str]) -> list[str]:
    said = read(files)
    assert not said.unread
    return [str(race) for race in races(said.defaults)]


RACES = {
    "gateway twice": (
        {
            INTERFACES: "auto a b\niface a inet static\n address 10.0.0.2/24\n gateway 10.0.0.1\n"
            "iface b inet static\n gateway 10.1.0.1\n"
        },
        f"2 default routes: a via 10.0.0.1 ({INTERFACES}:4); b via 10.1.0.1 ({INTERFACES}:6)",
    ),
    "gateway and a command, in another file": (
        {
            INTERFACES: "iface a inet dhcp\n",
            INTERFACES
            + ".d/b": "iface b inet manual\n up ip -4 route add default via 10.1.0.1 dev $IFACE || true\n",
        },
        f"2 default routes: a by DHCP ({INTERFACES}:1); b via 10.1.0.1 ({INTERFACES}.d/b:2)",
    ),
    "the same metric, with route(8)": (
        {
            INTERFACES: "iface a inet static\n gateway 10.0.0.1\n metric 5\n"
            "iface b inet static\n post-up /sbin/route add default gw 10.1.0.1 metric 5 \\\n dev b0\n"
        },
        f"2 default routes with metric 5: a via 10.0.0.1 ({INTERFACES}:2); b0 via 10.1.0.1 ({INTERFACES}:5)",
    ),
    "netplan, old and new spelling": (
        {
            NETPLAN: "network:\n  ethernets:\n    a: {gateway4: 10.0.0.1}\n"
            "    b:\n      routes: [{to: default, via: 10.1.0.1}]\n"
        },
        f"2 default routes: a via 10.0.0.1 ({NETPLAN}:3); b via 10.1.0.1 ({NETPLAN}:5)",
    ),
    "netplan, DHCP twice": (
        {NETPLAN: "network: {ethernets: {a: {dhcp4: true}, b: {dhcp4: yes}}}"},
        f"2 default routes with metric 100: a by DHCP ({NETPLAN}:1); b by DHCP ({NETPLAN}:1)",
    ),
    "networkd, IPv6, a section and a drop-in": (
        {
            "/etc/systemd/network/10-a.network": "[Match]\nName=a\n[Network]\nGateway=fe80::1\n",
            "/etc/systemd/network/20-b.network": "[Match]\nName=b\n",
            "/etc/systemd/network/20-b.network.d/x.conf": "[Route]\nDestination=::/0\nGateway=fe80::2\n",
        },
        (
            "2 default routes: a via fe80::1 (/etc/systemd/network/10-a.network:4);"
            " b via fe80::2 (/etc/systemd/network/20-b.network.d/x.conf:3)"
        ),
    ),
    "a container of Proxmox": (
        {
            PVE: "hostname: proxy\nnet0: name=eth0,bridge=vmbr1,gw=10.0.0.1,ip=10.1.0.101/24,type=veth\n"
            "net1: name=eth1,bridge=vmbr0,gw=193.70.55.1,ip=193.70.55.124/32\n"
            "[before]\nnet2: name=eth2,gw=10.9.0.1,ip=10.9.0.2/24\n"
        },
        f"2 default routes: eth0 via 10.0.0.1 ({PVE}:2); eth1 via 193.70.55.1 ({PVE}:3)",
    ),
    "a machine of Proxmox": (
        {
            "/etc/pve/qemu-server/7.conf": "ipconfig0: ip=dhcp\nipconfig1: ip=10.0.0.2/24,gw=10.0.0.1,ip6=auto\n"
        },
        (
            "2 default routes: net0 by DHCP (/etc/pve/qemu-server/7.conf:1);"
            " net1 via 10.0.0.1 (/etc/pve/qemu-server/7.conf:2)"
        ),
    ),
}


@pytest.mark.parametrize("name", RACES)
def test_a_race_is_found(name: str) -> None:
    files, expected = RACES[name]
    assert found(files) == [expected]


NO_RACE = {
    "one gateway, said twice": {
        INTERFACES: "iface a inet static\n gateway 10.0.0.1\n up ip route add default via 10.0.0.1\n"
    },
    "one of each family": {
        INTERFACES: "iface a inet static\n gateway 10.0.0.1\niface a inet6 static\n gateway fe80::1\n"
    },
    "different metrics": {
        INTERFACES: "iface a inet static\n gateway 10.0.0.1\niface b inet static\n metric 9\n gateway 10.1.0.1\n"
    },
    "another table, another destination, another verb": {
        INTERFACES: "iface a inet static\n gateway 10.0.0.1\n up ip route add default via 10.1.0.1 table 7\n"
        " up ip route add 10.9.0.0/16 via 10.1.0.1\n pre-down ip route add default via 10.1.0.1\n"
        " up ip route del default via 10.1.0.1; echo 'default via\n"
        "# gateway 10.8.0.1\n"
    },
    "netplan": {
        NETPLAN: "network: {ethernets: {a: {dhcp4: true}, b: {dhcp4: true, dhcp4-overrides: {use-routes: false}},"
        " c: {dhcp4: true, dhcp4-overrides: {route-metric: 200}},"
        " d: {routes: [{to: default, via: 10.0.0.1, table: 7}, {to: 10.9.0.0/16, via: 10.1.0.1}]}}}"
    },
    "networkd": {
        "/etc/systemd/network/a.network": "[Network]\nDHCP=yes\n[DHCPv4]\nUseRoutes=no\n[Route]\nTable=7\nGateway=10.0.0.1\n",
        "/etc/systemd/network/b.network": "[Network]\nDHCP=ipv4\n[DHCPv4]\nRouteMetric=20\n# Gateway=10.3.0.1\n",
        "/etc/systemd/network/c.network": "[Network]\nDHCP=ipv4\n",
        "/etc/systemd/network/c.link": "[Network]\nGateway=10.1.0.1\nGateway=10.2.0.1\n",
    },
    "two guests": {PVE: "net0: name=a,gw=10.0.0.1\n", PVE + "2": "", "/etc/pve/lxc/9.conf": "net0: name=a,gw=10.0.0.2\n"},
    "nonsense": {INTERFACES: "gateway\niface\nmetric x\niface a\n up\n gateway here\n up ip\n up 'x\n", PVE: "net0\nnet0: ,,=\n"},
}  # fmt: skip


@pytest.mark.parametrize("name", NO_RACE)
def test_what_is_no_race_is_not_called_one(name: str) -> None:
    assert found(NO_RACE[name]) == []


@pytest.mark.parametrize("text", ["a: [", "- *x", "[" * 1000, "\x00"])
def test_netplan_that_is_no_yaml_is_told(text: str) -> None:
    assert read({NETPLAN: text}).unread == (f"{NETPLAN}: no YAML that can be read",)


def test_files_are_found_below_a_folder_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (
        INTERFACES,
        INTERFACES + ".d/more",
        NETPLAN,
        "/run/systemd/network/10-netplan-a.network",
        PVE,
    ):
        file = tmp_path / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    (tmp_path / "etc/network/interfaces").write_bytes(b"#" * (2**20 + 1))
    said = collect(tmp_path)
    assert list(said.texts) == [INTERFACES + ".d/more", NETPLAN, PVE], "netplan's own rendering counts once"
    assert said.trouble == (f"{INTERFACES}: longer than 1048576 bytes",)
    assert [of_file(path) for path in said.texts] == ["ifupdown", "netplan", "proxmox"]
    assert isinstance(Race(read({PVE: "net0: gw=10.0.0.1"}).defaults).guest, str)


PROFILES = "/etc/NetworkManager/system-connections"


def profile(name: str, *lines: str, kind: str = "ethernet") -> dict[str, str]:
    text = "\n".join(
        ("[connection]", f"id={name}", f"type={kind}", f"interface-name={name}", "[ipv4]", *lines, "")
    )
    return {f"{PROFILES}/{name}.nmconnection": text}


A = profile("a", "method=manual", "address1=10.0.0.2/24,10.0.0.1")


def test_two_profiles_of_networkmanager_with_a_gateway_race() -> None:
    assert found({**A, **profile("b", "method=auto")}) == [
        f"2 default routes with metric 100: a via 10.0.0.1 ({PROFILES}/a.nmconnection:7); b by DHCP ({PROFILES}/b.nmconnection:6)"
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ("method=manual", "addresses=10.1.0.2/24", "gateway=10.1.0.1"),
        ("method=manual", "address1=10.1.0.2/24", "route1=0.0.0.0/0,10.1.0.1"),
        ("method=manual", "address1=10.1.0.2/24,10.1.0.1", "route-metric=100"),
        ("method=auto", "route1=10.9.0.0/16,10.1.0.9"),
    ],
)
def test_a_gateway_may_stand_in_many_places(lines: tuple[str, ...]) -> None:
    assert len(found({**A, **profile("b", *lines)})) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ("method=manual", "address1=10.1.0.2/24,10.1.0.1", "never-default=true"),
        ("method=manual", "address1=10.1.0.2/24,10.1.0.1", "route-metric=200"),
        ("method=manual", "address1=10.1.0.2/24,10.1.0.1", "route-table=1001"),
        ("method=manual", "address1=10.1.0.2/24", "route1=0.0.0.0/0,10.1.0.1", "route1_options=table=1001"),
        ("method=manual", "address1=10.1.0.2/24", "route1=0.0.0.0/0,10.1.0.1,50"),
        ("method=auto", "ignore-auto-routes=true"),
        ("method=disabled",),
        ("method=manual", "address1=10.1.0.2/24", "#gateway=10.1.0.1"),
        ("method=auto", "[connection]", "autoconnect=false"),
    ],
)
def test_other_profiles_of_networkmanager_do_not_race(lines: tuple[str, ...]) -> None:
    assert found({**A, **profile("b", *lines)}) == []


def test_kinds_of_interfaces_have_metrics_of_their_own() -> None:
    assert found({**A, **profile("b", "method=auto", kind="bridge")}) == []


def test_a_profile_below_etc_hides_the_one_of_its_name(tmp_path: Path) -> None:
    for folder in ("etc", "run", "usr/lib"):
        path = tmp_path / folder / "NetworkManager/system-connections/x.nmconnection"
        path.parent.mkdir(parents=True)
        path.write_text(folder)
    assert list(collect(tmp_path).texts.values()) == ["etc"]


def test_profiles_that_are_not_ours_to_read_are_told() -> None:
    own = os.geteuid()
    with TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        folder = root / "etc/NetworkManager/system-connections"
        folder.mkdir(parents=True)
        (folder / "x.nmconnection").write_text("[connection]\n")
        (folder / "x.nmconnection").chmod(0)
        closed = root / "etc/netplan"
        closed.mkdir()
        closed.chmod(0)
        os.seteuid(own or 65534)
        try:
            trouble = collect(root).trouble
        finally:
            os.seteuid(own)
            closed.chmod(0o755)
    assert trouble == (
        "/etc/netplan: Permission denied",
        "/etc/NetworkManager/system-connections/x.nmconnection: Permission denied",
    )
