"""A host that a test describes in a few words, for rules that ask about one."""

from pathlib import PurePosixPath
from typing import Any

from lvsctl.host.facts import PathComponent


class MadeUpHost:
    """HostFacts from ``{interfaces: […], users: […], files: {path: 'kind uid gid mode' or 'link TARGET'}}``."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._files: dict[str, str] = told.get("files", {})

    def interfaces(self) -> frozenset[str]:
        return frozenset(self._told.get("interfaces", ()))

    def user_exists(self, name: str) -> bool:
        return name in self._told.get("users", ())

    def group_exists(self, name: str) -> bool:
        return name in self._told.get("groups", ())

    def real_path(self, path: str) -> str:
        for part in reversed(PurePosixPath(path).parents):
            kind, _, target = self._files.get(str(part), "").partition(" ")
            if kind == "link":
                return self.real_path(path.replace(str(part), target, 1))
        return path

    def components(self, path: str) -> tuple[PathComponent, ...]:
        whole = PurePosixPath(path)
        found = [self._component(str(part)) for part in (*reversed(whole.parents), whole)]
        missing = next((index for index, part in enumerate(found) if part.kind == "missing"), len(found))
        return tuple(found[: missing + 1])

    def _component(self, path: str) -> PathComponent:
        kind, *numbers = self._files.get(path, "missing").split()
        if kind == "link":
            return PathComponent(path, "symlink")
        if kind == "missing":
            above = any(other.startswith(path.rstrip("/") + "/") for other in self._files)
            return PathComponent(path, "directory" if above or path == "/" else "missing", mode=0o755)
        uid, gid, mode = numbers
        return PathComponent(path, kind, int(uid), int(gid), int(mode, 8))
