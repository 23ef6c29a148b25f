"""The sorry backend as a client meets it: a real server on a real port, and every kind of bytes."""

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.backend.listening import Door, Speech
from lvsctl.backend.request import MOST_HEAD
from lvsctl.cli.sorry_serve import told_apart
from lvsctl.errors import Usage
from tests.support.sorry_server import Served, answer, everything, sorry_server

GET = b"GET /any/where?x HTTP/1.1\r\nHost: a\r\n\r\n"
SPEC = "nodes: {lb1: {address: 10.0.0.11, priority: 150}}\nsorry: {retry_after: 77, name: %s}\nvirtual_servers: nonsense\n"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sorry")
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(0o755)  # the server reads it as nobody
    path = folder / "lvs.yaml"
    path.write_text(SPEC % "First")
    return path


@pytest.fixture(scope="module")
def served(spec: Path) -> Iterator[Served]:
    arguments = ["--spec", str(spec), "--workers", "1", "--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0"]
    with sorry_server(*arguments, "--listen", "203.0.113.200:0") as server:
        yield server


def heads(data: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 503 .*?\r\n\r\n", data, re.DOTALL)


@pytest.mark.parametrize(
    "method", [b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"BREW"]
)
@pytest.mark.parametrize("path", [b"/", b"*", b"http://a/", b"/../../etc/passwd", b"/%00"])
def test_every_method_and_path_is_answered_503(served: Served, method: bytes, path: bytes) -> None:
    with served.connect() as sock:
        sock.sendall(method + b" " + path + b" HTTP/1.1\r\n\r\n")
        head, body = answer(sock)
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 77\r\n" in head
        assert b"\r\nCache-Control: no-store\r\n" in head
        assert b"First" in body
        sock.sendall(GET)  # the connection is still good
        assert answer(sock)[1] == body


def test_head_is_answered_without_a_body_and_get_after_it_with_one(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(b"HEAD / HTTP/1.1\r\n\r\n" + GET)
        data = b""
        while data.count(b"\r\n\r\n") < 2:
            data += sock.recv(65536)
        first, second = heads(data)
        assert data.startswith(first + second)
        assert first == second


def test_each_client_gets_its_form(served: Served) -> None:
    def body(accept: bytes) -> tuple[bytes, bytes]:
        with served.connect() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nAccept: " + accept + b"\r\n\r\n")
            return answer(sock)

    head, text = body(b"application/json")
    assert b"Content-Type: application/json" in head
    assert json.loads(text)["retry_after"] == 77
    assert b"text/html" in body(b"text/html,*/*;q=0.8")[0]
    assert b"Content-Security-Policy: " in body(b"*/*")[0]
    assert b"text/plain" in body(b"image/png")[0]


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    kinds = [b"application/json", b"text/plain", b"text/html"] * 100
    stream = b"".join(b"GET / HTTP/1.1\r\nAccept: " + kind + b"\r\n\r\n" for kind in kinds)
    told = re.findall(rb"\r\nContent-Type: ([a-z/]+)", served.ask(stream))
    assert told == kinds


def test_many_pipelined_requests_to_a_client_that_reads_late_are_all_answered(served: Served) -> None:
    count = 3000
    with served.connect() as sock:
        sender = threading.Thread(
            target=sock.sendall,
            args=(GET * count + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),),
        )
        sender.start()
        time.sleep(0.3)
        data = everything(sock)
        sender.join()
    assert data.count(b"HTTP/1.1 503") == count + 1


def test_requests_may_arrive_in_any_pieces(served: Served) -> None:
    stream = b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\nhello\r\n\r\nyou" + GET
    with served.connect() as sock:
        for at in range(len(stream)):
            sock.sendall(stream[at : at + 1])
        sock.shutdown(socket.SHUT_WR)
        assert len(heads(everything(sock))) == 2


def test_a_body_is_thrown_away_and_the_connection_goes_on(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(
            b"POST / HTTP/1.1\r\nContent-Length: 300000\r\n\r\n"
            + b"GET / HTTP/1.1\r\n\r\n" * 16666
            + b"x" * 12
        )
        first = answer(sock)
        sock.sendall(GET)
        assert answer(sock) == first
        sock.shutdown(socket.SHUT_WR)
        assert everything(sock) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n" * 9999 + b"0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3000000,
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n\r\n" + b"\x16\x03\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        b"GET /\r\n",
        b"GET / HTTP/1.0\n\n",
        b"\0\0\0\0\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * MOST_HEAD + b"\r\n\r\n" + GET,
        b"".join([b"GET / HTTP/1.1\r\n", *(b"F%d: x\r\n" % each for each in range(20000)), b"\r\n"]),
    ],
    ids=[
        "chunked",
        "long body",
        "expect",
        "connect",
        "h2",
        "0.9",
        "bare LF",
        "noise",
        "long field",
        "many fields",
    ],
)
def test_what_is_hopeless_gets_one_answer_and_no_reset(served: Served, data: bytes) -> None:
    with served.connect() as sock:
        sock.sendall(data)
        told = everything(sock)
    assert told.startswith(b"HTTP/1.1 503")
    assert len(heads(told)) == 1
    assert b"\r\nConnection: close\r\n" in told


