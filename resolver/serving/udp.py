"""The UDP listener, and with it the asyncio datapath: flow → ready answer, in a drain loop.

The event loop says once that there is something to read; then up to `BATCH` datagrams are read with one
system call, answered, and sent with another (`resolver.serving.datagrams`) without going back to it.
`asyncio.DatagramProtocol` would cost five times as much.

A known flow costs two look-ups (is this client let in, do I know these octets) and a join. Those of a
batch are answered first; whatever is not known goes to the pipeline then, whose answer comes at once or
later. Later ones that come in one turn of the event loop leave together.

When one full batch follows another, more comes than can be answered. In such a crowd everything is read
at once, what is known is answered on the spot, and the rest waits in `resolver.serving.overload`, from
where a few at a time are served between two looks at the socket. So a known answer waits for a few
first-seen ones at most, not for a queue of thousands; the crowd is over when socket and room are empty.

Nothing a client sends may raise out of `readable`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from resolver.inherited import UdpSocket
from resolver.serving.datagrams import datagrams
from resolver.serving.overload import WaitingRoom
from resolver.serving.peers import MANY, PLACES, Received, ask_where_to, host_of
from resolver.serving.pipeline import Pipeline

BATCH: Final = MANY
"""Datagrams handled before the event loop has its turn."""

CROWD: Final = 4
"""Full batches in a row that make a crowd."""

DRAIN: Final = 4 * BATCH
"""Datagrams read at one look in a crowd: more than come while a few first-seen questions are served."""

FEW: Final = 16
"""First-seen questions served between two looks at the socket: a third of a millisecond."""

LOOKS: Final = 2
"""Looks at the socket before the event loop has its turn, and with it the replies of upstreams."""

REMEMBERED: Final = 65_536
"""Clients without limits that are known by the octets of their address; then the memory starts anew."""

_MTU_DISCOVER: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, 10),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 23),
}
_PROBE: Final = 3
"""Set DF, and believe no ICMP message about a smaller MTU: it may be forged (ip(7), IP_PMTUDISC_PROBE)."""


class UdpListener:
    """Serves one bound socket; `readable` is for the running event loop to call."""

    def __init__(self, inherited: UdpSocket, pipeline: Pipeline, clock: Callable[[], float]) -> None:
        self._socket = socket.socket(fileno=inherited.fd)
        self._socket.setblocking(False)
        _never_fragment(self._socket)
        self._pipeline = pipeline
        self._clock = clock
        if inherited.wildcard:
            ask_where_to(self._socket)
        self._way = datagrams(self._socket.family, wildcard=inherited.wildcard)
        self._place = PLACES[socket.AddressFamily(self._socket.family)]
        # Octets of an address → its text, for clients that the pipeline lets in without limits.
        self._hosts: dict[bytes, str] = {}
        self._replies: Received = []
        self._turn = pipeline.resolution.wheel.turn
        self._full_batches = 0
        self._room = WaitingRoom()
        self._scheduled = False

    def fileno(self) -> int:
        """The descriptor, for the event loop."""
        return self._socket.fileno()

    def readable(self) -> None:
        """Answer what has come: at most BATCH datagrams of it, or in a crowd what is known of it."""
        self._turn.begin()
        try:
            if self._full_batches >= CROWD:
                self._read(DRAIN, self._room)
                self._schedule()
            elif self._read(BATCH, None):
                self._full_batches = 0
            else:
                self._full_batches += 1
        finally:
            self._turn.end()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        """Serve some of those that wait, with a look at the socket after every few."""
        self._scheduled = False
        self._turn.begin()
        try:
            self._serve_some()
        finally:
            self._turn.end()

    def _serve_some(self) -> None:
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
        take = self._room.take
        for _ in range(FEW):
            one = take()
            if one is None:
                break
            self._ask(one[0], *one[1])
        self._flush()

    def _read(self, most: int, room: WaitingRoom | None) -> bool:
        """Answer at most so many datagrams; what is not known goes into the room if there is one.

        Whether the socket was read empty.
        """
        for _ in range(0, most, MANY):
            try:
                found = self._way.receive(self._socket, MANY)
            except OSError:
                return True  # an error of its own, with no datagram to it
            unknown = self._answer(found)
            self._flush()
            for data, peer in unknown:
                host = self._hosts.get(peer[self._place]) or host_of(peer, self._socket.family)
                if room is None:
                    self._ask(data, host, peer)
                else:
                    self._pipeline.counters.shed += not room.put((data, (host, peer)))
            self._flush()
            if len(found) < MANY:
                return True
        return False

    def _answer(self, found: Received) -> Received:
        """Put the answers to known flows among the replies; what is left, in its order."""
        pipeline, now = self._pipeline, self._clock()
        hosts, place, flows, replies = self._hosts, self._place, pipeline.flows, self._replies
        unknown: Received = []
        hits = blocked = 0
        for one in found:
            data, peer = one
            if peer[place] not in hosts and not self._is_let_in(peer):
                unknown.append(one)
                continue
            key = data[2:]
            entry = flows.young.get(key) or flows.promote(key)
            if type(entry) is tuple:
                head, end, tail = entry
                replies.append((data[:2] + head + data[12:end] + tail, peer))
                blocked += 1
            elif entry is not None and (now < entry.until or entry.renew(now)):  # type: ignore[union-attr]
                replies.append((data[:2] + entry.tail, peer))  # type: ignore[union-attr]
                hits += 1
            else:
                if entry is not None:
                    pipeline.outdated(key, entry)  # type: ignore[arg-type]
                unknown.append(one)
        counters = pipeline.counters
        counters.queries += hits + blocked
        counters.flow_hits += hits + blocked
        counters.blocked += blocked
        return unknown

    def _is_let_in(self, peer: bytes) -> bool:
        """Whether the pipeline has let a client in without limits; it is known by its address then."""
        host = host_of(peer, self._socket.family)
        if host not in self._pipeline.admission.known:
            return False
        if len(self._hosts) >= REMEMBERED:
            self._hosts.clear()
        self._hosts[peer[self._place]] = host
        return True

    def _ask(self, data: bytes, host: str, peer: bytes) -> None:
        """Hand a question over; its reply comes now, or by `answer_later`."""
        reply = self._pipeline.handle(data, host, True, self.answer_later, peer)
        if reply:
            self._replies.append((reply, peer))

    def answer_later(self, peer: object, reply: bytes) -> None:
        """The pipeline's sink: send a reply that had to wait, with others that come in the same turn."""
        if not reply:
            return
        if not self._replies:
            self._turn.at_end(self._flush)
        self._replies.append((reply, peer))  # type: ignore[arg-type]
        if len(self._replies) >= MANY:
            self._flush()

    def _flush(self) -> None:
        """Send the replies that there are."""
        replies = self._replies
        if replies and self._socket.fileno() >= 0:
            self._replies = []
            self._pipeline.counters.unsent += len(self._way.send(self._socket, replies))

    def close(self) -> None:
        """Send what is ready, close our descriptor; the supervisor keeps its own. Nobody waits any more."""
        self._flush()
        self._room.clear()
        self._socket.close()


def _never_fragment(sock: socket.socket) -> None:
    """RFC 9715 3.1: replies are short enough for every path, and fragments could be forged."""
    level, option = _MTU_DISCOVER[sock.family]
    sock.setsockopt(level, option, _PROBE)
