"""The whole verdict about a spec: the rules across fields and nodes, then the real keepalived on each node's file.

The schema has spoken before (:func:`lvsctl.spec.load.load`). What nobody could check is said, never taken as passed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from lvsctl.compose.render import Rendered, render
from lvsctl.compose.rules import Checked, Pair, Severity, check
from lvsctl.compose.rules.host import HostFacts
from lvsctl.errors import Place
from lvsctl.keepalived.grammar import version
from lvsctl.keepalived.judge import Crashed, Invalid, Unverified, Verdict, judge
from lvsctl.keepalived.messages import Message
from lvsctl.keepalived.surroundings import surroundings
from lvsctl.spec.load import NO_NODE, Declared

Path = tuple[str | int, ...]
Judge = Callable[[Rendered, Declared], Verdict]


class Answer(Enum):
    """What can be said of a spec as a whole."""

    VALID = "valid"
    INVALID = "invalid"
    NOT_VERIFIED = "not verified"


@dataclass(frozen=True)
class Validation:
    """Everything that was found out about a spec."""

    declared: Declared
    checked: Checked
    rendered: Mapping[str, Rendered]
    verdicts: Mapping[str, Verdict]
    """keepalived's verdict per node; empty when it was not to be asked."""

    def answer(self, *, strict: bool = False) -> Answer:
        """Answer in one word; *strict* counts warnings as errors."""
        bad = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
        if any(finding.rule.severity in bad for finding in self.checked.findings):
            return Answer.INVALID
        if any(isinstance(verdict, (Invalid, Crashed)) for verdict in self.verdicts.values()):
            return Answer.INVALID
        if any(isinstance(verdict, Unverified) for verdict in self.verdicts.values()):
            return Answer.NOT_VERIFIED
        return Answer.VALID

    def messages(self) -> Iterator[tuple[str, Place, Path, Message]]:
        """Yield what keepalived complained about: node, place in the spec, path, message; each once per place."""
        seen: set[tuple[Place, str]] = set()
        for node, verdict in self.verdicts.items():
            for message in getattr(verdict, "messages", ()):
                path = path_of(message, self.rendered[node])
                place = self.declared.place(node, path)
                if (place, message.text) not in seen:
                    seen.add((place, message.text))
                    yield node, place, path, message


def validate(
    declared: Declared,
    *,
    ask: Judge | None = None,
    host: HostFacts | None = None,
    host_node: str = NO_NODE,
) -> Validation:
    """Apply the rules to *declared*, and let *ask* (see :func:`ask_keepalived`) judge each node's file.

    *host* describes the machine of *host_node*, for the rules that need one. Raises SpecInvalid for values that
    no keepalived.conf can carry.
    """
    checked = check(Pair(declared.specs), host, host_node=host_node)
    rendered = {node: render(declared, node) for node in declared.specs}
    verdicts = {node: ask(each, declared) for node, each in rendered.items()} if ask else {}
    return Validation(declared, checked, rendered, verdicts)


def ask_keepalived(rendered: Rendered, declared: Declared) -> Verdict:
    """Ask the installed keepalived about one node's file."""
    return judge(
        rendered.text,
        node=rendered.node or "lvsctl",
        surroundings=surroundings(rendered.config),
        target=version(declared.spec(rendered.node).target_version),
    )


def path_of(message: Message, rendered: Rendered) -> Path:
    """Answer what in the resolved spec a complaint of keepalived is about: by its line, else by the name it says."""
    if message.line is not None:
        return rendered.path_at(message.line)
    return _block_named(message.subject, rendered) if message.subject else ()


def _block_named(subject: str, rendered: Rendered) -> Path:
    for statement in rendered.config:
        if isinstance(statement.source, tuple) and subject in _names(statement.words):
            return statement.source
    return ()


def _names(words: tuple[str, ...]) -> Iterator[str]:
    """Yield what keepalived may call the block that *words* open."""
    match words:
        case ("virtual_server", "fwmark", mark):
            yield f"FWM {mark}"
        case ("virtual_server", "group", name):
            yield f"[{name}]:0"
        case ("virtual_server", address, *port):
            for protocol in ("tcp", "udp", "sctp", "TCP", "UDP", "SCTP"):
                yield f"[{address}]:{protocol}:{port[0] if port else 0}"
        case (_, name):
            yield name
