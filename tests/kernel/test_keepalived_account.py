"""keepalived's account of virtual servers, and a reload with them: what needs IPVS."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lvsctl.keepalived.account import account
from lvsctl.keepalived.dump import normalised
from lvsctl.keepalived.inventory import accounted, configured
from lvsctl.keepalived.judge import Valid
from lvsctl.keepalived.parse import parse
from lvsctl.keepalived.process import find
from lvsctl.keepalived.reload import Outcome, install_and_reload
from tests.support.hosts import Background, Host, Net, wait_until
from tests.support.oracle import dumps_of

pytestmark = pytest.mark.kernel

TEXT = """\
global_defs {
    router_id test
}
track_file maintenance {
    file /run/maintenance
    init_file 0
}
virtual_server_group web {
    10.0.0.7 80
    fwmark 9
}
virtual_server 10.0.0.1 80 {
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    delay_loop 1
    sorry_server 10.0.0.9 80
    sorry_server_inhibit
    real_server 127.0.0.1 9 {
        weight 3
        TCP_CHECK {
            connect_timeout 1
        }
        FILE_CHECK {
            track_file maintenance
            weight 0
        }
    }
    real_server 10.0.0.3 8080 {
        weight 5
        HTTP_GET {
            url {
                path /
                status_code 200
            }
            connect_timeout 1
        }
    }
}
virtual_server 2001:db8::1 53 {
    lb_algo rr
    lb_kind DR
    protocol UDP
    real_server 2001:db8::2 53 {
        weight 1
    }
}
virtual_server fwmark 7 {
    lb_algo rr
    lb_kind NAT
    real_server 10.0.0.2 {
        weight 1
    }
}
virtual_server group web {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.0.2 80 {
        weight 1
    }
}
"""


def test_the_account_names_what_the_configuration_names() -> None:
    found = accounted("\n".join(dumps_of(TEXT, interfaces=["eth0"]).values()))
    assert found == configured(parse(TEXT).config)


class Director(NamedTuple):
    """A host whose keepalived reads a file that the test sees too."""

    host: Host
    config: Path
    keepalived: Background

    def account(self) -> dict[str, list[str]]:
        daemon = find(self.config)
        assert daemon, self.keepalived.output
        told = account(daemon, timeout=20)
        assert told
        return {name: normalised(text) for name, text in told.items()}

    def reload(self) -> None:
        before = self.keepalived.output.count("Reload complete")
        self.keepalived.signal(signal.SIGHUP)
        assert wait_until(lambda: self.keepalived.output.count("Reload complete") > before)

    def install(self, text: str, wanted: str = "", timeout: float = 20) -> Outcome:
        inventory = configured(parse(wanted or text).config)
        result = install_and_reload(
            text, self.config, validate=lambda _: Valid((2, 2, 7)), inventory=inventory, timeout=timeout
        )
        return result.outcome


@pytest.fixture
def lb1(tmp_path: Path) -> Iterator[Director]:
    folder = Path("/srv") / tmp_path.name  # each host of the lab has a /tmp of its own
    folder.mkdir(parents=True)
    config = folder / "keepalived.conf"
    config.write_text(TEXT)
    with Net() as net:
        host = net.host("lb1", eth0="dummy 10.0.0.11/24")
        argv = ["keepalived", "--dont-fork", "--log-console", "--log-detail", "-f", str(config)]
        keepalived = host.start(argv)
        keepalived.wait_for("Startup complete")
        yield Director(host, config, keepalived)


def test_the_same_configuration_gives_the_same_account_whatever_the_checks_find(lb1: Director) -> None:
    early = lb1.account()
    lb1.keepalived.wait_for("TCP_CHECK on service [127.0.0.1]:tcp:9 failed")
    lb1.host.write("/run/maintenance", "1\n")
    lb1.keepalived.wait_for("Removing service [127.0.0.1]:tcp:9")
    late = lb1.account()
    lb1.reload()
    assert early == late == lb1.account()


CHANGES = (
    ("weight 3", "weight 4"),
    ("lb_algo wlc", "lb_algo wrr"),
    ("sorry_server_inhibit\n", "\n"),
    ("connect_timeout 1", "connect_timeout 2"),
    ("path /\n", "path /x\n"),
    ("status_code 200", "status_code 204"),
    ("fwmark 9", "fwmark 10"),
)


def test_every_change_of_the_configuration_changes_the_account(lb1: Director) -> None:
    text, before = TEXT, lb1.account()
    for old, new in CHANGES:
        text = text.replace(old, new, 1)
        lb1.config.write_text(text)
        lb1.reload()
        after = lb1.account()
        assert after != before, new
        before = after


def test_a_reload_that_adds_and_removes_virtual_servers_arrives(lb1: Director) -> None:
    text = TEXT.replace("10.0.0.1 80", "10.0.0.8 80").replace("weight 3", "weight 0")
    assert lb1.install(text) is Outcome.RELOADED
    assert "10.0.0.8:80" in lb1.host.ipvsadm("-Sn")


def test_what_keepalived_does_not_work_on_is_taken_back(lb1: Director) -> None:
    before = lb1.account()
    assert lb1.install(TEXT.replace("weight 5", "weight 6"), wanted=TEXT, timeout=4) is Outcome.ROLLED_BACK
    assert (lb1.account(), lb1.config.read_text()) == (before, TEXT)
