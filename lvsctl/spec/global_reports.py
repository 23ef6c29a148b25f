"""The part of ``global_defs`` about whom keepalived tells: scripts, FIFOs, mail, SNMP, D-Bus."""

from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Block, Line
from lvsctl.spec.forms import BODY, FIRST
from lvsctl.spec.script import Script, ScriptUser
from lvsctl.spec.values import AbsolutePath, Flag, Port, Str, Switch, Text, Whole, Word

ScriptTimeout = Annotated[int, Whole(1, 1000, "s")]
EmailAddress = Annotated[str, Text("an e-mail address", r"[^\s<>@]+(@[^\s<>@]+)?", high=254)]
HostName = Annotated[str, Text("an IP address or a host name", r"[A-Za-z0-9._:-]+", high=253)]
BusName = Annotated[
    str, Text("a D-Bus name such as org.keepalived.Vrrp1", r"[A-Za-z_-][\w-]*(\.[A-Za-z_-][\w-]*)+", high=255)
]


class Fifo(Line):
    """A named pipe into which keepalived writes one line per event."""

    syntax = "PATH [USER [GROUP]]"

    path: Annotated[AbsolutePath, FIRST]
    """Where it is; keepalived creates it, and uses one that is already there."""
    user: Annotated[Word | None, FIRST] = None
    """Who owns it; the default is `script_user`."""
    group: Annotated[Word | None, FIRST] = None
    """Its group; the default is the user's own."""

    @model_validator(mode="after")
    def _group_has_user(self) -> Self:
        if self.group is not None and self.user is None:
            raise ValueError(
                "a group needs a user: keepalived reads the words after the path as user and group"
            )
        return self


class Scripts(Block):
    """Whom scripts run as, those of start and stop, and the FIFOs. The user comes first: keepalived applies it to what follows."""

    script_user: ScriptUser | None = None
    """Whom scripts run as unless they say otherwise; the default is the user keepalived_script, or else keepalived's own."""
    enable_script_security: Flag = False
    """Refuse to run a script as root when somebody else could have changed it or a folder above it."""
    startup_script: Script | None = None
    """A command to run once, before anything else."""
    startup_script_timeout: ScriptTimeout | None = None
    """After this many seconds it is killed; keepalived's default is 10."""
    shutdown_script: Script | None = None
    """A command to run once, after everything else has stopped."""
    shutdown_script_timeout: ScriptTimeout | None = None
    """After this many seconds it is killed; keepalived's default is 10."""
    notify_fifo: Fifo | None = None
    """A FIFO for all events, in order."""
    notify_fifo_script: Script | None = None
    """A program that keepalived starts to read it; the path of the FIFO is its last argument."""
    vrrp_notify_fifo: Fifo | None = None
    """A FIFO for the events of instances and sync groups."""
    vrrp_notify_fifo_script: Script | None = None
    """A program that keepalived starts to read it; the path of the FIFO is its last argument."""
    vrrp_notify_priority_changes: Switch | None = None
    """Also report every change of an instance's priority."""
    fifo_write_vrrp_states_on_reload: Flag = False
    """Report all states again after a reload."""
    lvs_notify_fifo: Fifo | None = None
    """A FIFO for the events of virtual and real servers."""
    lvs_notify_fifo_script: Script | None = None
    """A program that keepalived starts to read it; the path of the FIFO is its last argument."""
    rs_init_notifies: Switch | None = None
    """Also report the state in which each real server starts."""

    @model_validator(mode="after")
    def _fifos_differ(self) -> Self:
        for name, other in (
            ("vrrp_notify_fifo", self.vrrp_notify_fifo),
            ("lvs_notify_fifo", self.lvs_notify_fifo),
        ):
            if self.notify_fifo and other and other.path == self.notify_fifo.path:
                raise ValueError(f"{name} and notify_fifo are the same file: keepalived would ignore {name}")
        if (
            (self.vrrp_notify_fifo_script and self.vrrp_notify_fifo)
            and (self.lvs_notify_fifo_script and self.lvs_notify_fifo)
            and self.vrrp_notify_fifo.path == self.lvs_notify_fifo.path
        ):
            raise ValueError(
                "lvs_notify_fifo and vrrp_notify_fifo are the same file: keepalived would ignore lvs_notify_fifo_script"
            )
        return self


class SmtpServer(Line):
    """The mail server that takes keepalived's messages."""

    syntax = "HOST [PORT]"

    host: Annotated[HostName, FIRST]
    """Its address, or a name that is resolved whenever keepalived reads its configuration."""
    port: Annotated[Port | None, FIRST] = None
    """Its port; keepalived's default is 25."""


class Mail(Block):
    """Mail to people."""

    router_id: Str | None = None
    """What this machine calls itself in mails; the default is its host name."""
    notification_email: Annotated[tuple[EmailAddress, ...], BODY] = ()
    """Who gets mail."""
    notification_email_from: EmailAddress | None = None
    """Who it is from; the default is keepalived@ and the host's name."""
    smtp_server: SmtpServer | None = None
    """The mail server; without one there is no mail."""
    smtp_helo_name: Word | None = None
    """What it introduces itself as; the default is the host's name."""
    smtp_connect_timeout: Annotated[int, Whole(1, 4294, "s")] | None = None
    """How long the mail server may take to answer; keepalived's default is 30."""
    smtp_alert: Switch | None = None
    """Send mail about everything unless the instance, group or server says otherwise."""
    smtp_alert_vrrp: Switch | None = None
    """Send mail about instances and sync groups unless they say otherwise."""
    smtp_alert_checker: Switch | None = None
    """Send mail about virtual and real servers unless they say otherwise."""
    no_email_faults: Flag = False
    """Send no mail about faults of an instance."""
    no_checker_emails: Switch | None = None
    """Send no mail about a single check that changes, only about real servers that come and go."""


class Monitoring(Block):
    """SNMP and D-Bus."""

    snmp_socket: Word | None = None
    """Where the SNMP master agent listens, such as udp:127.0.0.1:705; keepalived's default is unix:/var/agentx/master."""
    enable_traps: Flag = False
    """Send SNMP traps."""
    enable_snmp_vrrp: Flag = False
    """Answer for the VRRP part of the KEEPALIVED MIB."""
    enable_snmp_checker: Flag = False
    """Answer for the virtual server part of the KEEPALIVED MIB."""
    enable_snmp_rfc: Flag = False
    """Answer for the MIBs of RFC 2787 (VRRPv2) and RFC 6527 (VRRPv3)."""
    enable_snmp_rfcv2: Flag = False
    """Answer for the MIB of RFC 2787 (VRRPv2)."""
    enable_snmp_rfcv3: Flag = False
    """Answer for the MIB of RFC 6527 (VRRPv3)."""
    enable_dbus: Flag = False
    """Offer state and signals on the system's D-Bus."""
    dbus_service_name: BusName | None = None
    """The name on the bus; keepalived's default is org.keepalived.Vrrp1."""
