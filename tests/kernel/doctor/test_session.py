"""The sessions of docs/how-to/doctor.md: on a machine with nothing but the kernel, and on a pair that runs keepalived."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.sorry.test_session import Shell
from tests.support.hosts import Net
from tests.support.keepalived import CONFIG, Keepalived
from tests.support.preloaded import preloaded
from tests.support.sessions import play, steps
from tests.support.sshd import LOCAL, logged_in

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/doctor.md"
ON_A_PAIR = ("A director that never saw lvsctl", "The other director")


def sections(*, on_a_pair: bool) -> str:
    """Answer the sections of the page that are played together."""
    found = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    assert sum(each.startswith(ON_A_PAIR) for each in found) == len(ON_A_PAIR)
    return "".join(each for each in found if each.startswith(ON_A_PAIR) is on_a_pair)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path("/srv/session-doctor")
    made.mkdir(parents=True)
    yield made
    shutil.rmtree(made)


@pytest.mark.usefixtures("imported")
@pytest.mark.kernel(timeout=120)
def test_what_the_page_shows_is_what_the_kernel_does(folder: Path) -> None:
    with Net() as net:
        host = net.host("lb1", eth0="lan 10.0.0.11/24")
        first = f"mount -t tmpfs none /etc/sysctl.d; PATH={{}}:$PATH; cd {folder}"
        with preloaded(host) as program, Shell(host, first.format(program)) as shell:
            play(sections(on_a_pair=False), folder, shell)


@pytest.mark.usefixtures("imported")
@pytest.mark.kernel(timeout=240)
@pytest.mark.keepalived
def test_what_the_page_shows_is_what_a_pair_does(folder: Path) -> None:
    page = sections(on_a_pair=True)
    [conf] = [step.output for step in steps(page) if step.command == f"cat {CONFIG}"]
    with Net() as net:
        lb1 = net.host("lb1", eth0="lan 10.0.0.11/24")
        lb2 = net.host("lb2", eth0="lan 10.0.0.12/24")
        keepaliveds = [Keepalived(lb1, conf), Keepalived(lb2, conf.replace("advert_interval", "advert_int"))]
        with logged_in(lb1, lb2, "10.0.0.12", alias="lb2"), preloaded(lb2), preloaded(lb1) as program:
            lb2.run(["cp", f"{program}/lvsctl", LOCAL])
            for each in keepaliveds:
                each.wait_started()
            with Shell(lb1, f"mount -t tmpfs none /etc/sysctl.d; PATH={program}:$PATH; cd {folder}") as shell:
                play(page, folder, shell)
