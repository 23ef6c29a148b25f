"""Be told when something comes into a folder (inotify(7)), without a library: the kernel's three calls."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

IN_MOVED_TO: Final = 0x80
IN_CREATE: Final = 0x100
IN_ONLYDIR: Final = 0x1000000
IN_DONT_FOLLOW: Final = 0x2000000

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Watches one folder, which may come and go. Whoever cannot be told looks once in a while anyway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._identity: tuple[int, int] | None = None

    def fileno(self) -> int:
        """Answer the descriptor to wait for; -1 when the kernel gives none."""
        return int(self._file)

    def renew(self) -> bool:
        """Watch the folder that is there now; answer whether it is another one than before."""
        try:
            status = self.folder.stat(follow_symlinks=False)
        except OSError:
            return False
        identity = status.st_dev, status.st_ino
        if self._file < 0 or identity == self._identity:
            return False
        wanted = IN_MOVED_TO | IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW
        if _libc.inotify_add_watch(self._file, os.fsencode(self.folder), wanted) < 0:
            return False
        self._identity = identity
        return True

    def clear(self) -> None:
        """Forget what was told so far."""
        with suppress(BlockingIOError):
            while os.read(self._file, 65536):
                pass

    def close(self) -> None:
        """Let go of it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
