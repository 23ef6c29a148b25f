"""Health checks, as items of the `checks:` lists of virtual and real servers."""

from typing import Any

from pydantic import model_validator

from lvsctl.spec.base import Block
from lvsctl.spec.check_http import HttpGet, SslGet
from lvsctl.spec.check_local import BfdCheck, FileCheck, MiscCheck
from lvsctl.spec.check_net import DnsCheck, PingCheck, SmtpCheck, TcpCheck, UdpCheck
from lvsctl.spec.values import expected


class Check(Block):
    """One health check: a single entry, keepalived's word for its kind."""

    HTTP_GET: HttpGet | None = None
    """Fetch pages over HTTP."""
    SSL_GET: SslGet | None = None
    """Fetch pages over HTTPS."""
    TCP_CHECK: TcpCheck | None = None
    """Open a TCP connection."""
    SMTP_CHECK: SmtpCheck | None = None
    """Talk to a mail server."""
    DNS_CHECK: DnsCheck | None = None
    """Ask a name server."""
    UDP_CHECK: UdpCheck | None = None
    """Send a UDP packet."""
    PING_CHECK: PingCheck | None = None
    """Send an ICMP echo."""
    MISC_CHECK: MiscCheck | None = None
    """Run a program."""
    FILE_CHECK: FileCheck | None = None
    """Follow the number in a file."""
    BFD_CHECK: BfdCheck | None = None
    """Follow a BFD session."""

    @model_validator(mode="before")
    @classmethod
    def _single(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict) or len(value) != 1:
            raise expected("one health check such as {TCP_CHECK: {}}", value)
        # "- TCP_CHECK:" with nothing after it is what YAML makes of keepalived's "TCP_CHECK {}".
        return {
            kind: {} if block is None and kind in cls.model_fields else block for kind, block in value.items()
        }

    @property
    def kind(self) -> str:
        """The kind, in keepalived's word."""
        return next(iter(self.model_fields_set))
