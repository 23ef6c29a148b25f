"""What the text of a shell script tells of how it behaves: can it wait for ever, and what does a second run do. Pure.

Nothing is run, and no shell is imitated: the text is cut into simple commands, and a few programs are known. So a finding
is a line to look at, and a script without one is not thereby harmless: a program that is not known here may hang, a
variable may hold the option that is missed, and whether a second run changes anything only a second run would tell.
"""

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

MOST_TEXT: Final = 64 * 1024
MOST_LINE: Final = 4096
MOST_BODY: Final = 500
"""Lines of a loop that are looked at."""
MOST_LOOPS: Final = 100
SHELLS: Final = frozenset({"sh", "dash", "bash", "ash", "ksh", "zsh", "busybox"})


class Line(NamedTuple):
    """A line to look at."""

    number: int
    text: str
    what: str
    """What is the matter with it."""
    mend: str
    """What to write instead."""

    def __str__(self) -> str:
        return f"line {self.number}, {self.what}: {self.text[:100]}"


class _Command(NamedTuple):
    """A simple command."""

    number: int
    text: str
    """The whole line that it stands in."""
    words: tuple[str, ...]
    is_guarded: bool
    """What happens when it fails is said in its line, or it is a condition itself."""
    is_left_behind: bool
    """Nobody waits for it (``&``)."""

    @property
    def program(self) -> str:
        return self.words[0].rpartition("/")[2]

    def has(self, *options: str) -> bool:
        """Answer whether one of *options* is there: a long one, or a letter, alone or among others."""
        return any(_is(word, option) for word in self.words[1:] for option in options)

    @property
    def may_have_more(self) -> bool:
        """Whether a variable may hold options."""
        return any(
            re.match(r"\$\{?\w*(opt|arg|flag|timeout|param|curl|ssh|wget)", word, re.IGNORECASE)
            for word in self.words[1:]
        )


def _is(word: str, option: str) -> bool:
    if option.startswith("--"):
        return word == option or word.startswith(f"{option}=")
    cluster = re.match(r"-(?!-)([A-Za-z0-9#]+)", word)
    return cluster is not None and option[1] in cluster[1]


def is_shell(text: str) -> bool:
    """Answer whether *text* is a script of a shell; one without a first line is, for whoever sources it."""
    first = text.partition("\n")[0]
    if not first.startswith("#!"):
        return True
    words = [word.rpartition("/")[2] for word in first[2:].split()]
    return any(word in SHELLS for word in words[:3])


# --- cutting


