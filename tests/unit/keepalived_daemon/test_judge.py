"""The real keepalived as the judge. What it needs of the machine is stood in for, so nothing of it is touched."""

import os
import time
from pathlib import Path, PurePosixPath
from typing import NoReturn

import pytest

from lvsctl.keepalived import sandbox
from lvsctl.keepalived.judge import Crashed, Invalid, Unverified, Valid, Verdict, judge
from lvsctl.keepalived.messages import Message
from lvsctl.keepalived.parse import parse
from lvsctl.keepalived.program import installed
from lvsctl.keepalived.surroundings import Surroundings, surroundings
from tests.support.require import refuse, require

pytestmark = pytest.mark.keepalived


@pytest.fixture(autouse=True)
def _keepalived() -> None:
    require("keepalived")
    program = installed()
    assert program
    try:
        sandbox.ask(program, "global_defs {\n}\n", "lb1", Surroundings(), 20)
    except sandbox.Refused as refusal:
        refuse("keepalived", f"this machine allows no namespaces: {refusal}")


def of(text: str, *, node: str = "lb1") -> Verdict:
    return judge(text, node=node, surroundings=surroundings(parse(text).config))


INSTANCE = """\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    virtual_ipaddress {
        10.0.0.1/24
    }
}
"""

EVERYTHING = """\
global_defs {
    router_id lb1
    smtp_server mail.example.com
    notification_email {
        a@example.com
    }
    enable_script_security
    script_user lvsctl_script
    vrrp_notify_fifo /run/lvsctl/fifo
    vrrp_notify_fifo_script "/usr/libexec/lvsctl/fifo read"
    config_save_dir /var/lib/lvsctl-judge-test/saved
}
static_ipaddress {
    192.0.2.1/24
}
track_file maintenance {
    file /var/lib/lvsctl-judge-test/web
    init_file 0
}
vrrp_script check {
    script "/opt/checks/http -q"
    user nobody
}
vrrp_instance VI_1 {
    interface lan0.7
    virtual_router_id 51
    priority 100
    advert_int 1
    unicast_src_ip 10.0.0.11
    unicast_peer {
        10.0.0.12
    }
    virtual_ipaddress {
        10.0.0.1/24 dev wan0
    }
    track_script {
        check
    }
    track_interface {
        wan0 weight -30
    }
    notify_master "/usr/libexec/lvsctl/hook MASTER" root root
}
virtual_server 10.0.0.1 80 {
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    sorry_server 10.0.0.11 8503
    sorry_server_inhibit
    real_server 10.0.0.21 80 {
        weight 1
        FILE_CHECK {
            track_file maintenance
            weight 0
        }
        MISC_CHECK {
            misc_path "killall -0 nginx"
            user daemon
        }
        SSL_GET {
            url {
                path /
                status_code 200
            }
        }
    }
}
"""


def test_a_configuration_that_needs_much_of_its_machine_is_valid_on_any() -> None:
    assert isinstance(of(EVERYTHING), Valid), of(EVERYTHING)


def test_nothing_of_it_reaches_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MEMORY", str(tmp_path))
    links = sorted(Path("/sys/class/net").iterdir())
    mounts = Path("/proc/self/mounts").read_text()
    of(EVERYTHING)
    assert sorted(Path("/sys/class/net").iterdir()) == links
    assert Path("/proc/self/mounts").read_text() == mounts
    assert not Path("/var/lib/lvsctl-judge-test").exists()
    assert not list(tmp_path.iterdir())


def test_every_complaint_comes_with_its_line_or_its_subject() -> None:
    text = INSTANCE.replace("priority 100", "priority 300").replace("51", "51\n    nonsense") + (
        "virtual_server 10.0.0.1 80 {\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n    quorum 2\n"
        "    real_server 10.0.0.2 80 {\n        weight 1\n    }\n}\n"
    )
    outcome = of(text)
    assert isinstance(outcome, Invalid)
    found = {(each.line, each.subject) for each in outcome.messages}
    assert found >= {(4, None), (5, "VI_1"), (None, "[10.0.0.1]:tcp:80")}


def test_a_segfault_is_a_crash() -> None:
    """2.2.7 reads an address through a null pointer; later releases complain."""
    text = (
        "virtual_server 10.0.0.1 80 {\n    protocol TCP\n    lb_algo rr\n    lb_kind NAT\n"
        "    real_server 10.0.0.2 80 {\n        HTTP_GET {\n        }\n    }\n}\n"
    )
    outcome = of(text)
    assert isinstance(outcome, Crashed if outcome_version(outcome) < (2, 2, 8) else Invalid)


def outcome_version(outcome: Verdict) -> tuple[int, int, int]:
    assert not isinstance(outcome, Unverified)
    return outcome.version


def test_scripts_of_other_users_do_not_end_the_judge() -> None:
    """2.2.7 ends itself when a script's user is not the caller (issue #2587)."""
    text = (
        "global_defs {\n    enable_script_security\n    script_user nobody\n}\n"
        'vrrp_script s {\n    script "/opt/x"\n}\n'
        + INSTANCE.replace("priority", "track_script {\n        s\n    }\n    priority")
    )
    assert isinstance(of(text), Valid)


