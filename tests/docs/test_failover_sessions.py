"""The sessions of the failover pages, played with the fake providers and in a folder that stands for ``/``.

Pages name files as they are on a director; here they lie below a test's folder. What the spec and the old worker's
file on a page leave out, the way to the fake and its password, is put in before the next command.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, TOKEN, furnished
from tests.support.sessions import play

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("failover-robot", "failover-cloud", "pacemaker")

AGENT = "/usr/lib/ocf/resource.d/lvsctl/hetzner-failover-ip"
WORKER = "/usr/libexec/lvsctl/parse-hetzner-json"


class Director:
    """The first director: *folder* stands for its ``/``."""

    def __init__(self, folder: Path, fake: HetznerFake) -> None:
        self.folder = folder
        self.fake = fake
        self.etc = folder / "etc/lvsctl"
        self.etc.mkdir(parents=True)
        self.ca = self.etc / "ca.pem"
        self.ca.write_bytes(Path(fake.tls.ca_file).read_bytes())

    def run(self, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run *command* as on the director."""
        if command.startswith("fake-robot "):
            self.fake.fault("robot", command.split()[1])
            return subprocess.CompletedProcess(command, 0, "", "")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        done.stdout = re.sub(r"\b\d+ s ago", "0 s ago", done.stdout.replace(str(self.folder), ""))
        self._complete()
        return done

    def _environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "LVSCTL_ROOT": str(self.folder),
            "LVSCTL_SPEC": str(self.etc / "lvs.yaml"),
            "LVSCTL": str(programs / "lvsctl"),
            "OCF_RESKEY_lvsctl": str(programs / "lvsctl"),
            "OCF_RESKEY_api_url": self.fake.robot_url,
            "OCF_RESKEY_api_ca": str(self.ca),
        }

    def _complete(self) -> None:
        """Put into the files of the page what it does not show."""
        for file in (*self.etc.glob("*.cred"), *self.etc.glob("*.cfg")):
            text = file.read_text().replace("password=…", f"password={PASSWORD}")
            text = text.replace("pass = …", f"pass = {PASSWORD}\nurl = {self.fake.robot_url}\nca = {self.ca}")
            file.write_text(text.replace("token=…", f"token={TOKEN}"))
        for file in (*self.etc.glob("*.yaml"), *self.folder.glob("resource")):
            text = self.placed(file.read_text())
            for provider, url in (("robot", self.fake.robot_url), ("cloud", self.fake.cloud_url)):
                name = f"provider: hetzner-{provider}, vrrp"
                text = text.replace(
                    name, f"provider: hetzner-{provider}, api: {{url: '{url}', ca: {self.ca}}}, vrrp"
                )
            file.write_text(text)

    def placed(self, text: str) -> str:
        """Answer *text* with the files where they are in this test."""
        text = text.replace(AGENT, str(ROOT / "hooks/ocf/hetzner-failover-ip"))
        text = text.replace(WORKER, str(ROOT / "hooks/parse-hetzner-json"))
        return re.sub(r"(?<![\w.])/etc/lvsctl/", f"{self.etc}/", text)


@pytest.mark.parametrize("page", PAGES)
def test_what_the_page_shows_is_what_happens(page: str, tmp_path: Path) -> None:
    text = (ROOT / f"docs/how-to/{page}.md").read_text()
    with HetznerFake() as fake:
        furnished(fake)
        fake.robot.world.failovers["203.0.113.10"].active = "192.0.2.12"
        fake.cloud.world.floating_ips[1000].server = 42
        fake.cloud.profile.assign_s = 0.0
        director = Director(tmp_path, fake)
        commands = re.sub(r"^\$ .*$", lambda found: director.placed(found[0]), text, flags=re.MULTILINE)
        play(commands, tmp_path, director.run)
        assert len(fake.journal.posts()) == 1
