"""The UDP listener, and with it the asyncio datapath: flow → ready answer, in a drain loop.

The event loop says once that there is something to read; then up to `BATCH` datagrams are read and
answered without going back to it. `asyncio.DatagramProtocol` would cost five times as much.

A known flow costs two look-ups (is this client let in, do I know these octets), a join and the two
system calls. Whatever is not known goes to the pipeline, whose answer comes at once or later.

When one full batch follows another, more comes than can be answered. In such a crowd everything is read
at once, what is known is answered on the spot, and the rest waits in `resolver.serving.overload`, from
where a few at a time are served between two looks at the socket. So a known answer waits for a few
first-seen ones at most, not for a queue of thousands; the crowd is over when socket and room are empty.

On a socket bound to every address a reply must leave from the address that was asked, or the client
drops it: `_Wildcard` reads that address with each datagram and writes it with each reply
(IP_PKTINFO, RFC 3542 6.2 for IPv6). Nothing a client sends may raise out of `readable`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from resolver.inherited import UdpSocket
from resolver.serving.overload import WaitingRoom
from resolver.serving.pipeline import Pipeline

BATCH: Final = 64
"""Datagrams handled before the event loop has its turn."""

CROWD: Final = 4
"""Full batches in a row that make a crowd."""

DRAIN: Final = 256
"""Datagrams read at one look in a crowd: more than come while a few first-seen questions are served."""

FEW: Final = 16
"""First-seen questions served between two looks at the socket: a third of a millisecond."""

LOOKS: Final = 2
"""Looks at the socket before the event loop has its turn, and with it the replies of upstreams."""

_SIZE: Final = 4096
"""Octets read of one datagram: far more than a query has; a longer one is cut and fails to parse."""

# Linux's numbers; the socket module of Python 3.11 does not name the first.
_IP_PKTINFO: Final = 8
_PKTINFO4: Final = Struct("=i4s4s")
_ANCILLARY: Final = 64

_MTU_DISCOVER: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, 10),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 23),
}
_PROBE: Final = 3
"""Set DF, and believe no ICMP message about a smaller MTU: it may be forged (ip(7), IP_PMTUDISC_PROBE)."""

_Peer = tuple[Any, ...]


class UdpListener:
    """Serves one bound socket; `readable` is for the running event loop to call."""

    def __init__(self, inherited: UdpSocket, pipeline: Pipeline, clock: Callable[[], float]) -> None:
        self._socket = socket.socket(fileno=inherited.fd)
        self._socket.setblocking(False)
        _never_fragment(self._socket)
        self._pipeline = pipeline
        self._clock = clock
        self._receive: Callable[[int], tuple[bytes, _Peer]] = self._socket.recvfrom
        self._send: Callable[[bytes, _Peer], object] = self._socket.sendto
        if inherited.wildcard:
            wildcard = _Wildcard(self._socket)
            self._receive, self._send = wildcard.receive, wildcard.send
        self._full_batches = 0
        self._room = WaitingRoom()
        self._scheduled = False

    def fileno(self) -> int:
        """The descriptor, for the event loop."""
        return self._socket.fileno()

    def readable(self) -> None:
        """Answer what has come: at most BATCH datagrams of it, or in a crowd what is known of it."""
        if self._full_batches >= CROWD:
            self._read(DRAIN, self._room)
            self._schedule()
        elif self._read(BATCH, None):
            self._full_batches = 0
        else:
            self._full_batches += 1

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        """Serve some of those that wait, with a look at the socket after every few."""
        self._scheduled = False
        room, empty = self._room, False
        for _ in range(LOOKS):
            self._serve_few()
            empty = self._read(DRAIN, room)
            if not room:
                break
        if room or not empty:
            self._schedule()
        else:
            self._full_batches = 0

    def _serve_few(self) -> None:
        take, handle = self._room.take, self._pipeline.handle
        for _ in range(FEW):
            one = take()
            if one is None:
                return
            reply = handle(one[0], one[1][0], True, self.answer_later, one[1])
            if reply:
                self.answer_later(one[1], reply)

    def _read(self, most: int, room: WaitingRoom | None) -> bool:
        """Answer at most so many datagrams; what is not known goes into the room if there is one.

        Whether the socket was read empty.
        """
        receive, send = self._receive, self._send
        pipeline, now = self._pipeline, self._clock()
        known, flows = pipeline.admission.known, pipeline.flows
        hits = blocked = 0
        empty = False
        for _ in range(most):
            try:
                data, peer = receive(_SIZE)
            except BlockingIOError:
                empty = True
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
                if room is not None:
                    pipeline.counters.shed += not room.put((data, peer))
                    continue
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
        return empty

    def answer_later(self, peer: object, reply: bytes) -> None:
        """The pipeline's sink: send a reply that had to wait."""
        if not reply:
            return
        try:
            self._send(reply, peer)  # type: ignore[arg-type]
        except OSError:
            self._pipeline.counters.unsent += 1

    def close(self) -> None:
        """Close our descriptor; the supervisor keeps its own. Nobody waits any more."""
        self._room.clear()
        self._socket.close()


def _never_fragment(sock: socket.socket) -> None:
    """RFC 9715 3.1: replies are short enough for every path, and fragments could be forged."""
    level, option = _MTU_DISCOVER[sock.family]
    sock.setsockopt(level, option, _PROBE)


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
        data, ancillary, _, address = self._recvmsg(size, _ANCILLARY)
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
