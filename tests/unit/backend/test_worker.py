"""One worker with small limits: who is slow, who is too many, and how it ends. Run in a thread, told by its own pipe."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lvsctl.backend.answers import answers
from lvsctl.backend.limits import Limits
from lvsctl.backend.listening import Door, Speech, bind
from lvsctl.backend.page import Pages
from lvsctl.backend.supervisor import scarce
from lvsctl.backend.worker import Content, Worker
from lvsctl.errors import Unavailable
from tests.support.sorry_server import answer, everything

GET = b"GET / HTTP/1.1\r\n\r\n"
PAGES = Pages(b"<p>sorry" * 30_000, b"{}\n", b"sorry\n", "default-src 'none'")
QUICK = Limits(connections=50, lingering=0.2, idle=0.2, head=0.2, body=0.2, writing=0.2, draining=1.5)


class Run:
    def __init__(self, worker: Worker, port: int, told: list[str]) -> None:
        self.worker = worker
        self.port = port
        self.told = told

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 10)

    def signal(self, number: int) -> None:
        os.write(self.worker._signalled, bytes([number]))


def content() -> Content:
    return Content(answers(PAGES, retry_after=120, host="mail é\r\n.example"))


@contextmanager
def running(limits: Limits) -> Iterator[Run]:
    ((listener,),) = bind([Door.parse("127.0.0.1:0")], 1)
    told: list[str] = []
    worker = Worker([listener], content(), limits, load=content, tell=told.append)
    run = Run(worker, listener.door.port, told)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield run
    finally:
        run.signal(signal.SIGTERM)
        thread.join(10)
        worker.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def quick() -> Iterator[Run]:
    with running(QUICK) as run:
        yield run


@pytest.mark.parametrize("sent", [b"", GET[:-2], GET, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"])
def test_who_is_slow_is_let_go_after_getting_the_answer_to_what_was_begun(quick: Run, sent: bytes) -> None:
    with quick.connect() as sock:
        sock.sendall(sent)
        assert everything(sock).count(b"HTTP/1.1 503") == (1 if sent else 0)


def test_trickling_does_not_buy_time(quick: Run) -> None:
    with quick.connect() as sock:
        sock.settimeout(0.05)
        data = b""
        sock.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(200):
            try:
                sock.sendall(b"A: b\r\n")
                data = sock.recv(64)
                break
            except TimeoutError:
                continue
        assert data.startswith(b"HTTP/1.1 503")


def test_who_does_not_take_the_answer_is_let_go(quick: Run) -> None:
    with quick.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(GET * 1000)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask_on(sock)


def ask_on(sock: socket.socket) -> None:
    for _ in range(200):
        threading.Event().wait(0.05)
        sock.sendall(GET * 1000)


def test_one_too_many_takes_the_place_of_the_idlest(quick: Run) -> None:
    crowd = [quick.connect() for _ in range(120)]
    with quick.connect() as sock:
        sock.sendall(GET)
        assert answer(sock)[0].startswith(b"HTTP/1.1 503")
    for each in crowd:
        each.close()


def test_whoever_says_nothing_leaves_before_one_who_has_begun() -> None:
    with running(Limits(connections=5)) as run, run.connect() as begun:
        begun.sendall(GET[:-2])
        with run.connect() as known:  # whose answer says that the one before was heard
            known.sendall(GET)
            answer(known)
            crowd = [run.connect() for _ in range(20)]
            assert everything(crowd[0]) == b""
            begun.sendall(GET[-2:])
            assert answer(begun)[0].startswith(b"HTTP/1.1 503")
        for each in crowd:
            each.close()


def test_a_first_request_is_answered_whenever_it_comes(quick: Run) -> None:
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    for pause in (0.0, 0.02, 0.1):
        for text, count in ((GET + last, 2), (last, 1)):
            with quick.connect() as sock:
                threading.Event().wait(pause)
                sock.sendall(text)
                assert everything(sock).count(b"HTTP/1.1 503") == count


def test_an_end_does_not_forget_who_has_not_asked_yet() -> None:
    with running(Limits(draining=5.0)) as run, run.connect() as silent, run.connect() as known:
        known.sendall(GET)
        answer(known)
        run.signal(signal.SIGTERM)
        until_nobody_is_let_in(run)
        silent.sendall(GET)
        assert b"\r\nConnection: close" in answer(silent)[0]


def until_nobody_is_let_in(run: Run) -> None:
    for _ in range(1000):
        try:
            run.connect().close()
        except OSError:
            return
    raise AssertionError("visitors are still let in")


def test_a_worker_that_ends_serves_who_is_there_and_says_goodbye() -> None:
    with running(Limits(draining=5.0)) as run, run.connect() as idle, run.connect() as asking:
        for sock in (idle, asking):
            sock.sendall(GET)
            answer(sock)
        asking.sendall(GET[:-2])
        waiting = run.connect()
        run.signal(signal.SIGTERM)
        idle.sendall(GET)  # in the moment that an idle connection is given
        assert b"\r\nConnection: close" in answer(idle)[0]
        asking.sendall(GET[-2:])
        assert b"\r\nConnection: close" in answer(asking)[0]
        with waiting:
            waiting.sendall(GET)
            assert b"\r\nConnection: close" in answer(waiting)[0]
    assert any("answered 5," in line for line in run.told)


def test_nobody_stays_for_as_long_as_he_asks() -> None:
    """A connection that is kept leads here even when the service has its real servers back."""
    with running(Limits(staying=0.3)) as run, run.connect() as asking, run.connect() as silent:
        for _ in range(100):
            asking.sendall(GET)
            if b"\r\nConnection: close" in answer(asking)[0]:
                break
            time.sleep(0.02)
        assert not asking.recv(1)
        silent.sendall(GET)
        assert b"\r\nConnection: close" in answer(silent)[0]


def test_an_end_is_bounded_whoever_stays() -> None:
    with running(Limits(draining=0.3)) as run, run.connect() as sock:
        sock.sendall(GET + b"GET")
        run.signal(signal.SIGTERM)
        assert everything_or_reset(sock).count(b"HTTP/1.1 503") <= 1


def everything_or_reset(sock: socket.socket) -> bytes:
    try:
        return everything(sock)
    except ConnectionResetError:
        return b""


def test_a_second_server_on_the_same_port_is_refused() -> None:
    shares = bind([Door.parse("127.0.0.1:0")], 2)
    door = shares[0][0].door
    try:
        with pytest.raises(Unavailable, match="Address already in use"):
            bind([door], 2)
    finally:
        for share in shares:
            for listener in share:
                listener.sock.close()


def test_few_files_let_few_visitors_in_and_that_is_told() -> None:
    (told,) = scarce(Limits(connections=1), Limits(connections=100), 32)
    assert told.startswith(
        "connections at once in each worker: 1 instead of 100, because no more than 32 files may be open"
    )
    assert list(scarce(Limits(), Limits(), 1024)) == []


def test_the_greeting_is_one_line_of_plain_characters() -> None:
    assert content().answers.smtp == b"421 mail.example Service not available, please try again later\r\n"


def test_a_door_speaks_http_unless_said_otherwise() -> None:
    assert Door.parse("[::1]:25", Speech.SMTP) != Door.parse("[::1]:25")
    assert str(Door.parse("[::1]:25")) == "[::1]:25"
