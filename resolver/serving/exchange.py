"""One question under way: who waits for it, which tries were made, and what came of them.

Equal questions in flight share one exchange (the birthday attack needs many at once), bounded in
waiters. An exchange ends exactly once: with an answer, or with none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from resolver.dns.query import Query
from resolver.dns.records import Walk
from resolver.serving.health import Upstream
from resolver.serving.ports import PortSocket

MAX_WAITERS: Final = 256
"""Clients that wait for one question; a further one is dropped and may ask again."""

Sink = Callable[[object, bytes], None]
"""Sends a reply later: (whom the listener gave, octets)."""


class Waiter(NamedTuple):
    """A client that waits. `udp` says whether its reply is bounded by `Query.udp_limit`."""

    query: Query
    sink: Sink
    peer: object
    udp: bool


class Try(NamedTuple):
    """One query sent for an exchange, from socket `where` (None: over TCP) with ID `number`
    (over TCP: how many tries were before it).

    `edns`: whether it carried an OPT; `sent` in seconds.
    """

    upstream: Upstream
    where: PortSocket[Exchange] | None
    number: int
    sent: float
    edns: bool


class Exchange:
    """`query` is the first client's; `fallback` the least bad reply so far, for when none is good.

    `cut`: the tries that got a truncated answer and were repeated over TCP; `settled`: those from which
    nothing better can come any more. `verdict` is what `snapshot`, the generation that served then,
    said of the name: whoever finds that snapshot still in service need not ask it again.
    """

    __slots__ = (
        "cut",
        "ended",
        "fallback",
        "query",
        "settled",
        "snapshot",
        "tries",
        "verdict",
        "waiters",
    )

    def __init__(self, query: Query, waiter: Waiter, verdict: int = 0, snapshot: object = None) -> None:
        self.query: Final = query
        self.verdict: Final = verdict
        self.snapshot: Final = snapshot
        self.waiters = [waiter]
        self.tries: list[Try] = []
        # Tuples: most exchanges have none of either, and an empty one costs nothing.
        self.cut: tuple[Try, ...] = ()
        self.settled: tuple[Try, ...] = ()
        self.fallback: Walk | None = None
        self.ended = False

    def tried(self) -> list[int]:
        """The indices of the upstreams asked so far."""
        return [one.upstream.index for one in self.tries]

    @property
    def awaited(self) -> bool:
        """Whether some try may still bring an answer."""
        return len(self.settled) < len(self.tries)

    def settle(self, attempt: Try) -> None:
        """Nothing better comes from this try. May be said twice."""
        if attempt not in self.settled:
            self.settled += (attempt,)

    def release(self) -> None:
        """Give back every socket and ID; late replies then match nothing."""
        for one in self.tries:
            if one.where is not None:
                one.where.release(one.number)
