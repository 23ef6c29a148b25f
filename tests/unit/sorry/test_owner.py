import pytest

from lvsctl.keepalived.parse import parse
from lvsctl.keepalived.process import Daemon, Process
from lvsctl.sorry.form import MAINTENANCE_FOLDER, Form, safe_form
from lvsctl.sorry.managed import Maintenance, Managed, managed
from lvsctl.sorry.owner import (
    Keepalived,
    Nobody,
    Owners,
    Refused,
    Unreadable,
    as_declared,
    needs_maintenance,
)
from lvsctl.vocabulary import Family, ServiceKey

TEXT = """\
track_file lvsctl_web {
    file "/var/lib/lvsctl/maintenance/web"
    weight 0
    init_file 0
}
track_file drain {
    file /run/drain
    weight 1
}
virtual_server_group many {
    10.0.1.1-3 80
    2001:db8::a-f 80
    10.0.2.0/30 80
    10.0.3.9-10.0.4.1 80
    fwmark 7
    fwmark 8 inet6
}
virtual_server 10.0.0.1 80 {
    protocol TCP
    inhibit_on_failure
    sorry_server 10.0.0.1 8503
    sorry_server_inhibit
    real_server 10.0.0.21 8080 {
        FILE_CHECK {
            track_file lvsctl_web
        }
        FILE_CHECK {
            track_file drain
        }
    }
    real_server 10.0.0.22 8080 {
        FILE_CHECK {
            track_file drain
            weight -1
        }
        FILE_CHECK {
            track_file lvsctl_web
        }
    }
}
virtual_server 10.0.0.2 53 {
    lvs_sched sh
    real_server 10.0.0.21 53 {
    }
    real_server 10.0.0.22 53 {
        FILE_CHECK {
            track_file drain
        }
    }
}
virtual_server fwmark 5 {
    ip_family inet6
    persistence_timeout 10
    real_server 2001:db8::2 {
    }
}
virtual_server group many {
    protocol TCP
    real_server 10.0.0.21 80 {
    }
}
virtual_server 10.0.0.9 80 {
    protocol TCP
}
"""

DAEMON = Daemon(Process(7, 1), "/etc/keepalived/keepalived.conf")


def of(key: str) -> Managed:
    found = Owners(((DAEMON, managed(parse(TEXT).config)),)).of(ServiceKey.parse(key))
    assert isinstance(found, Keepalived), key
    return found.server


def test_a_rendered_service_has_its_file_and_its_form() -> None:
    web = of("tcp/10.0.0.1:80")
    assert web.maintenance == Maintenance("lvsctl_web", f"{MAINTENANCE_FOLDER}/web")
    assert (web.name, web.form, web.unmaintained) == ("[10.0.0.1]:tcp:80", Form.RESIDENT, ())
    assert web.sorry_server is not None
    assert web.sorry_server[1] == 8503


def test_a_file_that_moves_weights_is_no_maintenance_file() -> None:
    dns = of("udp/10.0.0.2:53")
    assert (dns.maintenance, dns.form, dns.safe_form) == (None, Form.PLAIN, Form.PLAIN)
    assert dns.unmaintained == ("10.0.0.21 53", "10.0.0.22 53")


def test_a_file_that_misses_a_real_server_is_no_maintenance_file_either() -> None:
    (only,) = managed(parse(TEXT.replace("track_file lvsctl_web\n", "track_file drain\n", 1)).config)[:1]
    assert (only.maintenance, only.unmaintained) == (None, ("10.0.0.21 8080",))


@pytest.mark.parametrize(
    "key",
    [
        *(
            "tcp/10.0.1.1:80",
            "tcp/10.0.1.3:80",
            "tcp/[2001:db8::c]:80",
            "tcp/10.0.2.3:80",
            "tcp/10.0.3.255:80",
        ),
        *("fwmark/7", "fwmark6/7", "fwmark6/8"),
    ],
)
def test_a_group_owns_everything_in_its_ranges(key: str) -> None:
    assert of(key).name == "[many]"


