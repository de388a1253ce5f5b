"""A whole server under pressure: thousands of connections that say nothing, floods of random names.

What is asked for here is that others are served, not how fast; figures belong to the benchmarks.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import pytest

from tests.e2e.belisha import Belisha, wait_for
from tests.e2e.conftest import UPSTREAM_ADDRESS
from tests.support.client import Address, ask, exchange_udp, make_query, rdatas
from tests.support.upstream import ScriptedUpstream

CONNECTIONS, OF_ONE = 2_000, 100
"""The defaults of `dns.tcp_connections` and `dns.tcp_connections_client`."""

FLOOD = """
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.9", 0))
sock.connect(("127.0.0.1", int(sys.argv[1])))
head, tail = b"\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\x0c", b"\\6victim\\7example\\0\\0\\1\\0\\1"
number, began = 0, time.monotonic()
while True:
    while number < (time.monotonic() - began) * 20_000:
        sock.send(head + b"%012d" % number + tail)
        number += 1
    time.sleep(0.001)
"""
"""20 000 names a second that nobody has asked for, from one address."""


@pytest.fixture
def alone(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[Belisha]:
    """One worker, so that all the pressure is on it."""
    with Belisha(tmp_path, upstream.url, workers=1) as made:
        yield made


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough of them for this process, which holds the other ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4_096:
        pytest.skip("this account may not have as many open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4_096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def idle(address: Address, source: str) -> socket.socket:
    return socket.create_connection(address, 10, source_address=(source, 0))


def closed(client: socket.socket) -> bool:
    """Whether the other end has hung up."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.usefixtures("descriptors")
def test_connections_that_say_nothing_stop_nobody(alone: Belisha) -> None:
    address = alone.address()
    with contextlib.ExitStack() as held:
        clients = [
            held.enter_context(idle(address, f"127.0.1.{1 + number // OF_ONE}"))
            for number in range(CONNECTIONS)
        ]
        for _ in range(20):
            assert rdatas(alone.ask("blocked.example")) == {"0.0.0.0"}
        # The next one has the place of the one that has been idle longest, and so has one of a client that
        # holds as many as it may.
        assert rdatas(alone.ask("blocked.example", tcp=True)) == {"0.0.0.0"}
        wait_for(lambda: closed(clients[0]), "the longest idle connection to give way")
        held.enter_context(idle(address, "127.0.1.9"))
        wait_for(lambda: closed(clients[8 * OF_ONE]), "the longest idle one of that client to give way")
        assert not closed(clients[-1])


def test_a_flood_of_random_names_takes_no_known_answer_away(
    alone: Belisha, upstream: ScriptedUpstream
) -> None:
    address = alone.address()
    names = [f"www{number}.example.org" for number in range(20)]
    for name in names:
        assert rdatas(alone.ask(name)) == {UPSTREAM_ADDRESS}
    worker = alone.children()["worker-0"]
    with subprocess.Popen([sys.executable, "-c", FLOOD, str(address[1])]) as attacker:
        try:
            time.sleep(0.5)
            before = resident(worker)
            lost = sum(not answered(address, names[number % 20]) for number in range(400))
            grown = resident(worker) - before
        finally:
            attacker.kill()
    assert lost <= 4, f"{lost} of 400 known answers were lost"
    assert grown < 32, f"the worker grew by {grown} MB"
    assert rdatas(ask(address, "afterwards.example.org")) == {UPSTREAM_ADDRESS}


def answered(address: Address, name: str) -> bool:
    try:
        reply = exchange_udp(address, make_query(name).to_wire(), timeout=1.0, source="127.0.0.2")
    except TimeoutError:
        return False
    return rdatas(dns.message.from_wire(reply)) == {UPSTREAM_ADDRESS}


def resident(pid: int) -> int:
    """Megabytes in memory."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) >> 10
