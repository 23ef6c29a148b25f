"""The reader of included files that touches the disk; nothing else here does."""

from collections.abc import Sequence

from lvsctl.keepalived.parse import Found


def from_disk(pattern: str, folder: str) -> Sequence[Found]:
    """Answer the files that *pattern* means when keepalived stands in *folder*: glob(7) with braces."""
    raise NotImplementedError
