"""Which TCP connections a worker holds, and which of them gives way when there are too many.

A newcomer is never refused while an idle connection can go in its place (RFC 7766 6.2.3: idle ones may be
closed as resources demand; 6.2.2: limits for one client should be loose, as many may stand behind one
address). The longest idle one goes, of all or of the client that has too many; only when every
one has questions in flight is the newcomer turned away. So a client that opens thousands and says nothing
only closes its own, and a hundred such clients do not keep the next one out.

A connection is idle while it has no question in flight, also in the middle of a message that does not
come to an end. Dictionaries keep the order of becoming idle, so nothing is searched for.
This module must not know sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol


class Connection(Protocol):
    """What this module asks of a connection."""

    @property
    def client(self) -> str:
        """Whose it is: connections with the same one count together."""

    def give_way(self) -> None:
        """Close it: another is to have its place."""


class _Client:
    """The connections of one client: how many, and the idle ones in the order of becoming idle."""

    __slots__ = ("count", "idle")

    def __init__(self) -> None:
        self.count = 0
        self.idle: Final[dict[Connection, None]] = {}


class Connections:
    """At most so many in all, and of one client."""

    __slots__ = ("_all", "_clients", "_idle", "_most", "_most_of_one")

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most: Final = most
        self._most_of_one: Final = most_of_one
        self._all: Final[dict[Connection, _Client]] = {}
        self._idle: Final[dict[Connection, None]] = {}
        self._clients: Final[dict[str, _Client]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._all))

    @property
    def filled(self) -> float:
        """The share of all places that is taken, 0 to 1."""
        return len(self._all) / self._most

    def join(self, one: Connection) -> bool:
        """Take in a new connection, which is idle. False: there is no room, and none can be made."""
        client = self._clients.get(one.client)
        if client is not None and client.count >= self._most_of_one:
            room = self._make_room(client.idle)
        else:
            room = len(self._all) < self._most or self._make_room(self._idle)
        if not room:
            return False
        client = self._clients.setdefault(one.client, _Client())
        client.count += 1
        self._all[one] = client
        self.rests(one)
        return True

    def leave(self, one: Connection) -> None:
        """A connection has ended; one that is not here is no fault."""
        client = self._all.pop(one, None)
        if client is None:
            return
        self._idle.pop(one, None)
        client.idle.pop(one, None)
        client.count -= 1
        if not client.count:
            del self._clients[one.client]

    def works(self, one: Connection) -> None:
        """It has a question in flight now."""
        client = self._all.get(one)
        if client is not None:
            self._idle.pop(one, None)
            client.idle.pop(one, None)

    def rests(self, one: Connection) -> None:
        """It has none any more, or has just had one answered at once: of the idle ones it is the last."""
        client = self._all.get(one)
        if client is not None:
            self._idle.pop(one, None)
            client.idle.pop(one, None)
            self._idle[one] = client.idle[one] = None

    def free_one(self) -> bool:
        """Close the connection that has been idle longest; False when none is."""
        return self._make_room(self._idle)

    def _make_room(self, idle: dict[Connection, None]) -> bool:
        longest = next(iter(idle), None)
        if longest is None:
            return False
        # It leaves now, not when the event loop says that it has gone: its place is needed at once.
        self.leave(longest)
        longest.give_way()
        return True
