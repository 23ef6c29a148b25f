"""One HTTPS request with every bound there is: connect, total time, size, no redirects, nothing from the environment.

What the network does comes back as a value. No connection is kept: a POST on one that the other side has just closed
would be *unknown*, and an unknown POST costs a lock window; a new connection costs a tenth of a second. What only looks
may have its connection opened a moment ahead.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

from lvsctl._version import VERSION
from lvsctl.failover.asking import Heard, shortly
from lvsctl.failover.credentials import Login, Token
from lvsctl.failover.direct import Direct
from lvsctl.failover.provider import Unknown, Unreachable

MAX_BODY = 2 * 1024 * 1024
"""Bytes. The longest honest answer, a page of 50 floating IPs, has some 50 kB."""

NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Link:
    """How the API is reached. Times are seconds, for a whole request of that kind.

    *verify* is for an API with a certificate authority of its own; None takes the system's authorities. A proxy opens
    the connection itself, so neither *ipv4_only* nor *source_address* goes with one (ValueError).
    """

    verify: ssl.SSLContext | None = None
    ipv4_only: bool = False
    source_address: str | None = None
    proxy: str | None = field(default=None, repr=False)  # its URL may hold a password
    connect: float = 5.0
    read: float = 10.0
    change: float = 200.0

    def __post_init__(self) -> None:
        if self.proxy and (self.ipv4_only or self.source_address):
            raise ValueError("through a proxy, neither ipv4_only nor source_address can be kept")

    @property
    def local_address(self) -> str | None:
        """The address to connect from; any of IPv4 keeps IPv6 out of the name lookup as well."""
        return self.source_address or ("0.0.0.0" if self.ipv4_only else None)  # noqa: S104 - connects, does not listen


class Client:
    """Asks one API with one set of credentials."""

    def __init__(
        self,
        base_url: str,
        credentials: Login | Token,
        link: Link | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take *transport* instead of the network, for simulations."""
        _silence()
        self.link = link or Link()
        self._direct = None if transport or self.link.proxy else _direct(base_url, self.link)
        self._http = httpx.AsyncClient(
            base_url=base_url,
            auth=_Credentials(credentials),
            headers={
                "User-Agent": f"lvsctl/{VERSION}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            transport=transport or self._direct or _through_proxy(self.link),
            timeout=httpx.Timeout(None, connect=self.link.connect),
            trust_env=False,
            follow_redirects=False,
        )

    async def prepare(self) -> None:
        """Begin to open the connection of a :meth:`read` that follows at once; a change never takes it."""
        if self._direct is not None:
            await self._direct.prepare()

    async def read(
        self, path: str, params: Mapping[str, str | int] | None = None
    ) -> Heard | Unreachable | Unknown:
        """GET *path*."""
        request = self._http.build_request("GET", path, params=params)
        return await self._within(self.link.read, request)

    async def change(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        within: float | None = None,
    ) -> Heard | Unreachable | Unknown:
        """Send a request that changes something: *form* as a form, or *body* as JSON."""
        request = self._http.build_request(method, path, data=form, json=body)
        return await self._within(within or self.link.change, request)

    async def aclose(self) -> None:
        """Close the client."""
        await self._http.aclose()

    async def _within(self, seconds: float, request: httpx.Request) -> Heard | Unreachable | Unknown:
        sending = _Sending()
        request.extensions = {**request.extensions, "trace": sending.see}
        try:
            async with asyncio.timeout(seconds):
                return await self._answer(request)
        except TimeoutError:
            why = f"no answer within {seconds:g} s"
            return Unknown(cut=True, why=why) if sending.begun else Unreachable(why)
        except NEVER_SENT as error:
            return Unreachable(_why(error))
        except httpx.LocalProtocolError:
            # Its message quotes the header it dislikes, and one of ours is a secret.
            return Unreachable("the request could not be written")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            return Unknown(cut=True, why=_why(error))
        finally:
            await sending.close()

    async def _answer(self, request: httpx.Request) -> Heard | Unknown:
        response = await self._http.send(request, stream=True)
        try:
            return await _whole(response)
        finally:
            await response.aclose()


async def _whole(response: httpx.Response) -> Heard | Unknown:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        return Unknown(cut=False, why=f"the answer is packed ({shortly(encoding)}), which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY:
            return Unknown(cut=False, why=f"the answer is longer than {MAX_BODY} bytes")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Heard(response.status_code, headers, _json(bytes(body)))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class _Sending:
    """Watches one request leave: whether any byte can have, which decides between *unreachable* and *unknown*."""

    def __init__(self) -> None:
        self.begun = True
        self._stream: Any = None

    async def see(self, event: str, info: Mapping[str, Any]) -> None:
        """Be told by httpcore what it does (its ``trace`` extension)."""
        match event:
            case "connection.connect_tcp.started":
                self.begun = False
            case "connection.connect_tcp.complete":
                self._stream = info.get("return_value")
            case "http11.send_request_headers.started":
                self.begun = True

    async def close(self) -> None:
        """Close the socket: httpcore forgets it when it is cancelled in the middle of a TLS handshake."""
        if self._stream is not None:
            with suppress(Exception):
                await self._stream.aclose()


class _Credentials(httpx.Auth):
    """Puts the credentials on a request at the last moment, so that no default header holds them."""

    def __init__(self, credentials: Login | Token) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        match self._credentials:
            case Login(user, password):
                yield from httpx.BasicAuth(user, password.reveal()).auth_flow(request)
            case Token(token):
                request.headers["Authorization"] = f"Bearer {token.reveal()}"
                yield request


def _direct(base_url: str, link: Link) -> Direct:
    context = link.verify or system_trust()
    return Direct(httpx.URL(base_url), context, local_address=link.local_address, within=link.connect)


def _through_proxy(link: Link) -> httpx.AsyncHTTPTransport:
    for name in ("anyio._backends._asyncio", "anyio.streams.tls"):
        with suppress(
            ImportError
        ):  # httpx may come to use something else; it would load it with the first request
            import_module(name)
    context = link.verify or system_trust()
    return httpx.AsyncHTTPTransport(
        verify=context,
        trust_env=False,
        http2=False,
        retries=0,
        limits=httpx.Limits(max_keepalive_connections=0),
        proxy=_proxy(link.proxy or "", context),
    )


def _proxy(url: str, context: ssl.SSLContext) -> httpx.Proxy:
    return httpx.Proxy(url, ssl_context=context if url.startswith("https:") else None)


@cache
def system_trust() -> ssl.SSLContext:
    """Answer a TLS context that trusts the system's authorities, wherever SSL_CERT_FILE may point.

    A folder of hashed names is read when a certificate is checked; the one file with all of them, which is what other
    systems have, costs 25 ms at once. Where there is neither: the authorities that come with httpx.
    """
    paths = ssl.get_default_verify_paths()
    file, folder = Path(paths.openssl_cafile), Path(paths.openssl_capath)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if next(folder.glob("*.0"), None):
        context.load_verify_locations(capath=str(folder))
    elif file.is_file():
        context.load_verify_locations(cafile=str(file))
    else:
        return httpx.create_ssl_context(trust_env=False)
    return context


def _silence() -> None:
    """Keep httpx and httpcore from logging: URLs at INFO, headers and proxies at DEBUG."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _why(error: Exception) -> str:
    """Answer one line about *error*, which itself holds the request and is not to be kept."""
    return shortly(f"{type(error).__name__}: {str(error) or 'no reason given'}")
