"""Default gateways that Proxmox VE gives its guests: ``/etc/pve/lxc/ID.conf``, ``/etc/pve/qemu-server/ID.conf``. Pure.

The host's own network is ifupdown's. A container's ``netN`` lines become an interfaces file, a machine's
``ipconfigN`` lines go to cloud-init; two gateways of one family race there.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from lvsctl.returnpath.boot.model import Default, stated
from lvsctl.vocabulary import Family

LINE = re.compile(r"(net|ipconfig)([0-9]{1,3}):\s*(.*)")
KEYS = (("gw", "ip", Family.INET), ("gw6", "ip6", Family.INET6))


def defaults(file: str, text: str) -> Iterator[Default]:
    """Yield the default routes that *text* gives its guest. What follows a ``[section]`` is a snapshot."""
    guest = PurePosixPath(file).stem
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            return
        if (found := LINE.fullmatch(line.strip())) is None:
            continue
        said = dict(part.partition("=")[::2] for part in found[3].split(","))
        name = said.get("name") or f"net{found[2]}"
        for gateway, address, family in KEYS:
            if said.get(address) == "dhcp":
                yield Default(file, number, name, None, family, guest=guest)
            elif one := stated(file, number, name, said.get(gateway, "")):
                yield one._replace(guest=guest)
