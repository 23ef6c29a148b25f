"""``lvsctl uplink …``: which gateway is used. Options → one library call → output."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options
from lvsctl.cli.ipvs_daemon import Netns
from lvsctl.cli.output import print_json, say
from lvsctl.errors import Usage, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lvsctl.uplink.intent import Host
    from lvsctl.uplink.model import Settings
    from lvsctl.uplink.saved import Files
    from lvsctl.vocabulary import Family

NO, UNKNOWN = 2, 1

PATIENCE = 3.0
"""Seconds to wait until whoever keeps the uplinks has heard of an operator's word."""

app = typer.Typer(help="Watch the uplinks, and use the best one that is good.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="An uplink of the spec.")]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="Until this long from now: 90s, 30m, 2h, 1h30m, 1d."),
]
Uninstall = Annotated[bool, typer.Option("--uninstall", help="The same as `lvsctl uplink uninstall`.")]


@app.command()
def run(
    spec: options.Spec = options.DEFAULT_SPEC,
    node: options.Node = "",
    uninstall: Uninstall = False,
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Watch the uplinks and switch between them, until SIGTERM. Routes and rules stay then, and a restart switches nothing.

    SIGHUP reads SPEC anew: that switches nothing either, and one that makes no sense leaves everything as it was. With --dry-run print the `ip` commands that it would begin with. Exit: 0 ended as asked; 65 SPEC makes no sense;
    69 something it needs is not there; 75 another one runs; 77 not root.
    """
    options.tell_more(verbose)
    if uninstall:
        taken_back(netns, dry_run=dry_run, json=json, quiet=quiet)
        return
    settings = _settings(spec, node)
    if dry_run:
        _print_commands(_wanted(settings, netns), json=json, quiet=quiet)
        return
    from lvsctl.cli.uplink_run import run_until_told

    run_until_told(settings, lambda: _settings_again(spec, node), netns, quiet=quiet, verbose=verbose)


@app.command()
def status(
    netns: Netns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say how the uplinks are, and which is in use. It reads a file, and needs neither root nor a spec.

    Exit: 0 each family uses a good uplink; 2 one does not; 1 nobody keeps the uplinks, so nothing is known.
    """
    from lvsctl.cli.uplink_tell import lines

    found = _files(netns).told(time.time())
    if found is None:
        if json:
            print_json(None)
        say("nobody keeps the uplinks: lvsctl uplink run, or systemctl start lvsctl-uplink", quiet=quiet)
        raise typer.Exit(UNKNOWN)
    if json:
        print_json(found)
    elif not quiet:
        for line in lines(found, time.time()):
            print(line)
    raise typer.Exit(0 if all_well(found) else NO)


@app.command()
def use(
    name: Name,
    spec: options.Spec = options.DEFAULT_SPEC,
    period: For = None,
    node: options.Node = "",
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Use the uplink NAME whatever its health, until `lvsctl uplink auto` or for as long as --for says.

    Exit: 0 in use, or it will be when somebody keeps the uplinks; 2 in use, and down; 64 no such uplink.
    """
    from lvsctl.uplink.saved import Wish

    settings = _settings(spec, node)
    names = dict.fromkeys(each.name for each in settings.uplinks)
    if name not in names:
        raise Usage(f"there is no uplink {visible(repr(name))}", hint=f"the uplinks are: {', '.join(names)}")
    if dry_run:
        active = {each.family: name for each in settings.uplinks if each.name == name}
        _print_commands(_wanted(settings, netns, active), json=json, quiet=quiet)
        return
    until = None if period is None else time.time() + _seconds(period)
    files = _files(netns)
    files.want(Wish(name, until))
    raise typer.Exit(_heard(files, name, json=json, quiet=quiet))


@app.command()
def auto(
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Take back what `use` said: the best good uplink is used again, after its hold. Exit: 0 done, or so already."""
    files = _files(netns)
    wish = files.wished()
    if not dry_run:
        files.want(None)
    if json:
        print_json({"was": wish.name if wish else None})
    else:
        say(f"no longer forced: {wish.name}" if wish else "nothing was forced", quiet=quiet)


@app.command()
def check(
    spec: options.Spec = options.DEFAULT_SPEC,
    node: options.Node = "",
    netns: Netns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Compare tables, rules and default routes with what the uplinks need, and ask the kernel which way packets go.

    Needs no root. Exit: 0 all is as it should be; 2 something differs; 69 the kernel could not be asked.
    """
    options.tell_more(verbose)
    settings = _settings(spec, node)
    commands, obstacles = _wanted(settings, netns), _obstacles(settings, netns)
    kept = _files(netns).told(time.time()) is not None
    if json:
        print_json({"commands": commands, "obstacles": obstacles, "kept": kept})
    else:
        for each in commands:
            say(f"missing or left over; this would put it right: {visible(each)}", quiet=quiet)
        for each in obstacles:
            say(visible(each), quiet=quiet)
        if not kept:
            say("nobody keeps the uplinks: lvsctl uplink run", quiet=quiet)
        elif not commands and not obstacles:
            say("tables, rules and default routes are as they should be", quiet=quiet)
    raise typer.Exit(NO if commands or obstacles else 0)


@app.command()
def uninstall(
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Take back every table, rule and default route of the uplinks, and nothing else; forget what was remembered.

    Needs no spec. Exit: 0 done, or nothing was there; 75 somebody keeps the uplinks: stop that first; 77 not root.
    """
    taken_back(netns, dry_run=dry_run, json=json, quiet=quiet)


def taken_back(netns: str | None, *, dry_run: bool, json: bool, quiet: bool) -> None:
    """Take everything back, or print the commands that would."""
    from lvsctl.net.kernel import Net
    from lvsctl.uplink.routes import apply, unplanned

    files = _files(netns)
    with Net(netns) as net:
        if dry_run:
            _print_commands(list(unplanned(net).commands()), json=json, quiet=quiet)
            return
        with files.locked():
            steps = unplanned(net)
            apply(net, steps)
            files.forget()
    _print_commands(list(steps.commands()), json=json, quiet=quiet)


# --- what the commands share


def _settings(spec: str, node: str) -> "Settings":
    """Read what the spec says about uplinks. Raises SpecInvalid, and Usage when it says nothing."""
    from lvsctl.cli.render import chosen
    from lvsctl.spec.load import read
    from lvsctl.uplink.declared import settings

    declared = read(spec)
    uplinks = declared.spec(chosen(declared, node)).uplinks
    if uplinks is None or not uplinks.providers:
        raise Usage(f"{spec} has no uplinks", hint="docs/how-to/two-isps.md shows how to write them")
    return settings(uplinks)


def _settings_again(spec: str, node: str) -> "Settings":
    if spec == "-":
        raise Usage("standard input cannot be read a second time")
    return _settings(spec, node)


def _files(netns: str | None) -> "Files":
    from lvsctl.uplink.saved import Files

    return Files(netns)


def _active(settings: "Settings", netns: str | None, host: "Host") -> "dict[Family, str]":
    """Answer the uplinks in use: as somebody tells who keeps them, as the kernel has it, as remembered; else the first.

    What is remembered is root's alone to read, and a default route of lvsctl's tells the same to everybody.
    """
    from lvsctl.uplink.intent import in_use

    files = _files(netns)
    told = (files.told(time.time()) or {"families": {}})["families"]
    led = in_use(settings.uplinks, host)
    remembered = files.remember(time.time(), time.monotonic()).choices
    found = {}
    for family in settings.families:
        names = [each.name for each in settings.of(family)]
        told_of = told.get(family.value, {}).get("in_use")
        remembered_of = remembered[family].active if family in remembered else ""
        known = [each for each in (told_of, led.get(family), remembered_of) if each in names]
        found[family] = [*known, names[0]][0]
    return found


def _wanted(
    settings: "Settings", netns: str | None, active: "Mapping[Family, str] | None" = None
) -> list[str]:
    """Answer the `ip` commands that would make what is missing."""
    from lvsctl.net.kernel import Net
    from lvsctl.uplink.routes import look, planned

    with Net(netns) as net:
        in_use = _active(settings, netns, look(net)) | dict(active or {})
        return list(planned(net, settings.uplinks, in_use, settings.metric).commands())


def _obstacles(settings: "Settings", netns: str | None) -> list[str]:
    from lvsctl.net.kernel import Net
    from lvsctl.uplink.routes import checked, look

    with Net(netns) as net:
        in_use = _active(settings, netns, look(net))
        chosen = [each for each in settings.uplinks if in_use[each.family] == each.name]
        return [f"{each}: {why}" for each in chosen if (why := checked(net, each, settings.metric).why)]


def _print_commands(commands: "Sequence[str]", *, json: bool, quiet: bool) -> None:
    if json:
        print_json({"commands": list(commands)})
        return
    if not quiet:
        for each in commands:
            print(visible(each))
    if not commands:
        say("nothing to do", quiet=quiet)


def _seconds(period: str) -> int:
    from lvsctl.cli.sorry_options import seconds

    return seconds(period)


def _heard(files: "Files", name: str, *, json: bool, quiet: bool) -> int:
    """Wait until whoever keeps the uplinks uses *name*, and say how that one is."""
    deadline = time.monotonic() + PATIENCE
    found = files.told(time.time())
    while found is not None and not _uses(found, name) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = files.told(time.time())
    if json:
        print_json({"uplink": name, "kept": found is not None, "status": found})
    if found is None:
        say(f"nobody keeps the uplinks; {name} counts from the next start on", quiet=quiet)
        return 0
    if not _uses(found, name):
        say(f"{name} is not in use after {PATIENCE:g} s; see lvsctl uplink status", quiet=quiet)
        return UNKNOWN
    down = [each for each in found["families"].values() if each["forced_down"]]
    if down:
        say(f"{name} is in use, and it is DOWN: lvsctl uplink auto takes that back")
        return NO
    say(f"{name} is in use", quiet=quiet)
    return 0


def _uses(found: "Mapping[str, object]", name: str) -> bool:
    families = found["families"]
    assert isinstance(families, dict)  # noqa: S101 - it is our own file, read with care
    having = {each["family"] for each in found["uplinks"] if each["name"] == name}  # type: ignore[attr-defined]  # a list, in our own document
    return all(
        each["in_use"] == name and (each["forced"] or {}).get("uplink") == name
        for family, each in families.items()
        if family in having
    )


def all_well(found: "Mapping[str, object]") -> bool:
    """Answer whether each family uses a good uplink, by what whoever keeps them has told."""
    used = [each for each in found["uplinks"] if each["in_use"]]  # type: ignore[attr-defined]  # a list, in our own document
    families = found["families"]
    assert isinstance(families, dict)  # noqa: S101 - see above
    return (
        len(used) == len(families)
        and all(each["verdict"] in ("up", "unknown") for each in used)
        and not any(each["obstacle"] for each in families.values())
    )
