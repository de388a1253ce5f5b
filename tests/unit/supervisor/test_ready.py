"""The question whether everything is up: every answer there may be, from a real socket."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.supervisor.ready import PATIENCE, ReadyProbe, notify
from resolver.upstreams import Endpoint

YES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Listens; answers when it is told to."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.endpoint = Endpoint("127.0.0.1", listening.getsockname()[1], 4)
        self.connection: socket.socket | None = None

    def answer(self, *parts: bytes, close: bool = True) -> bytes:
        """Take the question, give the parts of an answer; the question."""
        self.connection = self.listening.accept()[0]
        question = self.connection.recv(1000)
        for part in parts:
            self.connection.sendall(part)
        if close:
            self.connection.close()
        return question


@pytest.fixture
def server() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Server(listening)
        yield made
        if made.connection:
            made.connection.close()


def read_all(probe: ReadyProbe, now: float) -> bool:
    """Step whenever something has come, until this question is over; what the last step said."""
    said = False
    while descriptors := probe.descriptors():
        assert select.select(descriptors, [], [], 20)[0]
        said = probe.step(now)
    return said


def test_yes(server: Server) -> None:
    probe = ReadyProbe(server.endpoint, 0.0)
    assert probe.wait_seconds(0.0) == 0.0
    assert not probe.step(0.0)
    assert server.answer(YES).startswith(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n")
    assert read_all(probe, 0.1)
    assert probe.ready
    assert probe.wait_seconds(0.1) is None
    assert probe.descriptors() == []
    assert not probe.step(5.0)
    assert not probe.late(PATIENCE + 1)


NO = [
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "/readyz says 503"),
    (b"HTTP/1.0 404 Not Found\r\n\r\n", "/readyz says 404"),
    (b"HTTP/1.1 2000 OK\r\n\r\n", "the admin process talks nonsense"),
    (b"220 mail.example ESMTP\r\n", "the admin process talks nonsense"),
    (b"", "the admin process talks nonsense"),
    (b"x" * 100_000, "the admin process talks nonsense"),
]


@pytest.mark.parametrize(("answer", "why"), NO)
def test_no(server: Server, answer: bytes, why: str) -> None:
    probe = ReadyProbe(server.endpoint, 0.0)
    probe.step(0.0)
    with contextlib.suppress(ConnectionError):  # it may hang up on an endless answer
        server.answer(answer)
    assert not read_all(probe, 0.1)
    assert not probe.ready
    assert probe.last == why
    # The next question comes after a pause, not at once.
    assert 0 < (probe.wait_seconds(0.1) or 0) < 1
    assert not probe.step(0.1)
    assert probe.descriptors() == []


def test_an_answer_in_pieces(server: Server) -> None:
    probe = ReadyProbe(server.endpoint, 0.0)
    probe.step(0.0)
    server.answer(*[bytes([octet]) for octet in YES])
    assert read_all(probe, 0.1)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = Endpoint("127.0.0.1", closed.getsockname()[1], 4)
    probe = ReadyProbe(endpoint, 0.0)
    assert not probe.step(0.0)
    assert probe.last == "the admin process does not answer (Connection refused)"
    assert probe.descriptors() == []


def test_a_process_that_hangs_is_given_up_and_asked_again(server: Server) -> None:
    probe = ReadyProbe(server.endpoint, 0.0)
    probe.step(0.0)
    probe.step(1.9)
    assert probe.descriptors()
    probe.step(2.1)
    assert probe.last == "the admin process does not answer"
    assert not probe.descriptors()
    server.answer(close=True)  # the first question, too late
    probe.step(3.0)
    server.answer(YES)
    assert read_all(probe, 3.1)


def test_lateness_is_told_once() -> None:
    probe = ReadyProbe(Endpoint("127.0.0.1", 1, 4), 100.0)
    assert not probe.late(100.0 + PATIENCE - 0.1)
    assert probe.late(100.0 + PATIENCE)
    assert not probe.late(100.0 + PATIENCE + 1)


def test_a_wildcard_address_is_asked_over_loopback() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listening:
        server = Server(listening)
        probe = ReadyProbe(Endpoint("0.0.0.0", server.endpoint.port, 4), 0.0)
        probe.step(0.0)
        server.answer(YES)
        assert read_all(probe, 0.1)


# --- systemd -----------------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_gets_one_datagram(tmp_path: Path, abstract: bool) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name if abstract else name)
        systemd.settimeout(20)
        notify("READY=1", {"NOTIFY_SOCKET": f"@{name}" if abstract else name})
        assert systemd.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_systemd_nothing_is_sent(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    notify("READY=1", environment)
    assert capsys.readouterr().err == ""


def test_a_systemd_that_is_gone_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert '"event":"systemd cannot be told"' in capsys.readouterr().err
