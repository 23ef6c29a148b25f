"""Options of unshare(1) for namespaces of a test's own, on a whole machine and in a chroot alike."""

from pathlib import Path


def _is_mount_point(path: str) -> bool:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(line.split()[4] == path for line in lines)


MOUNTS = ["--mount"] if _is_mount_point("/") else ["--mount", "--propagation", "unchanged"]
"""A mount namespace. unshare would make every mount private first, which a chroot whose / is no mount point refuses."""

PROCESSES = ["--pid", "--fork", "--kill-child"]
"""A process namespace that ends with its first process."""
