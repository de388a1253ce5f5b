"""Small processes in the place of the real ones, so that the supervisor is tested as a process.

    python -m tests.unit.supervisor.fakes supervisor FOLDER   `serve` with the commands below
    ... worker NUMBER MODE     reports what it was handed, then waits for the lifeline to end
    ... admin MODE             answers /readyz, then as a worker
    ... once NAME MODE         a one-shot process: writes FOLDER/NAME and exits

`Spec` (FOLDER/spec.json) says what each of them does. This file imports nothing heavy, because a test
starts four of these processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Spec:
    """What the fakes do.

    worker  "well", "dies" (at start), "stubborn" (ignores SIGTERM)
    admin   "well", "unready" (503), "silent" (never answers), "dies"
    first   "well", "fails", "slow"
    """

    worker: str = "well"
    admin: str = "well"
    first: str = "well"
    generation: bool = True
    patience: float = 10.0
    stop_seconds: float = 10.0
    port_file: bool = True
    first_token: bool = False


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """Poll until the condition gives something true; a test that waits in vain says for what."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"in vain: {what}")


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Running:
    """A supervisor with fake children, and what it said."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The events logged so far, or those of one name."""
        lines = (self.folder / "stderr").read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in found if not name or event["event"] == name]

    def output(self) -> str:
        """What it printed for people."""
        return (self.folder / "stdout").read_text()

    def pids(self, child: str) -> list[int]:
        """Every process id that a child ever had, in order."""
        return [e["pid"] for e in self.events("child started") if e["child"] == child]

    def handed(self, name: str, life: int = 0) -> dict[str, Any]:
        """What a child was handed in its first, second ... life, in its own words, once it has said so."""
        wait_for(lambda: len(self.pids(name)) > life, f"life {life} of {name}")
        path = self.folder / f"{name}.{self.pids(name)[life]}.json"
        found: dict[str, Any] = json.loads(wait_for(lambda: path.exists() and path.read_text(), path.name))
        return found

    def announcement(self) -> dict[str, Any]:
        """The port file, once it is there. Raises AssertionError when the supervisor ended instead."""
        path = self.folder / "ports.json"
        wait_for(lambda: path.exists() or self.process.poll() is not None, "the port file")
        assert path.exists(), (self.folder / "stderr").read_text()
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextlib.contextmanager
def supervisor(folder: Path, spec: Spec | None = None, **environment: str) -> Iterator[Running]:
    """A supervisor on ports of its own, ended when the block ends, with everything it started."""
    (folder / "spec.json").write_text(json.dumps(asdict(spec or Spec())))
    base = {name: value for name, value in os.environ.items() if not name.startswith("BELISHA_")}
    defaults = {
        "PYTHONPATH": str(ROOT),
        "BELISHA_DATA_DIR": str(folder / "data"),
        "BELISHA_DNS_LISTEN": "127.0.0.1:0",
        "BELISHA_ADMIN_LISTEN": "127.0.0.1:0",
    }
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, "supervisor", str(folder)],
            env={**base, **defaults, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            cwd=folder,
        )
    running = Running(folder, process)
    try:
        yield running
    finally:
        process.kill()
        process.wait()
        pids = [event["pid"] for event in running.events("child started")]
        wait_for(lambda: not any(alive(pid) for pid in pids), "children that end with their supervisor")


# --- What the processes do ---------------------------------------------------------------------


def run_supervisor(folder: Path) -> None:
    """`serve` with fakes; errors end as the command line would end them."""
    # Imported in this process alone: tests import this file without the supervisor.
    from resolver.errors import BelishaError  # noqa: PLC0415
    from resolver.supervisor import ready, start, watch  # noqa: PLC0415

    spec = Spec(**json.loads((folder / "spec.json").read_text()))
    ready.PATIENCE = spec.patience  # type: ignore[misc]
    watch.STOP_SECONDS = spec.stop_seconds  # type: ignore[misc]
    fake = [sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.unit.supervisor.fakes"]
    commands = start.Commands(
        worker=lambda number: [*fake, "worker", str(folder), str(number), spec.worker],
        admin=[*fake, "admin", str(folder), spec.admin],
        first=[*fake, "once", str(folder), "first", spec.first],
        banner=[*fake, "once", str(folder), "banner", "well"],
        has_generation=lambda data: spec.generation,
    )
    port_file = folder / "ports.json" if spec.port_file else None
    try:
        start.serve(start.Options(port_file=port_file, first_token=spec.first_token, commands=commands))
    except BelishaError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _inherited(folder: Path, name: str) -> dict[str, Any]:
    """Read what was handed over and write down what it really is."""
    handed: dict[str, Any] = json.loads(os.environ["BELISHA_INHERITED"])
    control = [socket.socket(fileno=os.dup(fd)) for fd in handed["control"]]
    bound = [socket.socket(fileno=os.dup(one["fd"])) for one in handed["udp"]]
    bound += [socket.socket(fileno=os.dup(fd)) for fd in [*handed["tcp"], *handed["http"]]]
    report = {
        "inherited": handed,
        "kinds": [int(one.type) for one in control],
        "blocking": [os.get_blocking(one.fileno()) for one in [*control, *bound]],
        "bound": [[int(one.type), one.getsockname()[:2]] for one in bound],
        "buffers": [one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for one in bound],
        "settings": json.loads(os.environ["BELISHA_SETTINGS"]),
        "environment": sorted(os.environ),
        "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd")),  # noqa: PTH208
        "limit": __import__("resource").getrlimit(__import__("resource").RLIMIT_NOFILE),
        "ids": [*os.getresuid(), *os.getresgid(), *os.getgroups()],
        "group": os.getpgid(0) == os.getpid(),
        "umask": os.umask(0),
    }
    beside = folder / f".{name}.{os.getpid()}"
    beside.write_text(json.dumps(report))
    beside.rename(folder / f"{name}.{os.getpid()}.json")
    return handed


def run_worker(folder: Path, number: str, mode: str) -> None:
    """Until the lifeline ends."""
    if mode == "dies":
        sys.exit(3)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    handed = _inherited(folder, f"worker-{number}")
    os.read(handed["lifeline"], 1)


def run_admin(folder: Path, mode: str) -> None:
    """Answer every question alike until the lifeline ends."""
    if mode == "dies":
        sys.exit(4)
    handed = _inherited(folder, "admin")
    with socket.socket(fileno=handed["http"][0]) as listening:
        while handed["lifeline"] not in select.select([handed["lifeline"], listening], [], [])[0]:
            if mode == "silent":
                time.sleep(0.05)
                continue
            connection = listening.accept()[0]
            connection.setblocking(True)
            with connection:
                connection.recv(1000)
                line = b"200 OK" if mode == "well" else b"503 Service Unavailable"
                connection.sendall(b"HTTP/1.1 " + line + b"\r\nContent-Length: 0\r\n\r\n")


def run_once(folder: Path, name: str, mode: str, *words: str) -> None:
    """Say that it ran, and with what."""
    (folder / name).write_text(json.dumps(words))
    if mode == "slow":
        time.sleep(60)
    sys.exit(5 if mode == "fails" else 0)


if __name__ == "__main__":
    roles: dict[str, Callable[..., None]] = {
        "supervisor": run_supervisor,
        "worker": run_worker,
        "admin": run_admin,
        "once": run_once,
    }
    roles[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
