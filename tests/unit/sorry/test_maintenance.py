import errno
import os
from pathlib import Path

import pytest

from lvsctl.errors import Unavailable
from lvsctl.sorry import maintenance
from lvsctl.sorry.maintenance import Untrusted


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "web"
    path.write_bytes(b"0\n")
    return path


def test_one_byte_changes_in_place(file: Path) -> None:
    before = file.stat().st_ino
    assert maintenance.write(file, out=True)
    assert (file.read_bytes(), file.stat().st_ino) == (b"1\n", before)
    assert maintenance.read(file)
    assert not maintenance.write(file, out=True)
    assert maintenance.write(file, out=False)
    assert not maintenance.read(file)


def test_no_room_is_needed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    real = os.pwrite

    def pwrite(handle: int, data: bytes, offset: int) -> int:
        sizes.append(offset + len(data))
        if sizes[-1] > os.fstat(handle).st_size:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    assert maintenance.write(file, out=True)
    assert sizes == [1]


@pytest.mark.parametrize(
    ("content", "out"),
    [
        *((b"", False), (b"0", False), (b"1", True), (b" 12\n", True), (b"-5", True), (b"0x0", False)),
        *(
            (b"0x10", True),
            (b"010", True),
            (b"08", False),
            (b"junk", False),
            (b"00", False),
            (b"1junk", True),
        ),
    ],
)
def test_it_reads_numbers_as_keepalived_does_and_leaves_only_its_own(
    file: Path, content: bytes, out: bool
) -> None:
    file.write_bytes(content)
    assert maintenance.read(file) is out
    assert maintenance.write(file, out=not out)
    assert maintenance.read(file) is not out
    assert file.read_bytes().strip() == (b"0" if out else b"1")


def test_a_file_that_is_not_there_says_nothing_and_is_made(tmp_path: Path) -> None:
    assert not maintenance.read(tmp_path / "web")
    assert maintenance.write(tmp_path / "web", out=True)
    assert (tmp_path / "web").stat().st_mode & 0o777 == 0o644
    with pytest.raises(Unavailable, match="nowhere"):
        maintenance.write(tmp_path / "nowhere/web", out=True)


def test_it_is_known_beforehand_whether_it_can_be_written(file: Path, tmp_path: Path) -> None:
    for content in (b"1\n", b"12"):
        file.write_bytes(content)
        maintenance.ready(file)
        assert file.read_bytes() == content
    maintenance.ready(tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == b"0"
    with pytest.raises(Unavailable, match="there is no such folder") as caught:
        maintenance.ready(tmp_path / "nowhere/web")
    assert "systemd-tmpfiles" in caught.value.hint
    file.chmod(0o666)
    with pytest.raises(Untrusted, match="others than root"):
        maintenance.ready(file)


def test_what_it_says_already_needs_no_writing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def read_only(path: Path, flags: int, mode: int = 0) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    assert not maintenance.write(file, out=False)
    with pytest.raises(Unavailable, match="Read-only file system"):
        maintenance.write(file, out=True)


def test_whoever_could_switch_the_service_is_told(file: Path, tmp_path: Path) -> None:
    file.chmod(0o666)
    with pytest.raises(Untrusted, match="others than root"):
        maintenance.write(file, out=True)
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(file)
    os.mkfifo(pipe)
    for path, said in ((link, "symbolic link"), (pipe, "regular file")):
        with pytest.raises(Untrusted, match=said):
            maintenance.write(path, out=True)
    assert file.read_bytes() == b"0\n"
