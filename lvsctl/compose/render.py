"""Render a node's keepalived.conf: a pure function of what the spec says, so that CI and the node agree."""

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from lvsctl.compose.config import compose
from lvsctl.errors import Fault, Place, SpecInvalid, visible
from lvsctl.keepalived.config import Config
from lvsctl.keepalived.print import Unprintable, print_config, sources
from lvsctl.keepalived.secrets import masked
from lvsctl.spec.load import Declared
from lvsctl.spec.paths import dotted
from lvsctl.spec.spec import Spec

SECRET_MODE = 0o600
OPEN_MODE = 0o644


@dataclass(frozen=True)
class Rendered:
    """One node's keepalived.conf."""

    node: str
    text: str
    config: Config
    above: int
    """How many lines stand above the first statement."""
    mode: int
    """The permissions the file needs: 0600 when a secret is written out in it."""

    @cached_property
    def _sources(self) -> list[Hashable]:
        return [None] * self.above + sources(self.config)

    def path_at(self, line: int) -> tuple[str | int, ...]:
        """Answer the path in the resolved spec that *line* (from 1) of the text was written from; () for none."""
        source = self._sources[line - 1] if 0 < line <= len(self._sources) else None
        return source if isinstance(source, tuple) else ()


def render(declared: Declared, node: str) -> Rendered:
    """Render the keepalived.conf of *node*.

    Raises SpecInvalid for values that no keepalived.conf can carry, with their positions; Usage for an unknown node.
    """
    spec = declared.spec(node)
    try:
        config = compose(spec)
        body = print_config(config)
    except Unprintable as error:
        raise SpecInvalid([_fault(declared, node, each) for each in error.all]) from error
    header = _header(declared.document.file, node, body)
    text = "".join(f"# {line}\n" for line in header) + "\n" + body
    return Rendered(node, text, config, len(header) + 1, _mode(spec))


def _header(file: str, node: str, body: str) -> tuple[str, ...]:
    """Name where it comes from.

    The hash is of what is rendered, so a comment in the spec changes nothing here. It leaves secrets out: eight
    characters can be guessed from a hash that a CI log shows.
    """
    digest = hashlib.sha256(masked(body).encode()).hexdigest()[:16]
    return (
        f"Rendered by lvsctl from {visible(PurePath(file).name)}"
        + (f" for {node}" if node else "")
        + f" (content {digest}).",
        "Change the spec and render again: what is changed here is lost.",
    )


def _fault(declared: Declared, node: str, error: Unprintable) -> Fault:
    path = error.source if isinstance(error.source, tuple) else ()
    place = declared.place(node, path) if path else Place(declared.document.file)
    return Fault(place, dotted(path), str(error))


def _mode(spec: Spec) -> int:
    literal = any(
        instance.authentication is not None and instance.authentication.has_literal_secret
        for instance in spec.vrrp_instances.values()
    )
    return SECRET_MODE if literal else OPEN_MODE
