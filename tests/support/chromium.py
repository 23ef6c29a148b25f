"""A real browser without a screen: Chromium, told what to do over a pipe (the DevTools protocol).

It runs in a network namespace of its own without any interface up, where this user may make one. What a page asks
for is answered by :attr:`Browser.site`; every request is kept, so that a test can say that there was none.
"""

import json
import os
import select
import shlex
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.require import refuse, require

DEADLINE = 60.0

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run --disable-extensions"
    " --disable-background-networking --disable-component-update --disable-sync --force-color-profile=srgb --mute-audio"
    " --remote-debugging-pipe"
)


class Asked(NamedTuple):
    """A request of the page's."""

    method: str
    url: str


class Reply(NamedTuple):
    """What it gets."""

    body: bytes
    status: int = 503
    headers: Mapping[str, str] = {}


class Browser:
    """One page of one browser."""

    def __init__(self, reader: int, writer: int) -> None:
        self.site: Callable[[Asked], Reply] = lambda _: Reply(b"")
        self.asked: list[Asked] = []
        self.complaints: list[str] = []
        """What the page's console says: errors, and what its policy forbids."""
        self._reader, self._writer = reader, writer
        self._buffer = b""
        self._session = ""
        self._number = 0
        self._loaded = 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Fetch.enable", patterns=[{"urlPattern": "http*"}])

    def call(self, method: str, **parameters: Any) -> Any:
        """Call *method* and answer its result; what happens meanwhile is taken in."""
        number = self._send(method, parameters)
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._happened(message)

    def open(self, url: str, *, post: bool = False) -> None:
        """Go to *url*, and wait until it is there; with *post* as a form does."""
        self._navigate("about:blank")  # else a URL with a fragment is where we are already
        self.complaints.clear()
        self.asked.clear()
        if not post:
            self._navigate(url)
            return
        loaded = self._loaded
        self.evaluate(f"""(() => {{ const form = document.createElement("form"); form.method = "POST";
            form.action = {json.dumps(url)}; document.body.append(form); form.submit(); }})()""")
        self.wait(lambda: self._loaded > loaded)

    def _navigate(self, url: str) -> None:
        loaded = self._loaded
        self.call("Page.navigate", url=url)
        self.wait(lambda: self._loaded > loaded)

    def wait(self, until: Callable[[], bool]) -> None:
        """Take in what happens until *until* holds; the deadline is only for what never comes."""
        while not until():
            self._happened(self._receive())

    def evaluate(self, script: str) -> Any:
        """Answer the value of *script* in the page, awaited."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def look(self, width: int = 680, height: int = 700, *, dark: bool = False, still: bool = True) -> None:
        """Have a window of this size, in CSS pixels, and these wishes of its user."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        self.call(
            "Emulation.setEmulatedMedia", features=[{"name": k, "value": v} for k, v in features.items()]
        )

    def screenshot(self) -> bytes:
        """Answer what is to be seen, as PNG."""
        return b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def axe(self) -> list[str]:
        """Answer what axe finds on the page: violations, and what it could not decide."""
        self.evaluate(axe_source())
        found = self.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
        return [
            f"{kind} {each['id']}: {node['html']}"
            for kind in ("violations", "incomplete")
            for each in found[kind]
            for node in each["nodes"]
        ]

    def _send(self, method: str, parameters: Mapping[str, Any]) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._writer, data) :]
        return self._number

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + DEADLINE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reader], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser says nothing any more"
            part = os.read(self._reader, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def _happened(self, message: Mapping[str, Any]) -> None:
        parameters = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Log.entryAdded":
                self.complaints.append(parameters["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(parameters["exceptionDetails"]))
            case "Fetch.requestPaused":
                self._answer(parameters)

    def _answer(self, paused: Mapping[str, Any]) -> None:
        asked = Asked(paused["request"]["method"], paused["request"]["url"])
        self.asked.append(asked)
        reply = self.site(asked)
        self._send(
            "Fetch.fulfillRequest",
            {
                "requestId": paused["requestId"],
                "responseCode": reply.status,
                "responseHeaders": [{"name": k, "value": v} for k, v in reply.headers.items()],
                "body": b64encode(reply.body).decode(),
            },
        )


def axe_source() -> str:
    """Answer the source of axe-core, from the package axe-core-python."""
    found = find_spec("axe_core_python")
    if found is None or found.origin is None:
        refuse("chromium", "the Python package axe-core-python is not installed")
        return ""
    return Path(found.origin).with_name("axe.min.js").read_text()


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Have a browser for the block; what it keeps and says goes below *folder*."""
    program = require("chromium")
    away = "unshare -n " if os.geteuid() == 0 else ""
    to_child, writer = os.pipe()
    reader, from_child = os.pipe()
    command = f"exec {away}{shlex.quote(program)} {FLAGS} --user-data-dir={shlex.quote(str(folder))}/profile"
    with (
        (folder / "story").open("wb") as story,
        subprocess.Popen(
            ["bash", "-c", f"{command} about:blank 3<&{to_child} 4>&{from_child}"],
            stdin=subprocess.DEVNULL,
            stdout=story,
            stderr=story,
            pass_fds=(to_child, from_child),
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        ) as child,
    ):
        os.close(to_child)
        os.close(from_child)
        try:
            yield Browser(reader, writer)
        finally:
            os.close(writer)
            os.close(reader)
            child.kill()
