"""What ``keepalived -t`` says about a configuration, as values.

Pure: text in, messages out. It neither starts keepalived nor knows where a line of the file came from.
Read in lib/parser.c, vrrp/*.c and check/*.c of keepalived 2.2.7, and in what it printed.
"""

import re
from typing import NamedTuple

from lvsctl.keepalived.grammar import Version
from lvsctl.keepalived.held import bare_lines, values
from lvsctl.keepalived.quote import SAVE_DIR, SHELL_SAFE


class Message(NamedTuple):
    """One complaint of keepalived's parser."""

    line: int | None
    """Line, from 1; None where keepalived does not say."""
    subject: str | None
    """What it is about when keepalived names it: ``VI_1``, ``[10.0.0.1]:tcp:80``, ``FWM 7``, ``[group]:0``."""
    text: str
    """The complaint without the position."""
    file: str = ""
    """The included file in which the line is; empty: the judged text itself."""

    def __str__(self) -> str:
        where = ":".join(filter(None, (self.file, f"line {self.line}" if self.line else "")))
        return f"{where}: {self.text}" if where else self.text


def messages(stderr: str, judged: str = "") -> tuple[Message, ...]:
    """Parse what ``keepalived -t -f JUDGED`` wrote to standard error, in the order of appearance.

    Each complaint once: the parent reads the files, then each of up to three child parsers reads its copy
    and complains again.
    """
    lines = (line.rstrip() for line in stderr.splitlines())
    return tuple(dict.fromkeys(_message(line, judged) for line in lines if line))


_LINED = re.compile(r"\((?:(?P<file>.+): )?Line (?P<line>\d+)\) (?P<text>.*)")


def _message(line: str, judged: str) -> Message:
    found = _LINED.fullmatch(line)
    if not found:
        return Message(None, subject(line), line)
    file = found["file"] or ""
    return Message(int(found["line"]), subject(found["text"]), found["text"], "" if file == judged else file)


_SERVER = r"\[[^]]+\](?::\w+)?:\d+|FWM \d+"
_SUBJECTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\((.+?)\):? ",
        rf"(?:.*\bvirtual server|VS|.*\bquorum \d+ for) ({_SERVER})",
        r".*\bvrrp[_ ](?:instance|group|script|track_process) \[?([^]\s:]+)",
        r".*\b(?:sync group|track[ _](?:script|file|process|group)|script|BFD(?: instance)?) ([^\s:,]+)",
    )
)


def subject(text: str) -> str | None:
    """Answer the thing that a complaint is about, in keepalived's spelling of its name; None if unnamed."""
    for pattern in _SUBJECTS:
        if found := pattern.match(text):
            return found[1]
    return None


_CERTAIN = re.compile(
    r"Unknown keyword|Extra '\}'|There are \d+ missing|Un(?:matched|terminated) quote|missing a parameter"
    r"|invalid number|outside range|Truncating auth_pass|[Dd]uplicate|already (?:defined|specified)"
)


def certain(message: Message) -> bool:
    """Answer whether *message* stands whatever the machine: no interface, script or user could mend it.

    Only meant for a keepalived that was asked without stand-ins; what it leaves out may still be a fault.
    """
    return bool(_CERTAIN.search(message.text))


_KERNEL = re.compile(r"not supported by kernel|kernel does(?:n't| not) support|no kernel support")


def about_kernel(message: Message) -> bool:
    """Answer whether *message* is about what the kernel of this machine can do, which no stand-in changes."""
    return bool(_KERNEL.search(message.text))


NO_VIRTUAL_IPADDRESS: Version = (2, 2, 8)
"""The release that brought the keyword with which a configuration says that it wants no address."""


def false_alarm(message: Message, target: Version, text: str) -> bool:
    """Answer whether *message* about *text* complains of what the *target* release does without harm.

    There is one: an IPv4 instance of VRRP version 2 without addresses ("at least one is sensible"). It works,
    and before 2.2.8 nothing could be written to say that it is meant (keepalived issue #2121). Where an
    address is required (version 3, IPv6, strict) keepalived says "is required", and drops the instance. With
    ``reload_check_config`` there is none: keepalived ends at the first complaint, also when it starts.
    """
    return (
        target < NO_VIRTUAL_IPADDRESS
        and message.text.endswith("No VIP specified; at least one is sensible")
        and not values(bare_lines(text), "reload_check_config")
    )


_SAVES = re.compile(rf'\s*"?{SAVE_DIR}"?\s+"?{SHELL_SAFE.pattern}"?\s*(?:[#!].*)?')


def harmful(text: str) -> tuple[Message, ...]:
    """Find what must not even be tried: keepalived runs a shell command with the value of config_save_dir.

    It does so as root, and under ``-t`` too. Meant for texts that lvsctl printed: one with definitions of its own
    can hide the keyword from this.
    """
    return tuple(
        Message(
            number,
            None,
            f"keepalived would hand the value of {SAVE_DIR} to a shell, which reads more in it than a folder",
        )
        for number, line in enumerate(text.split("\n"), start=1)
        if SAVE_DIR in line and not line.lstrip().startswith(("#", "!")) and not _SAVES.fullmatch(line)
    )


LINE_LIMIT = 1024
"""Bytes at which a line is cut: MAXBUF in lib/parser.h, which has to hold a final NUL as well."""


_UNWRITABLE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def unsaid(text: str) -> tuple[Message, ...]:
    """Find what keepalived 2.2.7 gets wrong without a word: the complaints that it owes."""
    found = (
        [Message(1, None, "a byte order mark makes the first keyword unknown")]
        if text[:1] == "\ufeff"
        else []
    )
    for number, line in enumerate(text.split("\n"), start=1):
        if "\0" in line:
            found.append(Message(number, None, "keepalived would ignore the line from its NUL character on"))
        if _UNWRITABLE.search(line):
            found.append(
                Message(number, None, "a character of the line is half a surrogate pair: no file holds it")
            )
        if len(line.encode("utf-8", "surrogatepass")) >= LINE_LIMIT:
            found.append(
                Message(number, None, f"keepalived would cut the line in two at {LINE_LIMIT - 1} bytes")
            )
    if not any(line.strip() and line.lstrip()[0] not in "#!" for line in text.split("\n")):
        found.append(Message(None, None, "it says nothing: keepalived would run without a configuration"))
    return tuple(found)
