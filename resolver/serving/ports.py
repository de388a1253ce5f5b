"""Source ports: a rotating pool of pre-opened sockets, each on a port drawn at random.

RFC 5452 9.2 asks for an unpredictable ID and source port for every query. A fresh socket for each
would cost more than the query itself, so each upstream has a pool: a query takes one of its sockets
at random; a socket that has carried `USES` queries or is older than `AGE` leaves the pool and is
closed once nothing is awaited on it. The sockets are connected, so the kernel drops what does not
come from the upstream's own address and port, and tells at once when nobody listens there.

    attacker's odds for one forged packet: 1 in 65 536 IDs times some 49 000 ports

A storm of packets with wrong IDs on a socket retires it at once: its port has been found.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from resolver.serving.readers import Readers
from resolver.upstreams import Endpoint

SIZE: Final = 32
"""Sockets open for new queries, per upstream."""
USES: Final = 64
"""Queries that one socket carries."""
AGE: Final = 10.0
"""Seconds that an idle pool keeps a socket."""
MISMATCHES: Final = 8
"""Wrong packets on one socket before its port counts as found (RFC 5452 9.3)."""
_LOWEST: Final = 16_384
_HIGHEST: Final = 65_535
_TRIES: Final = 4

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}

T = TypeVar("T")


class PortSocket(Generic[T]):
    """One connected socket and what is awaited on it: ID → exchange."""

    __slots__ = ("_pool", "born", "mismatches", "pending", "retired", "send", "sock", "uses")

    def __init__(self, pool: PortPool[T], sock: socket.socket, now: float) -> None:
        self._pool = pool
        self.sock: Final = sock
        self.send: Final = sock.send
        self.born: Final = now
        self.pending: dict[int, T] = {}
        self.uses = 0
        self.mismatches = 0
        self.retired = False

    def readable(self) -> None:
        """Hand over one packet; called while there is one, so nothing is read in vain."""
        try:
            data = self.sock.recv(65_535)
        except BlockingIOError:
            return
        except OSError:
            # ICMP: nobody listens at the upstream's port, or the way there is gone.
            self._pool.unreachable(self)
            return
        self._pool.received(self, data)

    def mismatched(self) -> None:
        """A packet that answers nothing asked here. RFC 5452 9.3: react to a storm of them."""
        self.mismatches += 1
        if self.mismatches >= MISMATCHES:
            self._pool.retire(self)

    def release(self, number: int) -> None:
        """Nothing more is awaited under this ID."""
        self.pending.pop(number, None)
        if self.retired and not self.pending:
            self._pool.close_socket(self)


class PortPool(Generic[T]):
    """The sockets towards one upstream.

    `received(socket, octets)` and `unreachable(socket)` are called from the event loop, which watches
    one descriptor for all of them (`resolver.serving.readers`).
    """

    def __init__(
        self,
        endpoint: Endpoint,
        chance: Iterator[int],
        received: Callable[[PortSocket[T], bytes], None],
        unreachable: Callable[[PortSocket[T]], None],
        clock: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._chance = chance
        self._clock = clock
        self._readers = Readers()
        self.received = received
        self.unreachable = unreachable
        self._active: list[PortSocket[T]] = []
        self._retired: set[PortSocket[T]] = set()

    def take(self, exchange: T) -> tuple[PortSocket[T], int]:
        """A socket and a free ID on it for one query. Raises OSError when no socket can be opened."""
        word = next(self._chance)
        if len(self._active) < SIZE:
            chosen = self._open()
        else:
            slot = (word >> 16) % SIZE
            chosen = self._active[slot]
            if chosen.uses >= USES or self._clock() - chosen.born > AGE:
                self.retire(chosen)
                chosen = self._open()
        number = word & 0xFFFF
        while number in chosen.pending:
            number = next(self._chance) & 0xFFFF
        chosen.uses += 1
        chosen.pending[number] = exchange
        return chosen, number

    def retire(self, where: PortSocket[T]) -> None:
        """Take a socket out of the pool; it closes when nothing is awaited on it any more."""
        if where.retired:
            return
        where.retired = True
        self._active = [one for one in self._active if one is not where]
        if where.pending:
            self._retired.add(where)
        else:
            self.close_socket(where)

    def close_socket(self, where: PortSocket[T]) -> None:
        """Close one socket for good."""
        self._retired.discard(where)
        if where.sock.fileno() >= 0:
            self._readers.remove(where.sock.fileno())
            where.sock.close()

    def close(self) -> None:
        """Close every socket."""
        for where in (*self._active, *self._retired):
            where.retired = True
            self.close_socket(where)
        self._active = []
        self._readers.close()

    def _open(self) -> PortSocket[T]:
        sock = socket.socket(_FAMILIES[self._endpoint.family], socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            self._bind(sock)
            sock.connect((self._endpoint.host, self._endpoint.port))
            where = PortSocket(self, sock, self._clock())
            self._readers.add(sock.fileno(), where.readable)
        except OSError:
            sock.close()
            raise
        self._active.append(where)
        return where

    def _bind(self, sock: socket.socket) -> None:
        """A port of our own choice; after a few that are taken, the kernel's (also at random)."""
        for _ in range(_TRIES):
            port = _LOWEST + next(self._chance) % (_HIGHEST - _LOWEST + 1)
            with contextlib.suppress(OSError):
                sock.bind(("", port))
                return
