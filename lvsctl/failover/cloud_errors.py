"""What the Cloud API's errors mean, by their code. Pure."""

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from lvsctl.failover.asking import Heard, shortly
from lvsctl.failover.provider import (
    AlreadyThere,
    Auth,
    Fault,
    Locked,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    Unknown,
)

BAN = 600.0
"""Seconds to keep quiet after a refusal that is none of the API's."""

TOKENS_WANTED = 10
"""A read, a change and the looks at its action: to wait for one token only would be refused at the next request."""

LONGEST_WAIT = 60.0

CODES: Mapping[str, Callable[[str], Fault]] = {
    "unauthorized": Auth,
    "token_readonly": Refused,
    "forbidden": Refused,
    "protected": Refused,
    "resource_locked": Refused,
    "invalid_input": Refused,
    "json_error": Refused,
    "uniqueness_error": Refused,
    "unsupported_error": Refused,
    "resource_unavailable": Refused,
    "resource_limit_exceeded": Refused,
    "deprecated_api_endpoint": Refused,
    "not_found": NotFound,
    "locked": Locked,
    "conflict": Locked,
    "maintenance": Unavailable,
    "unavailable": Unavailable,
    "robot_unavailable": Unavailable,
    "server_error": Unavailable,
    "service_error": Unavailable,
    "bad_gateway": Unavailable,
    "timeout": Unavailable,
}


def fault_in(heard: Heard) -> Fault | AlreadyThere | None:
    """Answer what went wrong according to *heard*, or None when its value is a dict that may be an answer."""
    error = heard.value.get("error") if isinstance(heard.value, dict) else None
    if isinstance(error, dict) and isinstance(error.get("code"), str | int):
        return _by_code(str(error["code"]), error, heard)
    if error is None and heard.status in {200, 201} and isinstance(heard.value, dict):
        return None
    return _by_status(heard)


def _by_code(code: str, error: Mapping[str, Any], heard: Heard) -> Fault | AlreadyThere:
    why = shortly(f"{code}: {error.get('message')}")
    if code == "rate_limit_exceeded":
        return RateLimited(wait(heard.headers), banned=False, why=why)
    if code == "floating_ip_assigned":
        return AlreadyThere()
    if meaning := CODES.get(code):
        return meaning(why)
    return Unknown(cut=False, why=f"{why} (status {heard.status})")


def _by_status(heard: Heard) -> Fault:
    match heard.status:
        case 401:
            return Auth("status 401")
        case 403:
            return RateLimited(BAN, banned=True, why="status 403 without a word of the API")
        case 429:
            return RateLimited(wait(heard.headers), banned=False, why="status 429")
        case _ if heard.status >= 500:  # noqa: PLR2004 - HTTP's own border
            return Unavailable(f"status {heard.status}")
        case _:
            return Unknown(cut=False, why=f"status {heard.status}, and the body is not what the API answers")


def wait(headers: Mapping[str, str]) -> float:
    """Answer the seconds until a few requests may pass, from the RateLimit headers and the server's own Date.

    The bucket is full again at ``RateLimit-Reset``; at that pace a part of it fills in a part of the time.
    """
    try:
        missing = int(headers["ratelimit-limit"]) - int(headers["ratelimit-remaining"])
        seconds = float(headers["ratelimit-reset"]) - parsedate_to_datetime(headers["date"]).timestamp()
        return max(1.0, min(LONGEST_WAIT, seconds / max(missing, 1) * TOKENS_WANTED))
    except (KeyError, ValueError, OverflowError):
        return LONGEST_WAIT
