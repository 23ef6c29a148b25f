"""The resource agent for Pacemaker: what ocf-tester asserts, and what it does not ask about."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, TOKEN
from tests.support.failover_cli import LVSCTL, ROOT, VIP, Ended, Station
from tests.support.require import require

AGENT = ROOT / "hooks/ocf/hetzner-failover-ip"

SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, PERM, INSTALLED, CONFIGURED, NOT_RUNNING = range(8)


class Resource:
    """The resource on one node."""

    def __init__(self, station: Station, node: str) -> None:
        self.station = station
        self.node = node
        self.parameters = {"ip": VIP, "spec": str(station.spec), "node": node, "lvsctl": str(LVSCTL)}
        self.claim = station.folder / node / f"run/lvsctl/ocf/{VIP}.claim"

    def environment(self, **parameters: str) -> dict[str, str]:
        given = {
            f"OCF_RESKEY_{name}": value for name, value in (self.parameters | parameters).items() if value
        }
        return self.station.environment(self.node) | {"OCF_ROOT": "/usr/lib/ocf", **given}

    def __call__(self, action: str, **parameters: str) -> Ended:
        done = subprocess.run(
            [AGENT, action],
            env=self.environment(**parameters),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def forget(self) -> None:
        """Lose what lvsctl has seen, so that it has to ask again."""
        for folder in ("var/lib/lvsctl/failover", "run/lvsctl/failover"):
            for each in (self.station.folder / self.node / folder).glob("claim-*"):
                each.unlink()

    def program(self, text: str) -> str:
        """Answer the path of another program in the place of lvsctl."""
        path = self.station.folder / "program"
        path.write_text(text)
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def resource(station: Station) -> Resource:
    return Resource(station, "lb1")


@pytest.fixture
def elsewhere(station: Station) -> Resource:
    """The resource on the node that the address does not point at."""
    return Resource(station, "lb2")


@pytest.fixture
def for_everybody() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_ocf_tester_passes_every_assertion(
    elsewhere: Resource, fake: HetznerFake, for_everybody: Path
) -> None:
    tester = require("ocf-tester")
    require("xmllint")
    agent = Path(shutil.copy(AGENT, for_everybody))
    options = [word for name, value in elsewhere.parameters.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(
        [tester, "-n", "vip", *options, agent],
        env=os.environ | elsewhere.station.environment("lb2"),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed all tests" in done.stdout
    assert os.geteuid() != 0 or "WARN" not in done.stdout
    assert not done.stderr
    assert len(fake.journal.posts()) == 1
    assert not fake.journal.where(method="DELETE")
    assert fake.dataplane(VIP) == "192.0.2.12"


def test_a_probe_asks_nobody(resource: Resource, fake: HetznerFake) -> None:
    assert resource("monitor", lvsctl="/nonexistent/lvsctl").status == NOT_RUNNING
    assert not fake.journal


def test_a_start_that_fails_says_so_and_claims_nothing(elsewhere: Resource, fake: HetznerFake) -> None:
    fake.fault("robot", "failed", method="POST")
    started = elsewhere("start", CRM_meta_timeout="9000")
    assert started.status == GENERIC
    assert "was not moved here" in started.err
    assert elsewhere("monitor").status == NOT_RUNNING


def test_stop_leaves_the_address_where_it_is(resource: Resource, fake: HetznerFake) -> None:
    assert resource("start").status == SUCCESS
    assert resource("stop").status == SUCCESS
    assert resource("monitor").status == NOT_RUNNING
    assert not fake.journal.where(method="DELETE")
    assert fake.dataplane(VIP) == "192.0.2.11"


def test_what_is_unknown_is_what_it_was_for_a_while(resource: Resource, fake: HetznerFake) -> None:
    resource("start")
    resource.forget()
    fake.fault("robot", "html-503")
    monitored = resource("monitor")
    assert monitored.status == SUCCESS
    assert "is unknown" in monitored.err
    assert resource("monitor", stale="0").status == GENERIC


def test_an_address_that_points_elsewhere_is_not_running(resource: Resource, fake: HetznerFake) -> None:
    resource("start")
    resource.forget()
    fake.robot.world.failovers[VIP].active = "192.0.2.12"
    assert resource("monitor").status == NOT_RUNNING


@pytest.mark.parametrize(
    "text",
    [
        "#!/nonexistent/python3\n",
        "#!/bin/sh\nexit 2\n",
        "#!/bin/sh\necho state=held; exit 2\n",
        "#!/bin/sh\necho state=not-held; exit 1\n",
        "#!/bin/sh\necho state=held; echo state=not-held; exit 2\n",
        "#!/bin/sh\nkill -9 $$\n",
        "#!/bin/sh\nsleep 300\n",
    ],
)
def test_a_broken_program_is_no_answer(resource: Resource, text: str) -> None:
    held = resource.program("#!/bin/sh\necho state=held\n")
    assert resource("start", lvsctl=held).status == SUCCESS
    assert resource("monitor", lvsctl=held).status == SUCCESS
    broken = resource.program(text)
    assert resource("monitor", lvsctl=broken, CRM_meta_timeout="5000").status == SUCCESS
    resource.claim.write_text("rubbish\n")
    assert resource("monitor", lvsctl=broken, CRM_meta_timeout="5000").status == GENERIC


def test_no_answer_of_lvsctl_s_makes_the_cluster_give_up_but_a_wrong_configuration(
    resource: Resource,
) -> None:
    codes = {1: GENERIC, 64: ARGS, 65: ARGS, 69: INSTALLED, 75: GENERIC, 77: PERM, 130: GENERIC, 2: GENERIC}
    for status, code in codes.items():
        program = resource.program(f"#!/bin/sh\nexit {status}\n")
        assert resource("start", lvsctl=program).status == code
        assert not resource.claim.exists()


def test_parameters_that_make_no_sense_are_refused(resource: Resource) -> None:
    assert resource("validate-all").status == SUCCESS
    assert resource("validate-all", ip="").status == CONFIGURED
    assert resource("start", ip="1.2.3.4; reboot").status == CONFIGURED
    assert resource("start", stale="-1").status == CONFIGURED
    assert resource("start", lvsctl="/nonexistent/lvsctl").status == INSTALLED
    assert resource("start", spec="/nonexistent/lvs.yaml").status == INSTALLED
    assert resource("start", credential_file="/nonexistent/cred", targets="lb1=1").status == INSTALLED
    assert resource("start", credential_file="/etc/passwd").status == CONFIGURED
    assert resource("validate-all", node="lb3").status == ARGS
    for action in ("promote", "demote", "notify", "migrate_to", "reload", "", "rubbish"):
        assert resource(action).status == UNIMPLEMENTED


def test_no_spec_is_needed_and_no_secret_is_told(elsewhere: Resource, fake: HetznerFake) -> None:
    station = elsewhere.station
    given = {
        "spec": "",
        "node": "",
        "CRM_meta_on_node": "lb2",
        "credential_file": str(station.credentials),
        "provider": "hetzner-cloud",
        "targets": "lb1=41 lb2=42",
        "api_url": fake.cloud_url,
        "api_ca": str(station.ca),
    }
    fake.cloud.profile.assign_s = 0.0
    started, monitored = elsewhere("start", **given), elsewhere("monitor", **given)
    assert (started.status, monitored.status) == (SUCCESS, SUCCESS), started.err
    assert fake.dataplane(VIP, "cloud") == 42
    meta = elsewhere("meta-data").out
    said = "".join(map(str, (started, monitored, meta, elsewhere.environment(**given))))
    assert PASSWORD not in said
    assert TOKEN not in said
    assert not {"password", "token", "user"} & {
        line.split('"')[1] for line in meta.splitlines() if line.startswith("<parameter ")
    }
