"""What the guest sees of this machine."""

from pathlib import Path

from tests.support.lab import COVERED, command_script, fstab


def targets(text: str) -> list[str]:
    return [line.split()[1] for line in text.splitlines()]


def test_every_covered_folder_is_memory() -> None:
    mounts = [line.split() for line in fstab(Path("/tmp/x"), []).splitlines()]
    assert {target for _, target, kind, *_ in mounts if kind == "tmpfs"} >= set(COVERED)


def test_a_checkout_below_a_covered_folder_stays_visible() -> None:
    order = targets(fstab(Path("/tmp/x"), [Path("/tmp/src/project"), Path("/usr")]))
    saved, covered, back = order.index("/lab-kept/0"), order.index("/tmp"), order.index("/tmp/src/project")
    assert saved < covered < back
    assert "/usr" not in order


def test_only_the_exchange_folder_is_shared_for_writing() -> None:
    assert [line for line in fstab(Path("/tmp/x"), []).splitlines() if "hostfs" in line] == [
        "none /run/lab hostfs /tmp/x,X-mount.mkdir"
    ]


def test_the_command_is_quoted_for_the_shell() -> None:
    script = command_script(["echo", "a b"], {"CI": "it's"})
    assert "exec echo 'a b'\n" in script
    assert """export CI='it'"'"'s'\n""" in script
