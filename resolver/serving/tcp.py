"""The TCP listener (RFC 7766): two octets of length, a message, as often as the client likes.

A client may send many queries without waiting (6.2.1.1); each is answered as soon as its answer is
there, in any order (7). What bounds it, each for the reason beside it:

    connections in all and per client   `resolver.serving.connections`: idle ones give way to new ones
    questions in flight                 reading pauses; one connection cannot take every place there is
    questions answered at once          the rest waits for its turn (`Turns`), and reading pauses: 64 KB hold
                                        two thousand questions, and a client may have a hundred connections
    seconds without a question          fewer when places run short; the client may ask how many (RFC 7828)
    seconds for one message             cuts whoever sends an octet a second
    octets that the client leaves       reading pauses, then it is cut: answers are up to 32 times as large
                                        as questions

One sweep a second looks at all connections, so an idle one costs no timer. None of this delays UDP.
A client that has said all it wants may close its half and still gets every answer. Nothing a client sends
may raise out of the protocol's callbacks.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, cast

from resolver.rules.networks import address_of
from resolver.serving.accepting import Acceptor
from resolver.serving.connections import Connections
from resolver.serving.pipeline import Pipeline
from resolver.serving.tidying import untie

MAX_IN_FLIGHT: Final = 100
"""Questions of one connection that wait for an upstream; reading pauses at this number."""
IDLE_SECONDS: Final = 15.0
"""Without a question and without one in flight (RFC 7766 6.2.3: "on the order of a few seconds")."""
LEAST_IDLE_SECONDS: Final = 2.0
"""The same when every place is taken; between half full and full it goes down evenly."""
MESSAGE_SECONDS: Final = 5.0
"""From the first octet of a message to its last: cuts whoever sends an octet a second."""
UNREAD_SECONDS: Final = 10.0
"""How long a client may leave more than the kernel's buffers and 64 KB of replies unread."""
MAX_UNREAD: Final = 512 << 10
"""Octets of replies that a client may leave unread. Beyond 64 KB none of its questions is taken any more;
what is above that was in flight by then."""
RESERVED: Final = 400
"""Descriptors that connections leave for upstreams, lists and files."""
AT_ONCE: Final = 8
"""Messages of one connection that are answered as soon as they are read, and in each of its turns."""
EACH_TURN: Final = 64
"""Messages of all connections together that are answered before the event loop has its turn, which is UDP's:
less than a millisecond."""
_READ: Final = 64 << 10
"""Octets read at once, into one buffer for all connections."""


class TcpLimits(NamedTuple):
    """Connections in all and of one client, as `[dns]` gives them."""

    connections: int = 2000
    of_one_client: int = 100


