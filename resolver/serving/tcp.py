"""The TCP listener (RFC 7766): two octets of length, a message, as often as the client likes.

A client may send many queries without waiting (6.2.1.1); each is answered as soon as its answer is
there, in any order (7). What bounds it: connections in all and per client, questions in flight per
connection, seconds without a whole message, seconds for one message, octets that wait to be read by
the client. One sweep a second looks at all connections, so an idle one costs no timer. None of this
delays UDP. Nothing a client sends may raise out of the protocol's callbacks.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Callable
from typing import Final, cast

from resolver.serving.pipeline import Pipeline

MAX_CONNECTIONS: Final = 1_000
MAX_PER_CLIENT: Final = 50
MAX_IN_FLIGHT: Final = 100
"""Questions of one connection that wait for an upstream; reading pauses at this number."""
IDLE_SECONDS: Final = 15.0
"""Without a question and without one in flight (RFC 7766 6.2.3: "on the order of a few seconds")."""
MESSAGE_SECONDS: Final = 5.0
"""From the first octet of a message to its last: cuts whoever sends an octet a second."""
MAX_UNREAD: Final = 1 << 20
"""Octets of replies that a client may leave unread."""


class TcpConnection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, listener: TcpListener) -> None:
        self._listener = listener
        self._buffer = bytearray()
        self._in_flight = 0
        self._paused = False
        self._since = listener.clock()
        self._transport: asyncio.Transport | None = None
        self.host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or cut it when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.host = peer[0] if peer else ""
        if not self._listener.joined(self):
            self._cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; replies still on their way go nowhere."""
        self._transport = None
        self._listener.left(self)

    def data_received(self, data: bytes) -> None:
        """Answer every whole message that has come."""
        if not self._buffer:
            self._since = self._listener.clock()
        self._buffer += data
        self._consume()

    def _consume(self) -> None:
        """Take whole messages out of the buffer while there is room for questions in flight."""
        buffer = self._buffer
        position = 0
        while len(buffer) - position >= 2 and self._in_flight < MAX_IN_FLIGHT:
            length = buffer[position] << 8 | buffer[position + 1]
            end = position + 2 + length
            if len(buffer) < end:
                break
            message = bytes(buffer[position + 2 : end])
            position = end
            self._since = self._listener.clock()
            self._in_flight += 1
            reply = self._listener.pipeline.handle(message, self.host, False, self._answer_later, None)
            if reply is not None:
                self._answer_later(None, reply)
            elif self._silence(message):
                return
        del buffer[:position]
        self._pace()

    def _silence(self, message: bytes) -> bool:
        """Hang up on what is no query: over TCP it can be no accident (a response, or half a header)."""
        if len(message) >= 12 and not message[2] & 0x80:
            return False
        self._cut()
        return True

    def _answer_later(self, _: object, reply: bytes) -> None:
        """Send a reply in one segment with its length (RFC 7766 8).

        Of a question that a rule leaves without an answer only its place in flight comes back: the
        connection may carry other questions, and ends in its own time when it carries none.
        """
        self._in_flight -= 1
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_UNREAD:
            self._cut()
            return
        if reply:
            transport.write(len(reply).to_bytes(2, "big") + reply)
        if self._paused and self._in_flight < MAX_IN_FLIGHT // 2:
            self._listener.loop.call_soon(self._consume)

    def _pace(self) -> None:
        """Stop reading while too much is in flight, go on when it is not."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        full = self._in_flight >= MAX_IN_FLIGHT
        if full and not self._paused:
            transport.pause_reading()
        elif self._paused and not full:
            transport.resume_reading()
        self._paused = full

    def sweep(self, now: float) -> None:
        """Cut it if it has been silent, or slow with one message, for too long."""
        patience = MESSAGE_SECONDS if self._buffer and not self._paused else IDLE_SECONDS
        if (self._in_flight == 0 or self._buffer) and now - self._since > patience:
            self._cut()

    def _cut(self) -> None:
        if self._transport is not None:
            self._listener.pipeline.counters.tcp_cut += 1
            self._transport.abort()


class TcpListener:
    """The connections of one worker, over all of its listening sockets."""

    def __init__(self, pipeline: Pipeline, clock: Callable[[], float]) -> None:
        self.pipeline: Final = pipeline
        self.clock: Final = clock
        self.loop: Final = asyncio.get_running_loop()
        self._connections: set[TcpConnection] = set()
        self._hosts: Tally[str] = Tally()

    def protocol(self) -> TcpConnection:
        """A protocol for `loop.create_server`."""
        return TcpConnection(self)

    def joined(self, connection: TcpConnection) -> bool:
        """Whether there is room for one more, in all and from its client."""
        self.pipeline.counters.tcp_connections += 1
        self._connections.add(connection)
        self._hosts[connection.host] += 1
        return len(self._connections) <= MAX_CONNECTIONS and self._hosts[connection.host] <= MAX_PER_CLIENT

    def left(self, connection: TcpConnection) -> None:
        """A connection has ended."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._hosts[connection.host] -= 1
            if not self._hosts[connection.host]:
                del self._hosts[connection.host]

    def sweep(self) -> None:
        """Look at every connection once; called once a second."""
        now = self.clock()
        for connection in list(self._connections):
            connection.sweep(now)
