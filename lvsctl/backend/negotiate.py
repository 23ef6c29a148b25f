"""Which form of the answer a client gets, by its ``Accept`` (RFC 9110, 12.5.1). Pure, and free of imports.

Weights are not looked at: browsers name HTML, programs name JSON, and whoever names neither nor everything reads text.
The nginx site says the same in a map; tests/unit/backend/test_nginx.py holds the two together.
"""

KINDS = ("html", "json", "text")


def kind(accept: bytes) -> str:
    """Answer ``html``, ``json`` or ``text`` for the value of ``Accept``; empty when there is none."""
    wanted = accept.lower()
    if b"html" in wanted:
        return "html"
    if b"application/json" in wanted or b"+json" in wanted:
        return "json"
    return "html" if not wanted.strip() or b"*/*" in wanted else "text"