_HEREDOC: Final = re.compile(r"<<-?\s*([\"']?)(\w+)\1")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers: continued ones as one, without comments and here-documents."""
    begun, so_far, until = 0, "", ""
    for number, raw in enumerate(text[:MOST_TEXT].splitlines(), 1):
        if until:
            until = "" if raw.strip() == until else until
            continue
        so_far += raw
        begun = begun or number
        if so_far.endswith("\\"):
            so_far = so_far[:-1] + " "
            continue
        line = _without_comment(so_far)
        if (
            (found := _HEREDOC.search(line))
            and _unquoted(line)[found.start() :].startswith("<<")
            and "<<<" not in line
        ):
            until = found[2]
        if line.strip():
            yield begun, line.strip()[:MOST_LINE]
        begun, so_far = 0, ""


def _without_comment(line: str) -> str:
    quote = ""
    for index, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "#" and (index == 0 or line[index - 1] in " \t;"):
            return line[:index]
    return line


_CUT: Final = re.compile(r"\|\||&&|;;|[;|&(){}]|\bthen\b|\bdo\b|\belse\b")
_BEFORE: Final = frozenset(
    {
        "sudo",
        "exec",
        "nohup",
        "env",
        "nice",
        "ionice",
        "setsid",
        "command",
        "time",
        "!",
        "if",
        "while",
        "until",
        "elif",
        "-n",
    }
)


def _commands(text: str) -> Iterator[_Command]:
    for number, line in _lines(text):
        yield from _cut(number, line, line)
        open_ = re.sub(r"'[^']*'", "", line)
        for found in _INNER.finditer(open_):
            yield from _cut(number, line, (found[1] or found[2] or "").strip())


_INNER: Final = re.compile(r"`([^`]*)`|\$\((?!\()([^()]*)\)")
"""A command whose output is wanted."""


def _cut(number: int, line: str, part: str) -> Iterator[_Command]:
    plain = _unquoted(part)
    cuts = list(_CUT.finditer(plain))
    starts = [0, *(found.end() for found in cuts)]
    ends = [*(found.start() for found in cuts), len(part)]
    for start, end in zip(starts, ends, strict=True):
        condition = bool(re.match(r"\s*(if|elif|while|until|!)(\s|$)", part[start:end]))
        words = _words(part[start:end])
        while words and (words[0] in _BEFORE or re.match(r"\w+\+?=", words[0])):
            words = words[1:]
        if words:
            after = plain[end : end + 2]
            guarded = condition or "||" in plain[end:] or after == "&&"
            yield _Command(number, line, words, guarded, after.startswith("&") and after != "&&")


def _unquoted(line: str) -> str:
    """Answer *line* with what is quoted made of dots, at the same places; a redirection to a file descriptor, too."""
    blank = _INNER.sub(lambda found: "." * len(found[0]), line)
    blank = re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", lambda found: "." * len(found[0]), blank)
    blank = re.sub(r"\$\{[^}]*\}|\$\(\([^)]*\)\)", lambda found: "." * len(found[0]), blank)
    return re.sub(r"[0-9]*>&[0-9-]|&>>?", lambda found: "." * len(found[0]), blank)


def _words(part: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(part))
    except ValueError:
        return tuple(part.split())


# --- waiting


def waits(text: str) -> Iterator[Line]:
    """Yield what may never come to an end, as far as it is known of the program."""
    if not is_shell(text):
        return
    for each in _commands(text):
        if not each.is_left_behind and not each.may_have_more and (said := _why_waits(each)):
            yield Line(each.number, each.text, *said)
    yield from _loops(text)


def _why_waits(each: _Command) -> tuple[str, str] | None:
    match each.program:
        case "curl" if len(each.words) > 1 and not each.has(
            "-m", "--max-time", "-K", "--config", "-V", "--version", "-h", "--help"
        ):
            return "curl without a limit of time", "curl --max-time 10"
        case "wget" if len(each.words) > 1 and not each.has(
            "-T", "--timeout", "--read-timeout", "-V", "--version"
        ):
            return "wget without a limit of time", "wget --timeout=10 --tries=1"
        case "ssh" | "scp" | "sftp" if len(each.words) > 1 and not each.has("-V", "-F", "-O", "-Q"):
            missing = [
                option
                for option in ("ConnectTimeout", "BatchMode")
                if not any(option.lower() in word.lower() for word in each.words)
            ]
            given = {"ConnectTimeout": "5", "BatchMode": "yes"}
            if missing:
                return f"{each.program} without {' and '.join(missing)}", " ".join(
                    [each.program, *(f"-o {option}={given[option]}" for option in missing)]
                )
        case "nc" | "ncat" | "netcat" if len(each.words) > 1 and not each.has(
            "-w", "-z", "-h", "--wait", "--help"
        ):
            return f"{each.program} without a limit of time", f"{each.program} -w 5"
        case "ping" | "ping6" if len(each.words) > 1 and not each.has("-c", "-w"):
            return f"{each.program} without a count", f"{each.program} -c 3 -W 1"
        case _:
            pass
    return None


_FOR_EVER: Final = frozenset({"true", ":", "[ 1 ]", "[[ 1 ]]", "((1))", "(( 1 ))", "[ true ]", "/bin/true"})
_COUNTS: Final = re.compile(
    r"\b(break|exit|return)\b|-(lt|le|gt|ge|eq|ne)\b|\+\+|--|\blet\b|\bexpr\b|\$\(\(|\(\(|\bshift\b|\bSECONDS\b|\bread\b"
)


def _loops(text: str) -> Iterator[Line]:
    """Yield loops that sleep and neither count nor leave."""
    lines = list(_lines(text))
    begun = (
        (index, number, line, found)
        for index, (number, line) in enumerate(lines)
        if (found := re.match(r"(while|until)\b(.*)", line))
    )
    for index, number, line, found in islice(begun, MOST_LOOPS):
        body = _body(lines[index : index + MOST_BODY])
        if not re.search(r"\bsleep\b", body) or _COUNTS.search(body):
            continue
        condition = re.split(r";|\bdo\b", found[2])[0].strip()
        known = found[1] == "while" and condition in _FOR_EVER
        yield Line(
            number,
            line,
            "a loop without an end" if known else "a loop that gives up never",
            "count, and leave the loop after some rounds",
        )


def _body(lines: list[tuple[int, str]]) -> str:
    depth, found = 0, []
    for _, line in lines:
        found.append(line)
        plain = _unquoted(line)
        depth += len(re.findall(r"\bdo\b", plain)) - len(re.findall(r"\bdone\b", plain))
        if depth <= 0 and re.search(r"\bdone\b", plain):
            break
    return "\n".join(found)


# --- twice


_ADDS: Final = re.compile(r"(add|append|a)")
_KINDS: Final = {
    "route": "route",
    "r": "route",
    "ro": "route",
    "rule": "rule",
    "ru": "rule",
    "address": "addr",
    "addr": "addr",
    "a": "addr",
}
_LOOKS: Final = re.compile(
    r"\b(ip6?tables)\b[^|;&]*\s-(C|D|F|S|L)\b|\b(ip6?tables)-save\b|\bip\b[^|;&]*?\b(route|rule|addr|address|ro|ru|a|r)\s+(show|list|ls|del|delete|flush|get|save)\b"
)


def piles_up(text: str) -> Iterator[Line]:
    """Yield commands that do something else when they are run a second time, and that nothing guards."""
    if not is_shell(text):
        return
    looked: set[str] = set()
    for each in _commands(text):
        looked |= _looked_at(each.text)
        if each.is_guarded or (said := _why_twice(each)) is None:
            continue
        kind, what, mend = said
        if kind not in looked:
            yield Line(each.number, each.text, what, mend)


def _looked_at(line: str) -> set[str]:
    found = set()
    for each in _LOOKS.finditer(line):
        found.add(_KINDS[each[4]] if each[4] else "tables")
    return found


def _why_twice(each: _Command) -> tuple[str, str, str] | None:
    if each.program in {"iptables", "ip6tables"} and each.has("-A", "-I", "--append", "--insert"):
        return "tables", "a second run adds it once more", f"{each.program} -C … || {each.program} -A …"
    if each.program != "ip":
        return None
    words = [word for word in each.words[1:] if not word.startswith("-")]
    kind = _KINDS.get(words[0], "") if words else ""
    if len(words) < 3 or not _ADDS.fullmatch(words[1]):  # noqa: PLR2004 - object, command, what
        return None
    if kind == "rule":
        return (
            kind,
            "a second run adds it once more",
            "ip rule del …; ip rule add … (with a priority of its own)",
        )
    if kind in {"route", "addr"}:
        return kind, "a second run fails (File exists)", f"ip {kind} replace …"
    return None