def test_http_1_0_is_closed_unless_it_asks_to_stay(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"\r\nConnection: keep-alive" in answer(sock)[0]
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"\r\nConnection: close" in everything(sock)


def test_nothing_of_a_request_comes_back(served: Served) -> None:
    told = served.ask(
        b"GET /<script>alert(1)</script> HTTP/1.1\r\nHost: evil.example\r\nX: evil.example\r\n\r\n"
    )
    assert b"evil" not in told
    assert b"alert" not in told


def test_a_mail_server_is_asked_to_come_back(served: Served) -> None:
    told = served.ask(b"EHLO me.example\r\nMAIL FROM:<a@me.example>\r\n", port=-1)
    assert re.fullmatch(rb"421 [A-Za-z0-9.-]+ Service not available[^\r\n]*\r\n", told)


def test_tls_without_a_certificate_is_refused_in_its_own_words(served: Served) -> None:
    assert served.ask(b"\x16\x03\x01\x00\x05hello") == b"\x15\x03\x01\x00\x02\x02\x28"


def test_it_listens_on_an_address_that_this_node_does_not_have(served: Served) -> None:
    assert len(served.ports) == 3


def test_a_crowd_of_idle_connections_hurts_nobody(served: Served) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(10_000, hard - 500)
    crowd: list[socket.socket] = []
    try:
        crowd += (served.connect() for _ in range(count))
        for each in crowd[::3]:
            each.sendall(b"GET / HTTP/1.1\r\nX: ")
        with served.connect() as sock:
            sock.sendall(GET)
            assert answer(sock)[0].startswith(b"HTTP/1.1 503")
        status = Path(f"/proc/{served.workers[0]}/status").read_text()
        assert sum(1 for _ in Path(f"/proc/{served.workers[0]}/fd").iterdir()) > count
        assert int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) < 100 * 1024
    finally:
        for each in crowd:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give away")
def test_nothing_of_root_is_left(served: Served) -> None:
    for pid in (served.process.pid, *served.workers):
        status = Path(f"/proc/{pid}/status").read_text()
        told = dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE))
        assert "0" not in told["Uid"].split() + told["Gid"].split() + told["Groups"].split()
        assert {int(told[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert told["NoNewPrivs"] == "1"


def test_a_reload_under_load_loses_nothing_and_shows_the_new_page(served: Served, spec: Path) -> None:
    stop = threading.Event()
    told: list[tuple[int, bytes]] = []
    errors: list[BaseException] = []

    def visit() -> None:
        try:
            with served.connect() as kept:
                while not stop.is_set():
                    kept.sendall(GET)
                    told.append((0, answer(kept)[1]))
                    told.append((1, served.ask(GET)))
        except (OSError, AssertionError) as error:
            errors.append(error)

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for each in visitors:
        each.start()
    for name in ("Second", "[broken", "Third"):
        spec.write_text(SPEC % name)
        served.process.send_signal(signal.SIGHUP)
        served.heard("not reloaded" if name == "[broken" else "reloaded")
        expected = b"Second" if name == "[broken" else name.encode()
        deadline = time.monotonic() + 10
        while not errors and time.monotonic() < deadline and not (told and expected in told[-1][1]):
            time.sleep(0.02)
    stop.set()
    for each in visitors:
        each.join()
    assert not errors
    assert b"Third" in told[-1][1]
    assert len(told) > 20


def test_a_port_for_two_languages_is_refused() -> None:
    http, smtp = (Door.parse("127.0.0.1:25", each) for each in Speech)
    elsewhere = Door.parse("127.0.0.2:25", Speech.SMTP)
    assert told_apart([http, http, elsewhere]) == (http, elsewhere)
    with pytest.raises(Usage, match=r"127\.0\.0\.1:25 is for both HTTP and SMTP"):
        told_apart([http, smtp])


def test_a_worker_that_dies_is_replaced_and_its_port_stays(served: Served) -> None:
    victim = served.workers[0]
    os.kill(victim, signal.SIGKILL)
    served.heard("SIGKILL")
    assert served.ask(GET).startswith(b"HTTP/1.1 503")
    assert victim not in served.workers


def test_systemd_is_told_when_it_is_ready_reloading_and_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            folder.chmod(0o755)
        (tmp_path / "notify").chmod(0o777)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with sorry_server("--listen", "127.0.0.1:0") as server:
            assert manager.recv(100) == b"READY=1"
            server.process.send_signal(signal.SIGHUP)
            assert manager.recv(100).startswith(b"RELOADING=1")
            assert manager.recv(100) == b"READY=1"
        assert manager.recv(100) == b"STOPPING=1"
