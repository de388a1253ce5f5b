"""The HTTP process as the supervisor starts it: real descriptors, real signals, real ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resolver.admin.tokens import FILE, Tokens
from resolver.generation.messages import (
    Commit,
    Committed,
    Hello,
    Ping,
    Prepare,
    Prepared,
    decode_for_worker,
    encode,
)
from resolver.inherited import VARIABLE, Inherited

WAIT = 30.0


@dataclass
class Process:
    """A process under test, and our ends of what it was given."""

    child: subprocess.Popen[bytes]
    port: int
    lifeline: int
    worker: socket.socket
    folder: Path

    def get(self, path: str, token: str = "") -> tuple[int, Any]:
        """One request; waits until the process listens to it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def end(self) -> list[dict[str, Any]]:
        """Wait for the end; the events it has told."""
        _, told = self.child.communicate(timeout=WAIT)
        return [json.loads(line) for line in told.splitlines()]


@contextmanager
def started(folder: Path, *, config: str = "", variables: dict[str, str] | None = None) -> Iterator[Process]:
    """Start it with one listening socket, one worker channel and a lifeline."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read_end, write_end = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listener, near, far:
        inherited = Inherited(config, read_end, [near.fileno()], http=[listener.fileno()])
        child = subprocess.Popen(
            [sys.executable, "-m", "resolver.admin"],
            env={
                **os.environ,
                VARIABLE: inherited.to_environment(),
                "BELISHA_DATA_DIR": str(folder),
                **(variables or {}),
            },
            pass_fds=inherited.descriptors(),
            stderr=subprocess.PIPE,
        )
        os.close(read_end)
        far.settimeout(WAIT)
        process = Process(child, listener.getsockname()[1], write_end, far, folder)
        try:
            yield process
        finally:
            child.kill()
            child.communicate()
            if process.lifeline >= 0:
                os.close(process.lifeline)


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        assert process.get("/healthz") == (200, {"status": "ok"})
        assert Path(f"/proc/{process.child.pid}/comm").read_text() == "belisha-admin\n"
        tokens = Tokens(tmp_path / FILE)  # as `belisha token create` does, beside the running process
        status, found = process.get("/v1/status", tokens.create("one", ["read"]))
        tokens.close()
        assert status == 200
        assert found["workers"][0]["alive"] is False
        process.child.send_signal(signal.SIGTERM)
        events = process.end()
    assert process.child.returncode == 0
    assert [event["event"] for event in events if event["event"].startswith("admin.")] == [
        "admin.started", "admin.stopping",
    ]  # fmt: skip


def test_it_follows_its_supervisor_into_death(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        assert process.get("/healthz")[0] == 200
        os.close(process.lifeline)
        process.lifeline = -1
        process.end()
    assert process.child.returncode == 1


def test_a_killed_one_is_followed_by_another_on_the_same_data(tmp_path: Path) -> None:
    for _ in range(2):
        with started(tmp_path) as process:
            assert process.get("/healthz")[0] == 200
            (tmp_path / "spool" / "tmpleft").write_bytes(b"x")
            process.child.kill()
            process.end()
    with started(tmp_path) as process:
        assert process.get("/healthz")[0] == 200
        assert list((tmp_path / "spool").iterdir()) == []


def test_a_stop_with_a_push_under_way_leaves_nothing(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / FILE)
    token = tokens.create("one", ["admin"])
    tokens.close()
    with started(tmp_path) as process:
        with socket.create_connection(("127.0.0.1", process.port), timeout=WAIT) as sender:
            head = f"PUT /v1/lists/x/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            sender.sendall(f"{head}Content-Length: 100000\r\n\r\nhalf.example\n".encode())
            _until(lambda: len(list((tmp_path / "spool").glob("*"))) == 1)
            process.child.send_signal(signal.SIGTERM)
            process.end()
        assert process.child.returncode == 0
        assert list((tmp_path / "spool").iterdir()) == []


def _until(done: Any) -> None:
    limit = time.monotonic() + WAIT
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_ready_follows_the_worker(tmp_path: Path) -> None:
    """With a worker of flesh and blood at the far end: a push goes through, then /readyz says so."""
    tokens = Tokens(tmp_path / FILE)
    token = tokens.create("one", ["admin"])
    tokens.close()
    with started(tmp_path) as process:
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=WAIT)
        connection.request(
            "PUT", "/v1/lists/x/content", b"bad.example\n", {"Authorization": f"Bearer {token}"}
        )
        serving = 0
        while serving == 0:
            match decode_for_worker(process.worker.recv(65_536)):
                case Prepare(generation=number):
                    process.worker.send(encode(Prepared(number)))
                case Commit(generation=number):
                    process.worker.send(encode(Committed(number)))
                    serving = number
                case Ping(number=ping):
                    process.worker.send(encode(Hello(0, 1, 0, ping)))
        assert connection.getresponse().status == 200
        connection.close()
        connection.request("GET", "/readyz")
        ping = decode_for_worker(process.worker.recv(65_536))
        assert isinstance(ping, Ping)
        process.worker.send(encode(Hello(0, 1, serving, ping.number)))
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize(
    ("config", "variables", "says"),
    [
        ("/nowhere/belisha.toml", {}, "/nowhere/belisha.toml"),
        ("", {"BELISHA_ADMIN_BODY_MB": "none"}, "BELISHA_ADMIN_BODY_MB"),
        ("", {VARIABLE: "{}"}, VARIABLE),
        ("", {"BELISHA_DATA_DIR": "/dev/null/x"}, "/dev/null/x"),
    ],
)
def test_a_start_that_fails_is_one_event(
    tmp_path: Path, config: str, variables: dict[str, str], says: str
) -> None:
    with started(tmp_path, config=config, variables=variables) as process:
        [event] = process.end()
    assert process.child.returncode == 1
    assert (event["event"], event["level"]) == ("admin.failed", "error")
    assert says in event["error"]


def test_it_is_not_started_by_hand(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-m", "resolver.admin"],
        env=environment,
        capture_output=True,
        timeout=WAIT,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "belisha serve" in json.loads(done.stderr)["error"]