class TcpConnection(asyncio.BufferedProtocol):
    """One client's connection."""

    def __init__(self, listener: TcpListener) -> None:
        self._listener = listener
        self._buffer = bytearray()
        self._in_flight = 0
        self._paused = False
        self._behind = False
        self._ended = False
        self._since = listener.clock()
        self._unread_since = 0.0
        self._transport: asyncio.Transport | None = None
        self.host = ""
        self.client = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or cut it when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.host = peer[0] if peer else ""
        self.client = client_of(self.host)
        if not self._listener.joined(self):
            self._cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; replies still on their way go nowhere, and what was not yet taken up is nobody's."""
        untie(self._transport)
        self._transport = None
        self._buffer.clear()
        self._listener.connections.leave(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the event loop puts what it reads; `buffer_updated` follows before anybody else reads."""
        return self._listener.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Answer every whole message that has come."""
        if not self._buffer:
            self._since = self._listener.clock()
        self._buffer += memoryview(self._listener.buffer)[:nbytes]
        if not self._behind:
            self._consume()

    def eof_received(self) -> bool:
        """The client has said all it wants; stay open while answers are on their way to it."""
        self._ended = True
        return bool(self._in_flight or self._unread_since or self._behind)

    def pause_writing(self) -> None:
        """The client does not read what it asked for."""
        self._unread_since = self._listener.clock()
        self._pace()

    def resume_writing(self) -> None:
        """It does again."""
        self._unread_since = 0.0
        self._wait_for_turn()

    def _wait_for_turn(self) -> None:
        if not self._behind:
            self._behind = True
            self._listener.turns.wait(self)

    def turn(self) -> int:
        """Answer some of what waits in the buffer; how many messages that were."""
        self._behind = False
        return self._consume()

    def _consume(self) -> int:
        """Take whole messages out of the buffer while there is room for questions in flight, but only so many
        at once; how many there were."""
        buffer, position, ready, count = self._buffer, 0, bytearray(), 0
        handle = self._listener.pipeline.handle
        while len(buffer) - position >= 2 and self._in_flight < MAX_IN_FLIGHT and not self._unread_since:
            length = buffer[position] << 8 | buffer[position + 1]
            end = position + 2 + length
            if len(buffer) < end:
                break
            if count == AT_ONCE:
                self._wait_for_turn()
                break
            count += 1
            message = bytes(buffer[position + 2 : end])
            position = end
            self._since = self._listener.clock()
            self._in_flight += 1  # before it is handled: the sink may be called at once
            reply = handle(message, self.host, False, self._answer_later, None)
            if reply is not None:
                self._in_flight -= 1
                ready += _framed(reply)
            elif _is_no_query(message):
                self._cut()
                return count
            if len(ready) >= _READ:
                self._write(ready)
                ready = bytearray()
        del buffer[:position]
        self._write(ready)
        if position or self._ended:
            self._settle()
        self._pace()
        return count

    def _answer_later(self, _: object, reply: bytes) -> None:
        """The pipeline's sink: a reply that had to wait.

        Of a question that a rule leaves without an answer only its place in flight comes back: the
        connection may carry other questions, and ends in its own time when it carries none.
        """
        self._in_flight -= 1
        if not self._buffer:
            self._since = self._listener.clock()
        self._write(_framed(reply))
        self._settle()
        if self._paused and self._in_flight < MAX_IN_FLIGHT // 2:
            self._wait_for_turn()

    def _write(self, framed: bytes | bytearray) -> None:
        """Send replies, each in one piece with its length (RFC 7766 8)."""
        transport = self._transport
        if not framed or transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_UNREAD:
            self._cut()
            return
        transport.write(framed)

    def _settle(self) -> None:
        """After a message has come or gone: rest when nothing is in flight, end when the client has."""
        if self._in_flight:
            self._listener.connections.works(self)
            return
        self._listener.connections.rests(self)
        if self._ended and not (self._unread_since or self._behind) and self._transport is not None:
            self._transport.close()

    def _pace(self) -> None:
        """Stop reading while too much is in flight or unread, or waits for its turn; go on when it is not."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        full = self._in_flight >= MAX_IN_FLIGHT or self._behind or bool(self._unread_since)
        if full and not self._paused:
            transport.pause_reading()
        elif self._paused and not full:
            transport.resume_reading()
        self._paused = full

    def sweep(self, now: float, idle_seconds: float) -> None:
        """Cut it if it has been silent, slow with one message, or has not read, for too long."""
        if self._unread_since:
            if now - self._unread_since > UNREAD_SECONDS:
                self._cut()
        elif self._buffer and not self._paused:
            if now - self._since > MESSAGE_SECONDS:
                self._cut()
        elif not self._in_flight and now - self._since > idle_seconds:
            self.give_way()

    def give_way(self) -> None:
        """Close an idle connection, in order if the client has read everything."""
        transport = self._transport
        if transport is None or self._buffer or transport.get_write_buffer_size():
            self._cut()
            return
        self._listener.pipeline.counters.tcp_cut += 1
        transport.close()

    def _cut(self) -> None:
        if self._transport is not None:
            self._listener.pipeline.counters.tcp_cut += 1
            self._buffer.clear()
            self._transport.abort()


def _framed(reply: bytes) -> bytes:
    """A reply with its length (RFC 1035 4.2.2); nothing of one that is silence."""
    return len(reply).to_bytes(2, "big") + reply if reply else b""


def _is_no_query(message: bytes) -> bool:
    """Whether silence means hanging up: over TCP a response, or half a header, can be no accident."""
    return len(message) < 12 or bool(message[2] & 0x80)


class Turns:
    """Connections that have more messages than are answered at once, one after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[TcpConnection] = deque()
        self._called = False

    def wait(self, connection: TcpConnection) -> None:
        """Let it have a turn when all that wait already have had one."""
        self._waiting.append(connection)
        self._call()

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        waiting, left = self._waiting, EACH_TURN
        self._called = False
        while waiting and left > 0:
            left -= waiting.popleft().turn()
        if waiting:
            self._call()


class TcpListener:
    """The connections of one worker, over all of its listening sockets."""

    def __init__(
        self, pipeline: Pipeline, clock: Callable[[], float], limits: TcpLimits | None = None
    ) -> None:
        limits = limits or TcpLimits()
        self.pipeline: Final = pipeline
        self.clock: Final = clock
        self.loop: Final = asyncio.get_running_loop()
        self.buffer: Final = bytearray(_READ)
        self.turns: Final = Turns(self.loop)
        self.connections: Final = Connections(affordable(limits.connections), limits.of_one_client)
        self._acceptors: Final[list[Acceptor]] = []
        pipeline.idle_seconds = IDLE_SECONDS

    def listen(self, listening: socket.socket) -> None:
        """Take connections of a socket that listens; it belongs to this listener from here on."""
        self._acceptors.append(Acceptor(listening, self.protocol, self.connections.free_one))

    def close(self) -> None:
        """Take no more connections; those that are open go on until the process ends."""
        for acceptor in self._acceptors:
            acceptor.close()
        self._acceptors.clear()

    def protocol(self) -> TcpConnection:
        """A protocol for one connection."""
        return TcpConnection(self)

    def joined(self, connection: TcpConnection) -> bool:
        """Whether there is room for one more, or room could be made."""
        self.pipeline.counters.tcp_connections += 1
        return self.connections.join(connection)

    def sweep(self) -> None:
        """Look at every connection once; called once a second."""
        now, seconds = self.clock(), idle_seconds(self.connections.filled)
        self.pipeline.idle_seconds = seconds
        for connection in self.connections:
            cast(TcpConnection, connection).sweep(now, seconds)


def client_of(host: str) -> str:
    """Whose connections count together: one IPv4 address, or the /64 that an IPv6 address is in.

    A client may take as many addresses of its /64 as it likes (RFC 7766 6.2.2 speaks of subnets too).
    """
    address = address_of(host)
    return host if address is None or address.version == 4 else f"{address.value >> 64:x}/64"


def idle_seconds(filled: float) -> float:
    """How long an idle connection is kept while this share of all places is taken."""
    short = max(0.0, min(1.0, 2 * filled - 1))
    return IDLE_SECONDS - short * (IDLE_SECONDS - LEAST_IDLE_SECONDS)


def affordable(wanted: int) -> int:
    """So many connections, or fewer where the process may not have as many descriptors."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, limit - RESERVED))
