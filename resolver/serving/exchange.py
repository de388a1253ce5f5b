"""One question under way: who waits for it, which tries were made, and what came of them.

Equal questions in flight share one exchange (the birthday attack needs many at once), bounded in
waiters. An exchange ends exactly once: with an answer, or with none.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from resolver.dns.query import Query
from resolver.dns.records import Walk
from resolver.serving.health import Upstream
from resolver.serving.ports import PortSocket
from resolver.serving.waiter import Waiter


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
    """`query` is what upstreams are asked; `fallback` the least bad reply so far, for when none is good.

    `waiters`: the clients that want the answer; without any it is fetched for those who will ask.
    `cut`: the tries that got a truncated answer and were repeated over TCP; `settled`: those from which
    nothing better can come any more.
    """

    __slots__ = (
        "cut",
        "ended",
        "fallback",
        "query",
        "settled",
        "tries",
        "waiters",
    )

    def __init__(self, query: Query, waiters: list[Waiter]) -> None:
        self.query: Final = query
        self.waiters = waiters
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
