"""The session of docs/how-to/doctor.md, played on a machine with nothing but the kernel."""

import shutil
from pathlib import Path

import pytest

from tests.kernel.sorry.test_session import Shell
from tests.support.hosts import Net
from tests.support.preloaded import preloaded
from tests.support.sessions import play

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/doctor.md"


@pytest.mark.kernel(timeout=120)
def test_what_the_page_shows_is_what_the_kernel_does() -> None:
    folder = Path("/srv/session-doctor")
    folder.mkdir(parents=True)
    try:
        with Net() as net:
            host = net.host("lb1", eth0="lan 10.0.0.11/24")
            first = f"mount -t tmpfs none /etc/sysctl.d; PATH={{}}:$PATH; cd {folder}"
            with preloaded(host) as program, Shell(host, first.format(program)) as shell:
                play(PAGE.read_text(), folder, shell)
    finally:
        shutil.rmtree(folder)
