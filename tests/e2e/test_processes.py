"""Processes die, hang and come back; DNS goes on."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.belisha import SECONDS, Belisha, state, wait_for
from tests.support.upstream import ScriptedUpstream


class Client(threading.Thread):
    """Asks all the time, each query from a port of its own; keeps what went wrong and the longest wait."""

    def __init__(self, server: Belisha, pause: float = 0.005) -> None:
        super().__init__()
        self._server, self._pause = server, pause
        self._over = threading.Event()
        self.waits: list[float] = []
        self.faults: list[str] = []

    def run(self) -> None:
        while not self._over.is_set():
            begun = time.monotonic()
            try:
                if not self._server.blocked("blocked.example"):
                    self.faults.append("not blocked")
            except (OSError, AssertionError) as error:
                self.faults.append(repr(error))
            self.waits.append(time.monotonic() - begun)
            time.sleep(self._pause)

    def __enter__(self) -> Client:
        self.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._over.set()
        self.join()


def reborn(server: Belisha, name: str, old: int) -> int:
    """The process id of the next life of a child."""
    return wait_for(lambda: (pid := server.children().get(name, old)) != old and pid, f"a new {name}")


def test_ps_shows_which_is_which(server: Belisha) -> None:
    assert server.process
    children = server.children()
    assert children.keys() == {"worker-0", "worker-1", "admin"}
    names = {name: Path(f"/proc/{pid}/comm").read_text().strip() for name, pid in children.items()}
    assert names == {"worker-0": "belisha-worker", "worker-1": "belisha-worker", "admin": "belisha-admin"}
    assert Path(f"/proc/{server.process.pid}/comm").read_text().strip() == "belisha"


def test_sigterm_ends_everything_and_is_no_failure(server: Belisha) -> None:
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 9, "somebody had to be killed"
    assert not server.orphans()
    assert "is killed" not in server.log()


@pytest.mark.parametrize("name", ["worker-0", "worker-1"])
def test_a_killed_worker_is_back_and_the_other_answers_meanwhile(server: Belisha, name: str) -> None:
    old = server.children()[name]
    with Client(server) as client:
        time.sleep(0.2)
        os.kill(old, signal.SIGKILL)
        killed = time.monotonic()
        reborn(server, name, old)
        wait_for(server.ready, "every worker")
        back = time.monotonic() - killed
        time.sleep(0.2)
    # At most what the dead worker had read and not answered is lost; the rest waited in its socket.
    assert len(client.faults) <= 1, client.faults
    assert len(client.waits) > 10
    assert back < SECONDS
    server.push("mine", "casino.example\n")
    assert all(server.blocked("casino.example") for _ in range(20))


def test_dns_goes_on_while_the_admin_process_hangs(server: Belisha) -> None:
    admin = server.children()["admin"]
    os.kill(admin, signal.SIGSTOP)
    try:
        with Client(server) as client:
            time.sleep(1)
        assert not client.faults
        assert len(client.waits) > 10
    finally:
        os.kill(admin, signal.SIGCONT)
    server.push("mine", "casino.example\n")
    assert server.blocked("casino.example")


def test_dns_goes_on_while_the_admin_process_is_killed(server: Belisha) -> None:
    admin = server.children()["admin"]
    with Client(server) as client:
        time.sleep(0.1)
        os.kill(admin, signal.SIGKILL)
        reborn(server, "admin", admin)
        wait_for(server.ready, "the API")
    assert not client.faults
    server.push("mine", "casino.example\n")
    assert all(server.blocked("casino.example") for _ in range(20))


def test_a_worker_that_hangs_does_not_stop_the_other(server: Belisha) -> None:
    worker = server.children()["worker-0"]
    os.kill(worker, signal.SIGSTOP)
    try:
        answered = 0
        for _ in range(30):  # about half of the ports belong to the other worker
            try:
                answered += rdata_is_null(server)
            except TimeoutError:
                continue
        assert answered >= 3
        assert not server.ready()
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_for(server.ready, "every worker")


def rdata_is_null(server: Belisha) -> bool:
    """One query that does not wait long."""
    return not server.ask("blocked.example", timeout=0.1).rcode()


def test_nothing_is_left_when_the_supervisor_is_killed(server: Belisha) -> None:
    children = server.children()
    server.kill()  # waits until every child has ended
    assert not any(state(pid) for pid in children.values())
    server.start()
    assert server.blocked("blocked.example")


def test_a_successor_waits_for_the_writer_of_a_killed_run(server: Belisha) -> None:
    """The admin process of the old run may be in the middle of a change; two must not move one pointer."""
    assert server.process
    admin = server.children()["admin"]
    os.kill(admin, signal.SIGSTOP)
    server.process.kill()
    server.process.wait()
    threading.Timer(1.0, os.kill, [admin, signal.SIGCONT]).start()
    server.start()
    assert not state(admin), "the writer of the old run is still there"
    server.push("mine", "casino.example\n")
    assert server.blocked("casino.example")


def test_a_second_server_on_the_same_folder_is_refused(server: Belisha) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "resolver", "serve", "--config", str(server.config)],
        capture_output=True, text=True, timeout=SECONDS, env=server.environment(), check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert "another `belisha serve` uses" in second.stderr
    assert server.blocked("blocked.example")


def test_privileges_are_dropped(upstream: ScriptedUpstream) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can change to another account")
    if not _nobody_can_run_python():
        pytest.skip("this interpreter or checkout lies where only root can read it")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)  # for the port file, which the account writes
        server = Belisha(folder, upstream.url)
        server.config.write_text('user = "nobody"\n' + server.config.read_text())
        with server:
            assert server.process
            uid = str(pwd.getpwnam("nobody").pw_uid)
            for pid in (server.process.pid, *server.children().values()):
                status = dict(
                    line.split(":\t", 1)
                    for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                    if ":\t" in line
                )
                assert status["Uid"].split() == [uid] * 4
                assert int(status["CapEff"], 16) == 0
                assert status["NoNewPrivs"] == "1"
            assert server.blocked("blocked.example")
            server.push("mine", "casino.example\n")
            assert server.blocked("casino.example")


def _nobody_can_run_python() -> bool:
    try:
        done = subprocess.run([sys.executable, "-c", "import resolver"], user="nobody", cwd="/", check=False)
    except PermissionError:
        return False
    return done.returncode == 0 and shutil.which("env") is not None
