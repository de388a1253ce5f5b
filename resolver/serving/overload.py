"""Where first-seen questions wait while more comes than can be answered, and who is turned away.

A known flow costs a few microseconds, a first-seen question ten times as much. When the kernel's queue
fills up, known and first-seen stand in it alike, and a flood of random names (water torture) takes the known
answers down with it. So in a crowd the listener reads everything at once, answers what is known on the
spot, and sends the rest in here; between two looks at the socket a few of them are served
(`resolver.serving.udp`).

    put ──► one queue for each client ──► take: one of each client in turn

The room is bounded. When it is full, the client with the most waiting loses: its newest question if it is
the one that comes, otherwise its oldest. So whoever floods only pushes out itself, and a client that asks
one name now and then is served next, however long the queue of another is.

This module must not know sockets, and nothing of a question but who asked it.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

ROOM: Final = 2048
"""Questions that wait: a tenth of a second of work, and more than a load generator has outstanding."""

Waiting = tuple[bytes, tuple[Any, ...]]
"""A datagram and its peer, the first member of which is the client's host."""


class WaitingRoom:
    """`len()` says how many wait."""

    __slots__ = ("_longest", "_queues", "_room", "_turns", "_waiting")

    def __init__(self, room: int = ROOM) -> None:
        self._room: Final = room
        self._waiting = 0
        self._queues: Final[dict[str, deque[Waiting]]] = {}
        self._turns: Final[deque[str]] = deque()
        self._longest: deque[Waiting] = deque()

    def __len__(self) -> int:
        return self._waiting

    def put(self, one: Waiting) -> bool:
        """Let a question in. False: somebody was turned away for want of room, it or another."""
        host = one[1][0]
        queue = self._queues.get(host)
        full = self._waiting >= self._room
        if full:
            if queue is not None and len(queue) >= len(self._longest):
                return False
            self._turn_away()
        if queue is None:
            queue = self._queues[host] = deque()
            self._turns.append(host)
        queue.append(one)
        self._waiting += 1
        if len(queue) > len(self._longest):
            self._longest = queue
        return not full

    def _turn_away(self) -> None:
        """The oldest question of the longest queue is lost.

        Which queue is longest is only seen when one grows; a look at all of them for each question would
        cost more than the question. Where none is known to hold more than one, as when every source is
        forged, the client that came last is lost: the others are nearer to their turn.
        """
        longest = self._longest
        if len(longest) < 2:
            last = self._turns[-1]
            longest = self._queues[last]
            if len(longest) < 2:
                del self._queues[self._turns.pop()]
                self._waiting -= 1
                return
            self._longest = longest
        longest.popleft()
        self._waiting -= 1

    def take(self) -> Waiting | None:
        """The next one: the oldest of whichever client has waited longest for its turn."""
        if not self._turns:
            return None
        host = self._turns.popleft()
        queue = self._queues[host]
        one = queue.popleft()
        self._waiting -= 1
        if queue:
            self._turns.append(host)
        else:
            del self._queues[host]
        return one

    def clear(self) -> None:
        """Let nobody wait any more."""
        self._queues.clear()
        self._turns.clear()
        self._longest = deque()
        self._waiting = 0
