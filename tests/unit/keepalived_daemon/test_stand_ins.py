from pathlib import Path, PurePosixPath

import pytest

from lvsctl.keepalived.stand_ins import Tree, build
from lvsctl.keepalived.surroundings import Surroundings


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A machine with a folder, a file, and links as Debian has them."""
    host = tmp_path / "host"
    (host / "usr/bin").mkdir(parents=True)
    (host / "usr/bin/true").write_text("true")
    (host / "usr/share").mkdir()
    (host / "bin").symlink_to("usr/bin")
    (host / "opt").symlink_to("/usr/share/../bin")
    (host / "round").symlink_to("round")
    return host


@pytest.fixture
def tree(tmp_path: Path, host: Path) -> Tree:
    (tmp_path / "root").mkdir()
    return Tree(tmp_path / "root", host, ".host")


def file(path: str) -> PurePosixPath:
    return PurePosixPath(path)


def test_what_nobody_names_is_the_machines_own(tree: Tree) -> None:
    assert (tree.root / "usr").readlink() == Path("/.host/usr")


def test_what_is_named_is_a_stand_in_and_its_neighbours_stay_the_machines_own(tree: Tree) -> None:
    tree.file(file("/usr/bin/check"), "#!/bin/sh\n", mode=0o755)
    assert (tree.root / "usr/bin/check").stat().st_mode & 0o777 == 0o755
    assert (tree.root / "usr/bin/true").readlink() == Path("/.host/usr/bin/true")
    assert (tree.root / "usr/share").readlink() == Path("/.host/usr/share")


def test_a_stand_in_takes_the_place_of_what_the_machine_has(tree: Tree, host: Path) -> None:
    tree.file(file("/usr/bin/true"), "mine")
    assert (tree.root / "usr/bin/true").read_text() == "mine"
    assert (host / "usr/bin/true").read_text() == "true"


def test_the_machines_links_are_followed_inside(tree: Tree) -> None:
    tree.file(file("/bin/check"), "x")
    tree.file(file("/opt/other"), "y")
    assert (tree.root / "usr/bin/check").read_text() == "x"
    assert (tree.root / "usr/bin/other").read_text() == "y"
    assert (tree.root / "bin").is_symlink()


def test_folders_that_the_machine_lacks_are_made(tree: Tree) -> None:
    assert tree.folder(file("/var/lib/lvsctl")) == file("/var/lib/lvsctl")
    assert (tree.root / "var/lib/lvsctl").stat().st_mode & 0o777 == 0o755


def test_a_circle_of_links_ends(tree: Tree) -> None:
    tree.file(file("/round/x"), "x")


@pytest.mark.parametrize("path", ["/usr/bin/true/x", "/" + "n" * 300, "/usr/bin", "/"])
def test_what_no_file_system_can_hold_is_left_out(tree: Tree, path: str) -> None:
    tree.file(file("/usr/bin/true"), "a file")
    tree.file(file(path), "x")
    tree.folder(file(path))


def test_nothing_is_written_outside(tree: Tree, host: Path, tmp_path: Path) -> None:
    def everything(folder: Path) -> set[Path]:
        return {path for path in tmp_path.rglob("*") if folder in path.parents}

    before = everything(host)
    for path in ("/a/b", "/opt/c", "/bin/../../../d", "/usr/share/../../../../e"):
        tree.file(file(path), "x")
    assert everything(host) == before
    assert {path.name for path in tmp_path.iterdir()} == {"host", "root"}


def test_a_text_is_private_and_its_scripts_run_as_root(tmp_path: Path) -> None:
    build(tmp_path, "text", Surroundings(users=("web",), groups=("www",), hosts=("mail.example.com",)), "m")
    judged = tmp_path / ".judged/keepalived.conf"
    assert (judged.read_text(), judged.stat().st_mode & 0o777) == ("text", 0o600)
    assert "web:x:0:0:" in (tmp_path / "etc/passwd").read_text()
    assert "www:x:0:" in (tmp_path / "etc/group").read_text()
    assert "mail.example.com" in (tmp_path / "etc/hosts").read_text()


def test_what_keepalived_would_make_while_it_tests_is_made_inside(tmp_path: Path) -> None:
    build(tmp_path, "global_defs {\n    config_save_dir /var/lib/saved\n}\n", Surroundings(), "m")
    assert (tmp_path / "var/lib/saved").is_dir()
    assert not (tmp_path / "var/lib").is_symlink()
