"""One question under way: who waits for it, which tries were made, and what came of them.

Equal questions in flight share one exchange (the birthday attack needs many at once), bounded in
waiters. An exchange ends exactly once: with an answer, or with none. Its tries may outlive it for a
moment, so that a late answer is known as one and is not taken for a forgery.
"""

from __future__ import annotations

from math import inf
from typing import Final

from resolver.dns.query import Query
from resolver.dns.records import Walk
from resolver.serving.health import Upstream
from resolver.serving.ports import PortSocket
from resolver.serving.waiter import Waiter

OPEN: Final = 0
"""An answer may come."""
UNREACHABLE: Final = 1
"""The network says that nobody is there. It may be lying, so an answer is still taken."""
STREAMED: Final = 2
"""Asked again over a stream: what else comes over UDP does not count."""
SETTLED: Final = 3
"""Nothing better than what came can come any more."""


class Try:
    """One query sent for an exchange.

    where     the socket it left from; None: over a stream
    number    its ID there
    question  the question section as sent: what an answer must repeat
    edns      whether it carried an OPT
    sent      when, in seconds
    state     one of the four above
    """

    __slots__ = ("edns", "exchange", "number", "question", "sent", "state", "upstream", "where")

    def __init__(
        self, exchange: Exchange, upstream: Upstream, question: bytes, edns: bool, sent: float
    ) -> None:
        self.exchange = exchange
        self.upstream = upstream
        self.where: PortSocket[Try] | None = None
        self.number = 0
        self.question = question
        self.edns = edns
        self.sent = sent
        self.state = OPEN


class Exchange:
    """`query` is what upstreams are asked; `fallback` the least bad reply so far, for when none is good.

    `waiters`: the clients that want the answer; without any it is fetched for those who will ask.
    `key` is that of its answer in the cache. `due`: when the next try leaves, or the end comes, in seconds.
    """

    __slots__ = ("due", "ended", "fallback", "key", "query", "tries", "waiters")

    def __init__(
        self, query: Query, waiters: list[Waiter], key: tuple[bytes, int, int, int] | None = None
    ) -> None:
        self.query: Final = query
        self.key: Final = key or query.cache_key
        self.waiters = waiters
        self.tries: list[Try] = []
        self.fallback: Walk | None = None
        self.ended = False
        self.due = inf

    @property
    def tried(self) -> list[Upstream]:
        """The upstreams asked so far, in order."""
        return [one.upstream for one in self.tries]

    @property
    def awaited(self) -> bool:
        """Whether some try may still bring an answer."""
        return any(one.state != SETTLED for one in self.tries)