@pytest.mark.parametrize(
    "key",
    [
        *(
            "tcp/10.0.1.4:80",
            "udp/10.0.1.1:80",
            "tcp/10.0.1.1:81",
            "tcp/[2001:db8::10]:80",
            "tcp/10.0.4.2:80",
        ),
        *("fwmark/8", "fwmark/5", "tcp/10.0.0.9:80", "udp/10.0.0.1:80"),
    ],
)
def test_nobody_owns_what_no_virtual_server_makes(key: str) -> None:
    assert Owners(((DAEMON, managed(parse(TEXT).config)),)).of(ServiceKey.parse(key)) == Nobody()


def test_a_mark_has_the_family_that_ip_family_says() -> None:
    assert of("fwmark6/5").name == "FWM 5"
    assert of("fwmark6/5").spans[0].first == ServiceKey.fwmark(5, Family.INET6)


KEY = ServiceKey.tcp("10.0.0.1", 80)
THEIRS = Keepalived(DAEMON, of("tcp/10.0.0.1:80"))


def test_two_daemons_with_one_service_cannot_be_told_apart() -> None:
    servers = managed(parse(TEXT).config)
    both = Owners(((DAEMON, servers), (DAEMON._replace(config="/etc/other.conf"), servers))).of(KEY)
    assert isinstance(both, Unreadable)
    assert "/etc/other.conf (process 7)" in both.reason


def test_a_daemon_that_shows_nothing_may_own_what_no_other_has() -> None:
    blind = Owners(((DAEMON, managed(parse(TEXT).config)),), (Unreadable("it shows nothing", "be root"),))
    assert blind.of(KEY) == THEIRS
    assert blind.of(ServiceKey.tcp("10.9.9.9", 80)) == Unreadable("it shows nothing", "be root")


def test_the_owner_is_who_the_spec_says() -> None:
    assert as_declared(KEY, THEIRS, "keepalived") == as_declared(KEY, THEIRS, None) == THEIRS
    assert as_declared(KEY, Nobody(), "lvsctl") == as_declared(KEY, Nobody(), None) == Nobody()


@pytest.mark.parametrize(
    ("owner", "declared", "said", "next_step"),
    [
        (Nobody(), "keepalived", "no keepalived here has it", "reload keepalived"),
        (THEIRS, "lvsctl", "keepalived (process 7) has it", "take the virtual_server [10.0.0.1]:tcp:80 out"),
        (Unreadable("dark", "run lvsctl as root"), "lvsctl", "cannot be told: dark", "as root"),
        (Unreadable("dark"), None, "cannot be told: dark", ""),
    ],
)
def test_anybody_else_is_refused_with_the_next_step(
    owner: Nobody | Keepalived | Unreadable, declared: str | None, said: str, next_step: str
) -> None:
    with pytest.raises(Refused) as refused:
        as_declared(KEY, owner, declared)
    assert said in refused.value.message
    assert next_step in refused.value.hint


def test_the_lines_to_add_make_lvsctl_able_to_switch_the_service() -> None:
    bare = "virtual_server 10.0.0.1 80 {\nprotocol TCP\nsorry_server 10.0.0.1 8503\nreal_server 10.0.0.21 80 {\n}\n}\n"
    (before,) = managed(parse(bare).config)
    assert before.maintenance is None
    error = needs_maintenance(KEY, Keepalived(DAEMON, before), "web")
    assert "--guard" in error.hint
    said = [line for line in error.message.splitlines()[2:] if not line.startswith("#")]
    at = said.index("}") + 1
    forms, check = said[at : at + 2], said[at + 2 :]
    added = bare.replace("8503\n", "8503\n" + "\n".join(forms) + "\n").replace(
        "80 {\n}", "80 {\n" + "\n".join(check) + "\n}"
    )
    (after,) = managed(parse("\n".join(said[:at]) + "\n" + added).config)
    assert after.maintenance == Maintenance("lvsctl_web", f"{MAINTENANCE_FOLDER}/web")
    assert (after.form, after.unmaintained) == (Form.RESIDENT, ())


def test_the_resident_form_is_only_offered_where_it_refuses_nobody() -> None:
    def form(
        scheduler: str, *, fallback: bool = False, persistent: bool = False, expire: bool = False
    ) -> Form:
        return safe_form(scheduler, fallback=fallback, persistent=persistent, templates_expire=expire)

    assert (
        form("wlc") is form("sh", fallback=True) is form("rr", persistent=True, expire=True) is Form.RESIDENT
    )
    assert form("sh") is form("dh", fallback=True) is form("rr", persistent=True) is Form.PLAIN
