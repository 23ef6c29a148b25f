"""The numbers by which the kernel knows IPVS's words and attributes (linux/ip_vs.h)."""

from typing import Final

from lvsctl.vocabulary import Family, ForwardingMethod, Protocol, SchedulerFlag, SyncRole, TunnelType

FAMILIES: Final = {Family.INET: 2, Family.INET6: 10}
PROTOCOLS: Final = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}
METHODS: Final = (
    ForwardingMethod.NAT,
    ForwardingMethod.LOCAL,
    ForwardingMethod.TUN,
    ForwardingMethod.DR,
    ForwardingMethod.BYPASS,
)
TUNNELS: Final = (TunnelType.IPIP, TunnelType.GUE, TunnelType.GRE)
ROLES: Final = {SyncRole.MASTER: 1, SyncRole.BACKUP: 2}

FAMILY_OF: Final = {number: family for family, number in FAMILIES.items()}
PROTOCOL_OF: Final = {number: protocol for protocol, number in PROTOCOLS.items()}
METHOD_NUMBER: Final = {method: i for i, method in enumerate(METHODS)}
TUNNEL_NUMBER: Final = {kind: i for i, kind in enumerate(TUNNELS)}
ROLE_OF: Final = {number: role for role, number in ROLES.items()}

# IPVS_SVC_ATTR_*
AF, PROTOCOL, ADDR, PORT, FWMARK, SCHED, FLAGS, TIMEOUT, NETMASK, STATS, PE, STATS64 = range(1, 13)
# IPVS_DEST_ATTR_*; 12 is STATS64, 4 to 6 and 13 to 15 are settings
D_ADDR, D_PORT, D_METHOD, D_WEIGHT, D_UPPER, D_LOWER, D_ACTIVE, D_INACTIVE, D_PERSISTENT = range(1, 10)
D_STATS, D_FAMILY, D_STATS64, D_TUN_TYPE, D_TUN_PORT, D_TUN_FLAGS = range(10, 16)
# IPVS_DAEMON_ATTR_*
ROLE, INTERFACE, SYNC_ID, MAX_LENGTH, GROUP, GROUP6, GROUP_PORT, TTL = range(1, 9)

PERSISTENT: Final = 0x1
ONE_PACKET: Final = 0x4
SCHEDULER_FLAGS: Final = 0x38
# The kernel keeps HASHED (2) itself and refuses to add a service that claims it.
SETTABLE: Final = 0xFFFFFFFF & ~0x2
FLAG_SETS: Final = {bits: SchedulerFlag(bits) for bits in range(0, 0x40, 8)}
