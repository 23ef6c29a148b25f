import os
import time
from glob import glob
from pathlib import Path

import pytest

from lvsctl.keepalived.include import braces, from_disk
from lvsctl.keepalived.parse import Options, parse
from lvsctl.keepalived.parse_source import MAX_TEXT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.conf", "a.conf", ".hidden.conf", "c.txt"):
        (tmp_path / name).write_text(f"{name}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.conf", ["a.conf", "b.conf"]),
        ("{b,a}.conf", ["b.conf", "a.conf"]),
        ("[ab].conf", ["a.conf", "b.conf"]),
        ("c.txt", ["c.txt"]),
        ("nope", []),
        ("*.nope", []),
        ("{a,nope}.conf", ["a.conf"]),
        ("", []),
        ("a\0b", []),
    ],
)
def test_a_pattern_means_what_glob_means(pattern: str, names: list[str], folder: Path) -> None:
    found = from_disk(pattern, str(folder))
    assert [Path(file.name).name for file in found if not file.problem] == names
    assert [file.text for file in found if not file.problem] == [f"{name}\n" for name in names]


def test_a_folder_with_odd_letters_is_no_pattern(tmp_path: Path) -> None:
    odd = tmp_path / "[x]"
    odd.mkdir()
    (odd / "a.conf").write_text("a")
    assert [file.text for file in from_disk("*.conf", str(odd))] == ["a"]


def test_what_keepalived_passes_over_has_a_problem(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "x").write_text("x")
    (tmp_path / "x").chmod(0o755)
    os.mkfifo(tmp_path / "f")
    (tmp_path / "l").symlink_to("nowhere")
    problems = {Path(file.name).name: file.problem for file in from_disk("*", str(tmp_path))}
    assert problems == {
        "d": "a directory: keepalived passes over it",
        "x": "not a regular file, or executable: keepalived passes over it",
        "f": "not a regular file, or executable: keepalived passes over it",
        "l": "No such file or directory",
    }


def test_bytes_that_are_no_utf8_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\r\n")
    assert [file.text for file in from_disk("a", str(tmp_path))] == ["\udcff\r\n"]


def test_a_pattern_with_folders_means_what_glob_means(tmp_path: Path) -> None:
    for name in ("x/1/a.conf", "x/2/a.conf", "x/.3/a.conf", "y/1/a.conf"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    for pattern in ("*/*/a.conf", "x/*/*", "./x/[12]/a.conf", "x/.*/a.conf", "*/1/a.conf", "x//*/a.conf"):
        assert {file.text for file in from_disk(pattern, str(tmp_path)) if not file.problem} == {
            (tmp_path / name).read_text()
            for name in glob(pattern, root_dir=tmp_path)  # noqa: PTH207 - glob's rules count
        }
    assert [file.text for file in from_disk(f"{tmp_path}/y/*/a.conf", "/")] == ["y/1/a.conf"]


def test_a_pattern_for_the_whole_machine_comes_to_an_end() -> None:
    begun = time.monotonic()
    from_disk("/*/*/*/*/*/*/*/no-such-file", "/")
    assert time.monotonic() - begun < 10


def test_nothing_waits_for_a_file_of_the_kernel() -> None:
    (kmsg,) = from_disk("/proc/kmsg", "/")
    assert kmsg.problem or len(kmsg.text) <= MAX_TEXT


def test_no_more_is_read_than_fits(tmp_path: Path) -> None:
    for name in "abc":
        with (tmp_path / name).open("wb") as file:
            file.truncate(10 * 2**20)
    assert [bool(file.problem) for file in from_disk("*", str(tmp_path))] == [False, True, True]


@pytest.mark.parametrize(
    ("pattern", "patterns"),
    [
        ("a{b,c{d,e}}f", ["abf", "acdf", "acef"]),
        ("{}", ["{}"]),
        ("{a", ["{a"]),
        ("a}", ["a}"]),
        ("{a}", ["a"]),
        ("{a,b}{c", ["a{c", "b{c"]),
        ("a,b", ["a,b"]),
    ],
)
def test_braces_are_written_out(pattern: str, patterns: list[str]) -> None:
    assert list(braces(pattern)) == patterns


def test_braces_are_bounded() -> None:
    assert len(list(braces("{a,b}" * 30))) == 1000
    assert len(list(braces("{" * 100_000))) == 1


def test_relative_includes_are_relative_to_the_file_they_stand_in(tmp_path: Path) -> None:
    inner = tmp_path / "d" / "e"
    inner.mkdir(parents=True)
    (tmp_path / "d" / "a.conf").write_text("include e/b.conf\n")
    (inner / "b.conf").write_text("net_namespace x\n")
    options = Options(reader=from_disk, home=str(tmp_path))
    parsed = parse("include d/a.conf\n", file="keepalived.conf", options=options)
    assert [statement.words for statement in parsed.config] == [("net_namespace", "x")]
