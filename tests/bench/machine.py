"""What the measurements share: cores, memory and processor time of processes, a Belisha to measure.

The upstream of that Belisha is stub.c on the core of the load, or, without a C compiler, a Python stub
that does the same as well as it can. Neither does anything but answer, so that an upstream is never what
is measured.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.bench import programs
from tests.e2e.belisha import Belisha

RECORD = bytes.fromhex("c00c00010001000001 2c0004c0000201".replace(" ", ""))
"""The qname's A record: TTL 300, 192.0.2.1."""


@cache
def allowed() -> tuple[int, ...]:
    """The cores that were allowed when it was asked first: inside `on_core` only one is."""
    return tuple(sorted(os.sched_getaffinity(0)))


def core_of(worker: int) -> int:
    """The core of a worker: counted from the last one, that of the load comes last."""
    return allowed()[-1 - worker % len(allowed())]


def cores() -> tuple[int, int]:
    """The core for the server and the core for everything else (the same one where there is one)."""
    return core_of(0), allowed()[0]


@contextlib.contextmanager
def on_core(*cores: int) -> Iterator[None]:
    """Processes that are started inside run on this core alone, or on these."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(root: int) -> list[int]:
    """A process and everything that descends from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found = [root]
    for pid in found:  # grows while it is read
        found += children.get(pid, [])
    return found


def megabytes(pid: int) -> tuple[float, float]:
    """Resident and proportional size of a process, in MB (2^20 octets)."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0])
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return resident / 1024, int(rollup.split("Pss:")[1].split()[0]) / 1024


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far, in seconds; 0 for one that is gone.

    The clock is that of clock_getcpuclockid(3), which counts nanoseconds where /proc counts ticks.
    """
    with contextlib.suppress(OSError):
        return time.clock_gettime(~pid << 3 | 2)
    return 0.0


def busy_seconds() -> float:
    """Processor time of the whole machine so far, of all cores, with what a host took from it."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def stub() -> None:
    """Serve for ever: print the port, then answer."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)
    while True:
        data, peer = sock.recvfrom(2048)
        end = data.index(0, 12) + 5
        address = data[end - 4 : end - 2] == b"\0\x01"
        head = data[:2] + b"\x81\x80\0\x01" + (b"\0\x01" if address else b"\0\0") + b"\0\0\0\0"
        sock.sendto(head + data[12:end] + (RECORD if address else b""), peer)


@contextlib.contextmanager
def stub_upstream() -> Iterator[str]:
    """The URL of a running stub."""
    if programs.available():
        with programs.served("stub") as (port, _):
            yield f"udp://127.0.0.1:{port}"
        return
    code = "from tests.bench.machine import stub; stub()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"udp://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


@contextlib.contextmanager
def running(workers: int = 1) -> Iterator[Belisha]:
    """A whole server on its core, with the stub upstream on the other."""
    server_core, other = cores()
    with (
        tempfile.TemporaryDirectory() as folder,
        on_core(other),
        stub_upstream() as upstream,
        Belisha(Path(folder), upstream, workers=workers) as server,
    ):
        for name, pid in server.children().items():
            if name.startswith("worker"):
                os.sched_setaffinity(pid, {server_core})
        yield server
