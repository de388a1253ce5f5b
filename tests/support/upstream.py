"""A scripted upstream: a DNS server on loopback that does what a test tells it, and remembers.

    with ScriptedUpstream({"www.example.org": answer("A 192.0.2.1")}) as upstream:
        ...  # point the thing under test at upstream.host, upstream.port (or upstream.url)
        assert len(upstream.asked("www.example.org")) == 1

It listens on UDP and TCP at one port of its own, in a thread of its own, so plain tests and asyncio
tests use it alike. What it does is found in a table: `(name, type)`, then `name`, then the default;
a function `(name, type) → behaviour` may stand in place of the table. Names are written as dnspython
prints them, in lower case and without the trailing dot. The behaviours are in
`tests.support.behaviours` and, for what is worse, `tests.support.vices`.

Every query is kept, as octets, before anything is answered. What cannot be read is kept as well and
gets no answer. Stopping leaves the port free; `start` takes the same port again, which is how an
upstream dies and comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import dns.exception

from tests.support.behaviours import Behaviour, Reply, Seen, refused

Table = Mapping[str | tuple[str, str], Behaviour]
Script = Table | Callable[[str, str], Behaviour]

_ATTEMPTS = 50
"""Ports tried until one is free for UDP and TCP alike."""

_LOOK = 0.003
"""Seconds between looks at whether a reply that is held may go."""


class ScriptedUpstream:
    """The server. Use it as a context manager, or call `start` and `stop`.

    `host` is a loopback address; `port` is drawn at the first start. With a context its TCP side speaks
    TLS. `queries` holds what came, in order; `connections` counts those over TCP; `faults` what the
    behaviours raised (`stop` raises the first of them).
    """

    def __init__(
        self,
        script: Script | None = None,
        default: Behaviour | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ):
        self._script: Script = {} if script is None else script
        self._changes: dict[str | tuple[str, str], Behaviour] = {}
        self._default = default if default is not None else refused()
        self.host = host
        self.port = 0
        self.connections = 0
        self._tls = tls
        self.queries: list[Seen] = []
        self.faults: list[BaseException] = []
        self._arrived = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    @property
    def address(self) -> tuple[str, int]:
        """What a socket connects to."""
        return self.host, self.port

    @property
    def url(self) -> str:
        """The address as the settings write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self._tls else 'udp'}://{host}:{self.port}"

    def set(self, name: str, behaviour: Behaviour, qtype: str | None = None) -> None:
        """From now on, behave like this for a name (or one type of it), whatever the script says."""
        self._changes[name if qtype is None else (name, qtype)] = behaviour

    def asked(self, name: str, qtype: str | None = None) -> list[Seen]:
        """The queries for a name (and type) so far, in whatever case they were asked."""
        wanted = name.lower().removesuffix(".")
        return [
            seen
            for seen in list(self.queries)
            if seen.readable and seen.qname == wanted and qtype in (None, seen.qtype)
        ]

    def forget(self) -> None:
        """Forget the queries so far."""
        self.queries.clear()

    def wait_for(self, count: int, seconds: float = 5.0) -> list[Seen]:
        """Wait until so many queries have come. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.queries) >= count, seconds):
                raise TimeoutError(f"{len(self.queries)} of {count} queries after {seconds} s")
        return list(self.queries)

    def start(self) -> Self:
        """Open the sockets and serve; returns when queries can be sent."""
        udp, tcp = self._open()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(udp, tcp, ready)), name="scripted upstream", daemon=True
        )
        self._thread.start()
        if not ready.wait(10):
            raise TimeoutError("the scripted upstream did not start")
        return self

    def stop(self) -> None:
        """Close everything. Raises what a behaviour raised meanwhile, since no client could tell."""
        if self._thread is None:
            return
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        self._thread = None
        if self.faults:
            raise self.faults[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except BaseException:
            if error is None:  # otherwise the test's own failure says more
                raise

    # Inside the thread

    def _open(self) -> tuple[socket.socket, socket.socket]:
        """A UDP and a listening TCP socket at one port."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        for _ in range(_ATTEMPTS):
            udp = socket.socket(family, socket.SOCK_DGRAM)
            tcp = socket.socket(family, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                udp.bind((self.host, self.port))
                tcp.bind((self.host, udp.getsockname()[1]))
                tcp.listen(64)
            except OSError:
                udp.close()
                tcp.close()
                time.sleep(0.01)
                continue
            udp.setblocking(False)
            with contextlib.suppress(OSError):
                udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.port = udp.getsockname()[1]
            return udp, tcp
        raise OSError("no port was free for UDP and TCP alike")

    async def _serve(self, udp: socket.socket, tcp: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            self.connections += 1
            # Cancelled only when everything ends, which is no fault that the loop should log.
            with contextlib.suppress(asyncio.CancelledError):
                await self._converse(reader, writer)
            connections.discard(task)

        server = await asyncio.start_server(connected, sock=tcp, ssl=self._tls)
        self._loop.add_reader(udp.fileno(), self._readable, udp)
        ready.set()
        await self._ended.wait()
        self._loop.remove_reader(udp.fileno())
        udp.close()
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        self._loop = self._ended = None

    def _readable(self, udp: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                octets, peer = udp.recvfrom(65_535)
                for reply in self._replies(Seen(octets, "udp", (peer[0], peer[1]), time.monotonic())):
                    assert self._loop is not None
                    if reply.delay or reply.ready:
                        self._loop.call_later(reply.delay, self._send, udp, reply, peer)
                    else:
                        self._send(udp, reply, peer)

    def _send(self, udp: socket.socket, reply: Reply, peer: tuple[str, int]) -> None:
        """Send over UDP, from here or from elsewhere; a client that is gone is no fault."""
        if reply.octets is None or udp.fileno() < 0:
            return
        if reply.ready is not None and not reply.ready():
            assert self._loop is not None
            self._loop.call_later(_LOOK, self._send, udp, reply, peer)
            return
        with contextlib.suppress(OSError):
            if not (reply.elsewhere or reply.host):
                udp.sendto(reply.octets, peer)
                return
            with socket.socket(udp.family, socket.SOCK_DGRAM) as other:
                other.bind((reply.host or self.host, 0 if reply.elsewhere else self.port))
                other.sendto(reply.octets, peer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection, until somebody hangs up. Replies leave in the order of their delays."""
        peer = writer.get_extra_info("peername")
        pending: set[asyncio.Task[None]] = set()
        try:
            while True:
                octets = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                for reply in self._replies(Seen(octets, "tcp", (peer[0], peer[1]), time.monotonic())):
                    task = asyncio.ensure_future(_write(writer, reply))
                    pending.add(task)
                    task.add_done_callback(pending.discard)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            for task in pending:
                task.cancel()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _replies(self, seen: Seen) -> list[Reply]:
        """Note a query and look up what to do about it."""
        with self._arrived:
            self.queries.append(seen)
            self._arrived.notify_all()
        if not seen.readable:
            return []
        try:
            return self._behaviour(seen.qname, seen.qtype)(seen)
        except (Exception, dns.exception.DNSException) as error:
            self.faults.append(error)
            return []

    def _behaviour(self, qname: str, qtype: str) -> Behaviour:
        changed = self._changes.get((qname, qtype)) or self._changes.get(qname)
        if changed is not None:
            return changed
        if callable(self._script):
            return self._script(qname, qtype)
        return self._script.get((qname, qtype)) or self._script.get(qname) or self._default


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    """Send over TCP, length first (RFC 1035 4.2.2); a reply without octets hangs up."""
    await asyncio.sleep(reply.delay)
    while reply.ready is not None and not reply.ready():  # noqa: ASYNC110 - a clock has no event
        await asyncio.sleep(_LOOK)
    if reply.octets is not None:
        data = len(reply.octets).to_bytes(2, "big") + reply.octets
        data = data[: len(data) // 2] if reply.cut else data
        for start in range(len(data) if reply.pace else 0):
            await asyncio.sleep(reply.pace)
            writer.write(data[start : start + 1])
        if not reply.pace and not writer.is_closing():
            writer.write(data)
    if reply.octets is None or reply.cut:
        writer.close()
