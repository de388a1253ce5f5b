"""Source ports: a rotating pool of pre-opened sockets, each on a port drawn at random.

RFC 5452 9.2 asks for an unpredictable ID and source port for every query. A fresh socket for each
would cost more than the query itself, so each upstream has a pool: a query takes one of its sockets
at random; a socket that has carried `USES` queries or is older than `AGE` leaves the pool and is
closed once nothing is awaited on it. The sockets are connected, so the kernel drops what does not
come from the upstream's own address and port, and tells at once when nobody listens there.

Up to `TOGETHER` queries of one turn of the event loop take the same socket and leave with one system call
(`resolver.serving.datagrams`); under load that saves a quarter of what a first-seen name costs. For whoever
forges it changes nothing: a packet still has to hit the port and the ID of the one question it is meant for,
and neither says anything of the other.

    attacker's odds for one forged packet: 1 in 65 536 IDs times some 49 000 ports

A few packets with wrong IDs on a socket mean that its port has been found (RFC 5452 9.3): it retires at
once, what was awaited on it is asked in another way, and its number is not drawn again for a while.

Queries carry DF, and the kernel takes no word of ICMP about the size of the path (RFC 9715): whoever
forges one cannot make us send fragments. An ID is used once on a socket, so a copy of an answer is
known as one and is not taken for a forgery.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from resolver.serving.datagrams import datagrams
from resolver.serving.peers import MANY
from resolver.serving.readers import Readers
from resolver.serving.turn import Turn
from resolver.upstreams import Endpoint

SIZE: Final = 32
"""Sockets open for new queries, per upstream."""
USES: Final = 64
"""Queries that one socket carries."""
TOGETHER: Final = 8
"""Queries that leave from one socket with one call."""
MOST_USES: Final = 1_024
"""The same while the machine has no descriptor or no port for another: names that resolve are worth more."""
AGE: Final = 10.0
"""Seconds that an idle pool keeps a socket."""
MISMATCHES: Final = 8
"""Wrong packets on one socket before its port counts as found (RFC 5452 9.3)."""
SHUNNED: Final = 256
"""Ports that a forger has found and that are not drawn again, the oldest forgotten first."""
_LOWEST: Final = 16_384
_HIGHEST: Final = 65_535
_TRIES: Final = 4

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_PROBE: Final = 3
_DF: Final = {4: (socket.IPPROTO_IP, 10, _PROBE), 6: (socket.IPPROTO_IPV6, 23, _PROBE)}
"""Linux: IP_MTU_DISCOVER and IPV6_MTU_DISCOVER with PMTUDISC_PROBE: DF set, path MTU ignored."""

T = TypeVar("T")


class PortSocket(Generic[T]):
    """One connected socket and what is awaited on it: ID → try."""

    __slots__ = ("_pool", "born", "leaving", "mismatches", "pending", "retired", "sock", "used")

    def __init__(self, pool: PortPool[T], sock: socket.socket, now: float) -> None:
        self._pool = pool
        self.sock: Final = sock
        self.leaving: list[tuple[bytes, bytes]] = []
        self.born: Final = now
        self.pending: dict[int, T] = {}
        self.used: set[int] = set()
        self.mismatches = 0
        self.retired = False

    def readable(self) -> None:
        """Hand over what has come; called while there is something, so nothing is read in vain."""
        pool = self._pool
        try:
            found = pool.way.receive(self.sock, MANY)
        except OSError:
            # ICMP: nobody listens at the upstream's port, or the way there is gone.
            pool.unreachable(self)
            return
        for data, _ in found:
            pool.received(self, data)

    def mismatched(self) -> None:
        """A packet that answers nothing asked here. RFC 5452 9.3: react to a storm of them."""
        self.mismatches += 1
        if self.mismatches == MISMATCHES:
            self._pool.give_up(self)

    def release(self, number: int) -> None:
        """Nothing more is awaited under this ID."""
        self.pending.pop(number, None)
        if self.retired and not self.pending:
            self._pool.close_socket(self)


class PortPool(Generic[T]):
    """The sockets towards one upstream.

    `received(socket, octets)` and `unreachable(socket)` are called from the event loop, which watches
    one descriptor for all of them (`resolver.serving.readers`); `found(awaited)` when a forger has found
    a port, with all that was awaited there and is not any more; `refused(awaiting)` when the kernel would
    not send a query.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        chance: Iterator[int],
        received: Callable[[PortSocket[T], bytes], None],
        unreachable: Callable[[PortSocket[T]], None],
        found: Callable[[list[T]], None],
        refused: Callable[[T], None],
        turn: Turn,
    ) -> None:
        self.way: Final = datagrams(_FAMILIES[endpoint.family], connected=True)
        self._turn = turn
        self._refused = refused
        self._current: PortSocket[T] | None = None
        self._together = 0
        self._leaving: list[tuple[PortSocket[T], T]] = []
        self._endpoint = endpoint
        self._chance = chance
        self._readers = Readers(turn)
        self.received = received
        self.unreachable = unreachable
        self._found = found
        self._active: list[PortSocket[T]] = []
        self._retired: set[PortSocket[T]] = set()
        self._shunned: dict[int, None] = {}

    def take(self, awaiting: T, now: float) -> tuple[PortSocket[T], int]:
        """A socket and a free ID on it for one query. Raises OSError when no socket can be opened."""
        word = next(self._chance)
        number = word & 0xFFFF
        chosen = self._current
        if chosen is None or chosen.retired or self._together <= 0 or len(chosen.used) >= USES:
            chosen = self._current = self._draw(word >> 16, now)
            self._together = TOGETHER
        self._together -= 1
        while number in chosen.used:
            number = next(self._chance) & 0xFFFF
        chosen.used.add(number)
        chosen.pending[number] = awaiting
        return chosen, number

    def _draw(self, slot: int, now: float) -> PortSocket[T]:
        """The socket of one turn. Raises OSError when none can be opened, and none that is open will do."""
        active = self._active
        if len(active) == SIZE:
            chosen = active[slot % SIZE]
            if len(chosen.used) < USES and now - chosen.born <= AGE:
                return chosen
            self.retire(chosen)
        try:
            return self._open(now)
        except OSError:
            spare = [one for one in active if len(one.used) < MOST_USES]
            if not spare:
                raise
            return spare[slot % len(spare)]

    def send(self, where: PortSocket[T], octets: bytes, awaiting: T) -> None:
        """Send a query with the others of this turn, or when there are many."""
        if not self._leaving:
            self._turn.at_end(self._flush)
        self._leaving.append((where, awaiting))
        where.leaving.append((octets, b""))

    def _flush(self) -> None:
        """Send the queries of this turn; the next turn has another port."""
        self._current = None
        leaving, self._leaving = self._leaving, []
        waiting: dict[PortSocket[T], list[T]] = {}
        for where, awaiting in leaving:
            waiting.setdefault(where, []).append(awaiting)
        for where, those in waiting.items():
            batch, where.leaving = where.leaving, []
            if where.sock.fileno() < 0:
                continue  # a forger has found the port meanwhile, and they are asked in another way
            for number, why in self.way.send(where.sock, batch):
                # Without room in the kernel a query is lost, as on any wire.
                if why != errno.EAGAIN:
                    self._refused(those[number])

    def retire(self, where: PortSocket[T]) -> None:
        """Take a socket out of the pool; it closes when nothing is awaited on it any more."""
        if where.retired:
            return
        where.retired = True
        self._active.remove(where)
        if where.pending:
            self._retired.add(where)
        else:
            self.close_socket(where)

    def give_up(self, where: PortSocket[T]) -> None:
        """A port was found: close it, whatever is awaited there, and do not use it again soon."""
        if where.sock.fileno() >= 0:
            self._shunned[where.sock.getsockname()[1]] = None
            if len(self._shunned) > SHUNNED:
                del self._shunned[next(iter(self._shunned))]
        self.retire(where)
        awaited = list(where.pending.values())
        where.pending.clear()
        self.close_socket(where)
        self._found(awaited)

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

    def _open(self, now: float) -> PortSocket[T]:
        sock = socket.socket(_FAMILIES[self._endpoint.family], socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            with contextlib.suppress(OSError):  # a kernel that does not know it: DF is a wish
                sock.setsockopt(*_DF[self._endpoint.family])
            self._bind(sock)
            sock.connect((self._endpoint.host, self._endpoint.port))
            where = PortSocket(self, sock, now)
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
            if port not in self._shunned:
                with contextlib.suppress(OSError):
                    sock.bind(("", port))
                    return
