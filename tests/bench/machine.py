"""What the measurements share: cores, memory of processes, a stub upstream of its own process.

The stub answers every A question with 192.0.2.1 and does nothing else, so that an upstream is never
what is measured. It runs as a process, on the core of the load.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.belisha import Belisha

RECORD = bytes.fromhex("c00c00010001000001 2c0004c0000201".replace(" ", ""))
"""The qname's A record: TTL 300, 192.0.2.1."""


def cores() -> tuple[int, int]:
    """The core for the server and the core for everything else (the same one where there is one)."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes that are started inside run on this core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def megabytes(pid: int) -> tuple[float, float]:
    """Resident and proportional size of a process, in MB (2^20 octets)."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0])
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return resident / 1024, int(rollup.split("Pss:")[1].split()[0]) / 1024


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far, in seconds."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


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
