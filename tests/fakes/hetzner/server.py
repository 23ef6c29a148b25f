"""The fake on real sockets: Robot and Cloud over TLS, the admin port in the clear, on one event loop in a thread."""

import asyncio
import contextlib
import ssl
import tempfile
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from tests.fakes.hetzner import tls
from tests.fakes.hetzner.admin import Admin
from tests.fakes.hetzner.clock import Clock
from tests.fakes.hetzner.cloud import CloudState
from tests.fakes.hetzner.connection import ApiServer, Connections, PlainServer, Waiting
from tests.fakes.hetzner.faults import Fault
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.journal import Journal
from tests.fakes.hetzner.robot import RobotState

READY_WITHIN = 10.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class HetznerFake:
    """``with HetznerFake() as fake:`` two APIs on the loopback, until the block ends.

    ``fake.robot.world`` and ``fake.cloud.world`` are what they know, ``.profile`` how they behave; ``fake.fault``
    lets something go wrong; ``fake.journal`` is what they saw. The clock jumps unless another one is given.
    """

    def __init__(
        self, *, clock: Clock | None = None, host: str = "127.0.0.1", ports: tuple[int, int, int] = (0, 0, 0)
    ) -> None:
        """Take the *ports* of Robot, Cloud and the admin; 0 is any that is free."""
        self.clock = clock or Clock(jumps=True)
        self.journal = Journal()
        self.robot, self.cloud = RobotState(), CloudState()
        self.fronts = {
            "robot": Front("robot", self.robot, self.journal),
            "cloud": Front("cloud", self.cloud, self.journal),
        }
        self.admin = Admin(self.clock, self.journal, self.robot, self.cloud, self.fronts)
        self.host = host
        self.ports = dict(zip(("robot", "cloud", "admin"), ports, strict=True))
        self.tls: tls.Tls
        self._literal = f"[{host}]" if ":" in host else host

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fake-hetzner-")))
            self.tls = tls.make(folder, (self.host,))
            self._engine = _Engine(self)
            self._engine.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._engine.end()
        self._stack.close()

    @property
    def robot_url(self) -> str:
        return f"https://{self._literal}:{self.ports['robot']}"

    @property
    def cloud_url(self) -> str:
        return f"https://{self._literal}:{self.ports['cloud']}/v1"

    @property
    def admin_url(self) -> str:
        return f"http://{self._literal}:{self.ports['admin']}"

    def client_context(self) -> ssl.SSLContext:
        """Answer a TLS context that trusts this fake and nothing else."""
        return self.tls.client_context()

    def dataplane(self, ip: str, api: str = "robot") -> str | int | None:
        """Answer where packets for *ip* go now, according to *api*'s side of the network."""
        return self.admin.dataplane(self.clock.now())[api][ip]

    def fault(self, api: str, kind: str, **conditions: Any) -> Fault:
        """Let something go wrong with *api* from now on; see :class:`Fault` for the conditions."""
        return self.fronts[api].faults.add(kind, **conditions)

    def stop_listening(self, api: str) -> None:
        """Have the kernel refuse connections to *api*."""
        self._engine.do(lambda: self._engine.close(api))

    def listen_again(self, api: str) -> None:
        """Take connections to *api* again, on the same port."""
        self._engine.do(lambda: self._engine.listen(api))


class _Engine:
    """The event loop, its thread, and the listening sockets."""

    def __init__(self, fake: HetznerFake) -> None:
        self._fake = fake
        self._thread = threading.Thread(target=self._run, name="fake hetzner")
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._servers: dict[str, asyncio.Server] = {}
        self._connections = Connections()

    def start(self) -> None:
        """Listen, or raise what kept it from that."""
        self._thread.start()
        self._ready.wait(READY_WITHIN)
        if self._failed is not None:
            self._thread.join()
            raise self._failed

    def end(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def do(self, what: Callable[[], Awaitable[None]]) -> None:
        """Do *what* in the thread, and wait for it."""

        async def it() -> None:
            await what()

        asyncio.run_coroutine_threadsafe(it(), self._loop).result(READY_WITHIN)

    async def listen(self, name: str) -> None:
        """Listen for *name*."""
        accept = self._connections.accepting(self._serving(name))
        server = await asyncio.start_server(accept, self._fake.host, self._fake.ports[name])
        self._servers[name] = server
        self._fake.ports[name] = server.sockets[0].getsockname()[1]

    async def close(self, name: str) -> None:
        """Do not listen for *name* any more."""
        self._servers[name].close()

    def _serving(self, name: str) -> Serve:
        fake = self._fake
        if name == "admin":
            return PlainServer(lambda request: fake.admin.handle(request, fake.clock.now())).serve
        return ApiServer(fake.fronts[name], fake.tls, self._waiting).serve

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except OSError as error:
            self._failed = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._waiting = Waiting(self._fake.clock)
        self._fake.clock.on_advance(self._advanced)
        for name in self._fake.ports:
            await self.listen(name)
        self._ready.set()
        await self._stop.wait()
        for name in self._fake.ports:
            await self.close(name)
        await self._connections.end()

    def _advanced(self) -> None:
        with contextlib.suppress(RuntimeError):  # advanced after the end
            self._loop.call_soon_threadsafe(self._waiting.tock)
