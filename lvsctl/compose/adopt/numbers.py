"""What keepalived reads out of a number that is none: it warns, and goes on with the digits it finds.

``quorum 2x`` is 2, ``weight heavy`` is 0, and ``delay_loop 6s`` is six microseconds. A configuration test refuses
them, a start does not. Source: the read_*_func() of keepalived 2.2.7's lib/parser.c, and which handlers let them
pass (their last argument).
"""

import re
from decimal import Decimal

LENIENT = frozenset(
    {
        *(
            "port",
            "fwmark",
            "connect_port",
            "bind_port",
            "connect_timeout",
            "delay_before_retry",
            "delay_loop",
        ),
        *("retry", "warmup", "weight", "misc_timeout", "hysteresis", "lthreshold", "uthreshold", "quorum"),
        *("quorum_max", "max_auto_priority", "min_auto_priority_delay", "smtp_connect_timeout"),
        *("startup_script_timeout", "shutdown_script_timeout", "vrrp_down_timer_adverts", "vrrp_version"),
        *("vrrp_garp_master_delay", "vrrp_garp_master_repeat", "vrrp_garp_master_refresh"),
        *("vrrp_garp_master_refresh_repeat", "vrrp_garp_lower_prio_delay", "vrrp_garp_lower_prio_repeat"),
        *("vrrp_garp_interval", "vrrp_gna_interval", "vrrp_startup_delay", "garp_interval", "gna_interval"),
        *("advert_int", "debug", "down_timer_adverts", "garp_master_delay", "garp_master_repeat"),
        *("garp_master_refresh", "garp_master_refresh_repeat", "garp_lower_prio_delay"),
        *("garp_lower_prio_repeat", "preempt_delay", "version", "fall", "rise", "interval", "timeout"),
    }
)
"""Keywords whose numbers keepalived reads that way."""

STRICT_IN = frozenset({("VirtualServer", "retry"), ("RealServer", "retry")})
"""The same keywords where it does not, with the class of their block."""

AT_LEAST_1 = frozenset(
    {
        *("garp_master_repeat", "garp_master_refresh_repeat", "interval", "timeout"),
        *("vrrp_garp_master_repeat", "vrrp_garp_master_refresh_repeat", "smtp_connect_timeout"),
    }
)
"""Keywords whose 0 keepalived makes a 1."""

SIGNED = frozenset({"weight", "max_auto_priority", "min_auto_priority_delay", "vrrp_version", "version"})

DIGITS = 6
"""Of a time, after the point: keepalived counts microseconds."""

_WHOLE = re.compile(r"\s*([+-]?)([0-9]*)", re.ASCII)


def whole(keyword: str, word: str) -> str | None:
    """Answer the whole number that keepalived reads in *word*; None when it refuses it."""
    sign, digits = _split(word)
    if sign == "-" and keyword not in SIGNED:
        return None
    number = int(f"{sign}{digits}") if digits else 0
    return "1" if number == 0 and keyword in AT_LEAST_1 else str(number)


def time(word: str) -> str | None:
    """Answer the seconds that keepalived reads in *word*; None when it refuses it.

    It appends zeros until the number counts microseconds, and only then looks where the digits end.
    """
    if word.startswith("-"):
        return None
    before, _, after = word.partition(".")
    rounded = after[DIGITS : DIGITS + 1] >= "5"
    shifted = before + after[:DIGITS].ljust(DIGITS, "0")
    _, digits = _split(shifted)
    value = Decimal(int(digits or "0") + rounded).scaleb(-DIGITS)
    return f"{value.normalize():f}"


def _split(word: str) -> tuple[str, str]:
    found = _WHOLE.match(word)
    return (found[1], found[2]) if found else ("", "")
