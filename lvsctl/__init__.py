"""lvsctl: the tool for operators of a keepalived/IPVS load-balancer pair.

As a library: :func:`load` a spec, :func:`validate` and :func:`render` it, :func:`adopt` existing files
(docs/reference/library.md); the kernel's table is :mod:`lvsctl.ipvs`. Nothing is imported until it is asked for:
hooks import from here, and every import costs them milliseconds.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lvsctl._version import VERSION as __version__  # noqa: N811 - Python's own name for it
    from lvsctl.compose.adopt import adopt
    from lvsctl.compose.render import render
    from lvsctl.compose.validate import ask_keepalived, validate
    from lvsctl.keepalived.parse import parse
    from lvsctl.spec.load import read as load

__all__ = ["__version__", "adopt", "ask_keepalived", "load", "parse", "render", "validate"]

_HOMES = {
    "__version__": ("lvsctl._version", "VERSION"),
    "adopt": ("lvsctl.compose.adopt", "adopt"),
    "ask_keepalived": ("lvsctl.compose.validate", "ask_keepalived"),
    "load": ("lvsctl.spec.load", "read"),
    "parse": ("lvsctl.keepalived.parse", "parse"),
    "render": ("lvsctl.compose.render", "render"),
    "validate": ("lvsctl.compose.validate", "validate"),
}


def __getattr__(name: str) -> object:
    """Import what was asked for, when it is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only when something is asked for

    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
