"""lvsctl: the tool for operators of a keepalived/IPVS load-balancer pair.

Deliberately empty: hooks import from here and every import costs them milliseconds.
"""


def __getattr__(name: str) -> str:
    """Answer ``lvsctl.__version__`` lazily (PEP 562)."""
    if name == "__version__":
        from lvsctl._version import VERSION  # noqa: PLC0415 - lazily is the point

        return VERSION
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
