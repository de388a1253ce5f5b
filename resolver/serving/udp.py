"""The UDP listener, and with it the asyncio datapath: flow → ready answer, in a drain loop.

The event loop says once that there is something to read; then up to `BATCH` datagrams are read and
answered without going back to it. `asyncio.DatagramProtocol` would cost five times as much.

A known flow costs two look-ups (is this client let in, do I know these octets), a join and the two
system calls. Whatever is not known goes to the pipeline, whose answer comes at once or later.

On a socket bound to every address a reply must leave from the address that was asked, or the client
drops it: `_Wildcard` reads that address with each datagram and writes it with each reply
(IP_PKTINFO, RFC 3542 6.2 for IPv6). Nothing a client sends may raise out of `readable`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from resolver.inherited import UdpSocket
from resolver.serving.pipeline import Pipeline

BATCH: Final = 64
"""Datagrams handled before the event loop has its turn."""

_SIZE: Final = 4096
"""Octets read of one datagram: far more than a query has; a longer one is cut and fails to parse."""

# Linux's numbers; the socket module of Python 3.11 does not name the first.
_IP_PKTINFO: Final = 8
_PKTINFO4: Final = Struct("=i4s4s")
_ROOM: Final = 64

_Peer = tuple[Any, ...]


class UdpListener:
    """Serves one bound socket; `start` and `stop` tie it to the running event loop."""

    def __init__(self, inherited: UdpSocket, pipeline: Pipeline, clock: Callable[[], float]) -> None:
        self._socket = socket.socket(fileno=inherited.fd)
        self._socket.setblocking(False)
        self._pipeline = pipeline
        self._clock = clock
        self._receive: Callable[[int], tuple[bytes, _Peer]] = self._socket.recvfrom
        self._send: Callable[[bytes, _Peer], object] = self._socket.sendto
        if inherited.wildcard:
            wildcard = _Wildcard(self._socket)
            self._receive, self._send = wildcard.receive, wildcard.send

    def fileno(self) -> int:
        """The descriptor, for the event loop."""
        return self._socket.fileno()

    def readable(self) -> None:
        """Answer what has come, at most BATCH datagrams of it."""
        receive, send = self._receive, self._send
        pipeline, now = self._pipeline, self._clock()
        known, flows = pipeline.admission.known, pipeline.flows
        hits = blocked = 0
        for _ in range(BATCH):
            try:
                data, peer = receive(_SIZE)
            except BlockingIOError:
                break
            except OSError:
                continue
            key = data[2:]
            reply: bytes | None = None
            if peer[0] in known:
                entry = flows.young.get(key) or flows.promote(key)
                if type(entry) is tuple:
                    head, end, tail = entry
                    reply = data[:2] + head + data[12:end] + tail
                    blocked += 1
                elif entry is not None and (now < entry.until or entry.renew(now)):  # type: ignore[union-attr]
                    reply = data[:2] + entry.tail  # type: ignore[union-attr]
                    hits += 1
                elif entry is not None:
                    flows.forget(key)
            if reply is None:
                reply = pipeline.handle(data, peer[0], True, self.answer_later, peer)
                if not reply:
                    continue
            try:
                send(reply, peer)
            except OSError:
                pipeline.counters.unsent += 1
        counters = pipeline.counters
        counters.queries += hits + blocked
        counters.flow_hits += hits + blocked
        counters.blocked += blocked

    def answer_later(self, peer: object, reply: bytes) -> None:
        """The pipeline's sink: send a reply that had to wait for an upstream."""
        if not reply:
            return
        try:
            self._send(reply, peer)  # type: ignore[arg-type]
        except OSError:
            self._pipeline.counters.unsent += 1

    def close(self) -> None:
        """Close our descriptor; the supervisor keeps its own."""
        self._socket.close()


class _Wildcard:
    """Receives with the address that was asked, and sends from it.

    A peer is (host, (address, ancillary data)): the first member is the client's host, as it is for
    an ordinary socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._recvmsg = sock.recvmsg
        self._sendmsg = sock.sendmsg
        self._six = sock.family == socket.AF_INET6
        if self._six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def receive(self, size: int) -> tuple[bytes, _Peer]:
        """One datagram and its peer. Raises OSError as recvmsg does."""
        data, ancillary, _, address = self._recvmsg(size, _ROOM)
        return data, (address[0], address, [self._reply_with(*one) for one in ancillary])

    def send(self, reply: bytes, peer: _Peer) -> None:
        """Send from the address that was asked. Raises OSError as sendmsg does."""
        self._sendmsg((reply,), peer[2], 0, peer[1])

    def _reply_with(self, level: int, kind: int, data: bytes) -> tuple[int, int, bytes]:
        """The ancillary data that makes a reply leave from where its query went to (ip(7))."""
        if self._six:
            return level, kind, data
        _, specific, _ = _PKTINFO4.unpack(data[: _PKTINFO4.size])
        return level, kind, _PKTINFO4.pack(0, specific, b"\0\0\0\0")
