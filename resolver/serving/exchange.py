"""One question under way: who waits for it, which tries were made, and what came of them.

Equal questions in flight share one exchange (the birthday attack needs many at once), bounded in
waiters. An exchange ends exactly once: with an answer, or with none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from resolver.dns.query import Query
from resolver.dns.records import Walk
from resolver.policy.decide import Ruling
from resolver.rules.side import Answer
from resolver.serving.health import Upstream
from resolver.serving.ports import PortSocket
from resolver.serving.snapshot import Snapshot

MAX_WAITERS: Final = 256
"""Clients that wait for one question; a further one is dropped and may ask again."""

Sink = Callable[[object, bytes], None]
"""Sends a reply later: (whom the listener gave, octets). `SILENCE` says that there will be none."""

SILENCE: Final = b""
"""In a reply's place: nobody answers this question, now or later, and nobody waits for it any more."""


class Waiter(NamedTuple):
    """One client's question, and what is to be done with it.

    query     as the client asked it
    udp       whether its reply is bounded by `Query.udp_limit`
    host      the client's address as text: who shares an exchange may still get different answers
    snapshot  the generation that gave `ruling`: another one in service must be asked anew
    led       the answer whose CNAME leads to the exchange's question; None: it is the client's own
    """

    query: Query
    sink: Sink
    peer: object
    udp: bool
    host: str
    snapshot: Snapshot
    ruling: Ruling
    led: Answer | None = None


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

    def __init__(self, query: Query, waiter: Waiter) -> None:
        self.query: Final = query
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
