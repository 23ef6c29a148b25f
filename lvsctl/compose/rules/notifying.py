"""Rules about what lvsctl does on transitions (`notify:`), and about mail. LVS520 to LVS549."""

from collections.abc import Iterator

from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, Path, of_spec
from lvsctl.compose.rules.tracking import unknown
from lvsctl.spec.notify import Action
from lvsctl.spec.spec import Spec

EVENTS = ("master", "backup", "fault", "stop")


def _actions(spec: Spec) -> Iterator[tuple[Path, str | None, Action]]:
    """Yield every action with its path, and the service whose quorum it is about."""
    notify = spec.notify
    if notify is None:
        return
    for event in EVENTS:
        for index, action in enumerate(getattr(notify, event)):
            yield ("notify", event, index), None, action
    for name, actions in notify.quorum.items():
        for way in ("down", "up"):
            for index, action in enumerate(getattr(actions, way)):
                yield ("notify", "quorum", name, way, index), name, action


@of_spec(
    "LVS520",
    ERROR,
    "An action for an unknown service",
    reason="On the night it counts the action finds nothing to do.",
    remedy="Use a name from virtual_servers.",
)
def unknown_service(spec: Spec) -> Iterator[Broken]:
    """The keys of `notify.quorum`, and `services` of a sorry action."""
    for name in spec.notify.quorum if spec.notify else ():
        if name not in spec.virtual_servers:
            yield Broken(("notify", "quorum", name), unknown(name, spec.virtual_servers, "virtual_servers"))
    for path, _, action in _actions(spec):
        for index, name in enumerate(action.services):
            if name not in spec.virtual_servers:
                yield Broken(
                    (*path, "services", index), unknown(name, spec.virtual_servers, "virtual_servers")
                )


@of_spec(
    "LVS521",
    ERROR,
    "A sorry swap without a sorry server",
    reason="The service has nothing to swap to: the action fails when it is needed.",
    remedy="Write sorry_server: {} in the service.",
)
def nothing_to_swap(spec: Spec) -> Iterator[Broken]:
    """The services named in a sorry action, or the one whose quorum it is about."""
    for path, subject, action in _actions(spec):
        if action.sorry is None:
            continue
        for name in action.services or filter(None, (subject,)):
            service = spec.virtual_servers.get(name)
            if service is not None and service.sorry_server is None:
                yield Broken(path, f"{name} has no sorry_server to swap {action.sorry}")


@of_spec(
    "LVS522",
    WARNING,
    "A sorry swap that is about nothing",
    reason="The event is about a VRRP instance, not about a service, so without names nothing is swapped.",
    remedy="Name the services: {sorry: on, services: [web]}.",
)
def swap_of_nothing(spec: Spec) -> Iterator[Broken]:
    """`sorry` without `services` outside of `notify.quorum`."""
    for path, subject, action in _actions(spec):
        if action.sorry is not None and subject is None and not action.services:
            yield Broken(
                path,
                f"which services? write {{sorry: {action.sorry}, services: [{next(iter(spec.virtual_servers), 'web')}]}}",
            )


@of_spec(
    "LVS523",
    WARNING,
    "Quorum actions beside a quorum script",
    reason="A service has one quorum_up and one quorum_down; with yours, lvsctl's hook is left out and the actions never run.",
    remedy="Move your command into notify.quorum as {run: [program, argument]}.",
)
def own_quorum_script(spec: Spec) -> Iterator[Broken]:
    """Services in `notify.quorum` that state `quorum_up` or `quorum_down`."""
    for name in spec.notify.quorum if spec.notify else ():
        service = spec.virtual_servers.get(name)
        for field in ("quorum_up", "quorum_down"):
            if service is not None and getattr(service, field) is not None:
                yield Broken(
                    ("virtual_servers", name, field),
                    f"it takes the place of lvsctl's hook, so notify.quorum.{name} never runs",
                )


@of_spec(
    "LVS524",
    WARNING,
    "Actions for transitions that never come",
    reason="Without a VRRP instance nothing becomes master, backup or fault.",
    remedy="Declare the instance, or remove the actions.",
)
def no_transitions(spec: Spec) -> Iterator[Broken]:
    """`notify.master`, `backup`, `fault` or `stop` without `vrrp_instances`."""
    if spec.vrrp_instances or spec.notify is None:
        return
    for event in EVENTS:
        if event in spec.notify.model_fields_set and getattr(spec.notify, event):
            yield Broken(("notify", event), "there is no VRRP instance, so this never happens")


@of_spec(
    "LVS540",
    WARNING,
    "Mail to nobody",
    reason="`keepalived -t` says nothing. Without notification_email and smtp_server no mail is ever sent (smtp.c), and silence looks like health.",
    remedy="Write notification_email: [ops@example.org] and smtp_server under global_defs, or leave smtp_alert out.",
)
def mail_to_nobody(spec: Spec) -> Iterator[Broken]:
    """`smtp_alert: true` anywhere, or one of the two settings without the other."""
    block = spec.global_defs
    lacking = [
        field for field in ("notification_email", "smtp_server") if block is None or not getattr(block, field)
    ]
    if lacking and (path := _wants_mail(spec)) is not None:
        yield Broken(path, f"no mail is sent: global_defs has no {' and no '.join(lacking)}")


def _wants_mail(spec: Spec) -> Path | None:
    block = spec.global_defs
    if block is not None:
        for field in ("smtp_alert", "smtp_alert_vrrp", "smtp_alert_checker", "notification_email"):
            if getattr(block, field):
                return ("global_defs", field)
    for field in ("vrrp_instances", "vrrp_sync_groups", "virtual_servers"):
        for name, each in getattr(spec, field).items():
            if each.smtp_alert:
                return (field, name, "smtp_alert")
    return None


@of_spec(
    "LVS541",
    NOTE,
    "Mail from a name of its own making",
    reason="Without notification_email_from keepalived writes root@ and the host's name, which many mail servers refuse.",
    remedy="Write notification_email_from under global_defs.",
)
def mail_from_nobody(spec: Spec) -> Iterator[Broken]:
    """When there is `notification_email`."""
    block = spec.global_defs
    if block is not None and block.notification_email and block.notification_email_from is None:
        yield Broken(
            ("global_defs", "notification_email"),
            "there is no notification_email_from: the sender will be root@ this host",
        )