def test_a_missing_brace_is_invalid() -> None:
    assert isinstance(of(INSTANCE.removesuffix("}\n")), Invalid)


def test_an_included_file_that_is_not_there_is_invalid_although_keepalived_ends_well() -> None:
    outcome = judge(
        f"{INSTANCE}include /nowhere/at/all.conf\n", node="lb1", surroundings=Surroundings(("eth0",))
    )
    assert isinstance(outcome, Invalid)


def test_an_included_password_is_not_needed_to_judge() -> None:
    block = "authentication {\n        auth_type PASS\n        include /etc/lvsctl-nowhere/secret.conf\n    }\n    "
    text = INSTANCE.replace("priority", f"{block}priority")
    files = {PurePosixPath("/etc/lvsctl-nowhere/secret.conf"): "auth_pass secret\n"}
    outcome = judge(text, node="lb1", surroundings=Surroundings(("eth0",), files=files))
    assert isinstance(outcome, Valid), outcome


def test_the_node_decides_conditions() -> None:
    text = INSTANCE + "@lb2 nonsense\n"
    assert isinstance(of(text, node="lb1"), Valid)
    assert isinstance(of(text, node="lb2"), Invalid)


def test_a_name_from_the_text_never_reaches_a_shell(tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    names = (f"$(touch {trap})", f"x;touch {trap}", "a b", "-batch", "x\nlink del lo", "", "n" * 16, "lo")
    outcome = judge(INSTANCE, node=f"`touch {trap}`", surroundings=Surroundings((*names, "eth0")))
    assert isinstance(outcome, Valid)
    assert not trap.exists()


def test_impossible_interfaces_are_not_made() -> None:
    assert sandbox.links(["a b", "x\ny", "-x", "eth%d", "n" * 16, "a/b", "lo"]) == ""


def test_hundreds_of_interfaces_take_seconds_at_most() -> None:
    text = "".join(
        INSTANCE.replace("VI_1", f"VI_{number}")
        .replace("eth0", f"eth{number}")
        .replace("10.0.0.1/", f"10.0.{number}.1/")
        for number in range(200)
    )
    began = time.monotonic()
    assert isinstance(of(text), Valid)
    assert time.monotonic() - began < 15


def test_time_is_bounded() -> None:
    outcome = judge(INSTANCE, node="lb1", surroundings=Surroundings(("eth0",)), timeout=0.001)
    assert isinstance(outcome, Crashed)
    assert "0.001" in outcome.how


def test_an_instance_without_address_is_valid_before_2_2_8() -> None:
    text = INSTANCE.replace("    virtual_ipaddress {\n        10.0.0.1/24\n    }\n", "")
    outcome = judge(text, node="lb1", surroundings=Surroundings(("eth0",)), target=(2, 2, 7))
    assert isinstance(outcome, Valid)
    assert len(outcome.false_alarms) == 1


def test_without_namespaces_it_is_never_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SCRIPT", "exit 97")
    assert isinstance(of(INSTANCE), Unverified)
    outcome = of(INSTANCE + "nonsense\n")
    assert isinstance(outcome, Invalid)
    assert [each.line for each in outcome.messages] == [9]


def test_an_ordinary_user_gets_the_same_verdict_or_none() -> None:
    if os.geteuid() != 0:
        pytest.skip("it already runs as an ordinary user")
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setgroups([])
        os.setuid(65534)
        outcomes = (of(INSTANCE), of(INSTANCE + "nonsense\n"))
        fine = isinstance(outcomes[0], (Valid, Unverified)) and isinstance(outcomes[1], Invalid)
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_bytes_that_are_no_utf_8_reach_keepalived() -> None:
    text = INSTANCE + "# name\udce9\n"
    assert isinstance(of(text), Valid)
    outcome = of(text + "nons\udce9nse\n")
    assert isinstance(outcome, Invalid)
    assert outcome.messages == (Message(10, None, r"Unknown keyword 'nons\xe9nse'"),)


def test_a_text_that_no_file_can_hold_is_invalid() -> None:
    outcome = judge(INSTANCE + "# \ud800\n", node="lb1", surroundings=Surroundings(("eth0",)))
    assert isinstance(outcome, Invalid)


def test_without_the_programs_for_namespaces_it_is_never_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "find", lambda _: None)
    assert isinstance(of(INSTANCE), Unverified)


def test_without_room_to_prepare_it_is_never_valid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full() -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sandbox, "_folder", full)
    outcome = of(INSTANCE)
    assert isinstance(outcome, Unverified)
    assert "No space" in outcome.reason


def test_no_keepalived_is_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvsctl.host.run.PATH", "/nowhere")
    outcome = of(INSTANCE)
    assert isinstance(outcome, Unverified)
    assert "not installed" in outcome.reason
