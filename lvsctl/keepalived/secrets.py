"""Secrets that a keepalived.conf may hold, and the same text without them. VRRP's passwords are the only ones."""

import re

# To the end of the line: where a password ends depends on quotes that somebody else may have written.
_PASSWORD = re.compile(r"(\bauth_pass[ \t]+)[^\n]+")

MASK = "********"


def masked(text: str) -> str:
    """Answer *text* with every VRRP password replaced by asterisks, for diffs, logs and hashes."""
    return _PASSWORD.sub(rf"\1{MASK}", text)
