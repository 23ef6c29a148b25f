"""What makes the checks of the boot, of lvsctl's own tables and of keepalived's file fail, and what lets them pass."""

from tests.unit.doctor.cases_kernel import NO_WAY
from tests.unit.doctor.machines import CONFIG, RS, SPEC, Case, file

NM = "/etc/NetworkManager/system-connections/eth{}.nmconnection".format
NM_ONE = "[connection]\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\naddress1=10.0.0.11/24,10.0.0.1\n"
NM_TWO = "[connection]\ntype=ethernet\ninterface-name=eth1\n[ipv4]\nmethod=manual\naddress1=203.0.113.9/24,203.0.113.1\n"
VIP_IN = [
    (
        "/etc/network/interfaces",
        "iface eth0 inet static\n  address 10.0.0.100/24\n",
        "iface eth0 inet static\n  address 10.0.0.11/24\n  gateway 10.0.0.100\n",
    ),
    (
        "/etc/network/interfaces.d/x",
        "iface eth0 inet manual\n up ip addr add 10.0.0.100/24 dev eth0\n",
        "# address 10.0.0.100/24\n",
    ),
    (
        "/etc/netplan/x.yaml",
        "network:\n ethernets:\n  eth0:\n   addresses:\n    - 10.0.0.101/24\n",
        "network:\n ethernets:\n  eth0:\n   addresses:\n    - 10.0.0.10/24\n",
    ),
    (
        "/etc/netplan/x.yaml",
        "network: {ethernets: {eth0: {\n addresses: [10.0.0.11/24, 10.0.0.100/24]}}}\n",
        "network: {ethernets: {eth0: {\n gateway4: 10.0.0.100}}}\n",
    ),
    (
        "/etc/systemd/network/x.network",
        "[Match]\nName=eth0\n[Network]\nAddress=10.0.0.100/24\n",
        "[Network]\nGateway=10.0.0.100\n",
    ),
    (NM(0), NM_ONE.replace("10.0.0.11", "10.0.0.100"), NM_ONE.replace(",10.0.0.1", ",10.0.0.100")),
]
EXISTS = "ifup: RTNETLINK answers: File exists"
BOTH_HAVE_IT = SPEC.replace(
    "10.0.0.100/24, 10.0.0.101/24", "10.0.0.100/24, 10.0.0.101/24, 203.0.113.10/32 dev eth1"
)

MANY = NO_WAY + "return_paths: {{{}}}\n".format(
    ", ".join(
        f"10.7.{n // 250}.{n % 250 + 1}: {{interface: eth1, gateway: 10.8.{n // 250}.{n % 250 + 1}}}"
        for n in range(200)
    )
)
FEWER = MANY.replace(
    "10.7.0.200: {interface: eth1, gateway: 10.8.0.200}", "10.7.0.200: {interface: eth1, gateway: 10.8.0.199}"
)

BOOT = [
    Case(
        "LVD401",
        {"files": {NM(0): NM_ONE, NM(1): NM_TWO}},
        {"files": {NM(0): NM_ONE, NM(1): NM_TWO + "never-default=true\n"}},
        spec=NO_WAY,
    ),
    Case(
        "LVD401",
        {"files": {NM(0): NM_ONE, NM(1): NM_TWO}},
        {"files": {NM(0): NM_ONE, NM(1): NM_TWO + "route-metric=900\n"}},
        RS,
    ),
    *(Case("LVD416", file(path, bad), file(path, good)) for path, bad, good in VIP_IN),
    Case(
        "LVD416",
        file(*VIP_IN[0][:2]),
        file("/etc/network/interfaces", "iface eth1 inet static\n address 203.0.113.10/32\n"),
        spec=SPEC,
        good_spec=BOTH_HAVE_IT,
    ),
    *(
        Case(
            "LVD417",
            {"journal": [line]},
            {"journal": ["systemd: Finished networking.service - Raise network interfaces."]},
        )
        for line in (
            EXISTS,
            "ifup: ifup: failed to bring up eth1",
            "ifup: RTNETLINK answers: Network is unreachable",
            "systemd-networkd: eth1: Could not set route: File exists",
        )
    ),
    Case("LVD418", {"settled": False}, {"settled": False}, spec=MANY, good_spec=FEWER),
    Case(
        "LVD419",
        {"routes": ["10.0.0.0/24 dev eth0", "10.9.0.0/16 dev eth0 table 1001 proto 4"]},
        {"routes": ["10.0.0.0/24 dev eth0", "10.9.0.0/16 dev eth0 table 1500 proto 4"]},
    ),
    Case("LVD506", file(CONFIG, None)),
    Case("LVD506", file(CONFIG, ("file 0 0 755", "! x\n")), file(CONFIG, ("file 0 0 640", "! x\n"))),
    Case("LVD506", file(CONFIG, ("directory 0 0 755", "")), {"daemons": []}),
]

CASES = BOOT
