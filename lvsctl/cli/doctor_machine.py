"""What ``lvsctl doctor`` examines, and against what: a spec, or the keepalived.conf that is at work without one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvsctl.errors import LvsctlError, visible

if TYPE_CHECKING:
    from lvsctl.doctor.model import Machine


def declared_machine(file: str, machine: "Machine", node: str) -> "Machine":
    """Answer *machine* with what the spec in *file* says of it. Raises what reading a spec raises, and Usage."""
    from dataclasses import replace

    from lvsctl.cli.render import chosen
    from lvsctl.doctor.model import Role
    from lvsctl.spec.load import read

    declared = read(file)
    if machine.role is Role.REALSERVER and not node:
        # A real server is no node of the pair: the services are the same on every one.
        return replace(machine, declared=declared, node=next(iter(declared.specs)))
    name = chosen(declared, node)
    declared.spec(name)
    return replace(machine, declared=declared, node=name)


def is_there(file: str) -> bool:
    """Answer whether there is a *file*; one that we may not look at is."""
    try:
        Path(file).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def adopted_machine(file: str, machine: "Machine") -> "Machine":
    """Answer the director *machine*, which has no spec in *file*, as the keepalived.conf at work describes it.

    Where that is not to be had, *machine* says why. Raises nothing.
    """
    from dataclasses import replace

    from lvsctl.doctor.adopted import machine_of
    from lvsctl.doctor.at_work import at_work
    from lvsctl.host.paths import root

    hint = "name a spec: lvsctl doctor SPEC"
    try:
        found = at_work(machine.host, root())
        if found.configs:
            return machine_of(machine.host, found.configs, found.pids, fresh=machine.fresh)
        why = f"there is no spec ({file}) and no keepalived.conf ({visible(found.expected)})"
        return replace(machine, undeclared=(why, hint))
    except LvsctlError as error:
        return replace(
            machine, undeclared=(f"there is no spec ({file}), and {error.message}", error.hint or hint)
        )
    except Exception as error:  # noqa: BLE001 - what needs no spec can be examined even so
        why = f"there is no spec ({file}), and this is a bug in lvsctl: {type(error).__name__}: {error}"
        return replace(machine, undeclared=(why, "please report it"))


def truth(machine: "Machine") -> dict[str, Any]:
    """Answer what *machine* is examined against, for ``--json``."""
    if machine.adoption is not None:
        files, pids = machine.adoption.files, machine.adoption.pids
        return {"kind": "keepalived.conf", "files": list(files), "processes": list(pids)}
    if machine.declared is not None:
        return {"kind": "spec", "files": [machine.declared.document.file], "processes": []}
    return {"kind": None, "files": [], "processes": []}


def story(file: str, machine: "Machine") -> str:
    """Answer what an operator has to know of the file that was taken for the truth; empty with a spec, or without either."""
    if machine.adoption is None:
        return ""
    files, pids = machine.adoption.files, machine.adoption.pids
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    processes = ", ".join(map(str, pids))
    who = f"what keepalived (process {processes}) reads" if pids else "the file of keepalived's next start"
    return f"there is no spec ({file}): examined against {visible(files[0])}{more}, {who}"
