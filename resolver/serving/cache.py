"""The answer cache: questions → relayed answers, bounded in octets.

It holds what upstreams said, never what policy made of it, so a swap need not empty it: every use
is judged again. TTLs are counted down from the moment of storing and never extended by a hit, so an
answer cannot be kept alive beyond its time (ghost domains).

    fresh    younger than its lifetime: given to whoever asks
    due      in the last tenth of its lifetime: whoever asks for it now is one of many, most likely, so it is
             fetched again before the next has to wait (prefetch). Nothing else is counted
    stale    older, but not by more than `stale` seconds: for when upstreams fail (RFC 8767)

Which of them an answer is, the caller sees from `stored`, `lifetime` and `due`. A stale answer that nobody
asks for does not move up, so it goes with the old half; one that is asked for is either replaced or needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from typing import Final, TypeVar

from resolver.dns import registry
from resolver.dns.answers import Relay
from resolver.dns.names import lies_under
from resolver.serving.halves import Halves

Key = tuple[bytes, int, int, int]
"""`Query.cache_key`: folded name, type, class, DO and CD."""

V = TypeVar("V")

_DUE: Final = 0.9
"""The part of its lifetime after which an answer is due."""

_PREFETCHED: Final = 10
"""Seconds: shorter lives are not worth a question to an upstream that nobody asked."""

_REFRESHING: Final = (registry.NOERROR, registry.NXDOMAIN)
"""RFC 8767 4: what else an upstream says leaves the data that is there untouched."""


class AnswerCache(Halves[Key, Relay]):
    """`octets`: how much the answers may weigh in all, by `Relay.octets`. `stale`: seconds that they are kept
    beyond their lifetime, as long as there is room. `flushes`: how often somebody wanted answers gone."""

    __slots__ = ("flushes", "stale")

    def __init__(self, octets: int, stale: float = 0) -> None:
        super().__init__(octets)
        self.stale = stale
        self.flushes = 0

    def get(self, key: Key, now: float) -> Relay | None:
        """The answer, fresh or stale, at `now` (seconds on the clock of `put`)."""
        relay = self.young.get(key)
        if relay is None:
            relay = self.old.pop(key, None)
            if relay is None:
                return None
            if now - relay.stored < relay.lifetime + self.stale:
                self.keep(key, relay, relay.octets)
                return relay
            return None
        if now - relay.stored >= relay.lifetime + self.stale:
            self.forget(key)
            return None
        return relay

    def put(self, key: Key, relay: Relay) -> None:
        """Keep an answer in the place of the one that is there.

        One that may not be kept (TTL 0, RFC 1035 3.2.1) still ends the life of what was known. A failure
        does not: it may be handed over too, and nothing happens.
        """
        if relay.lifetime <= 0:
            if relay.rcode in _REFRESHING:
                self.forget(key)
            return
        self.forget(key)
        relay.due, relay.kept = _due(relay), True
        self.keep(key, relay, relay.octets)

    def restore(self, key: Key, relay: Relay) -> bool:
        """Take back an answer of an earlier run (see `Halves.fill`): False when there is no more room."""
        relay.due, relay.kept = _due(relay), True
        return self.fill(key, relay, relay.octets)

    def forget(self, key: Key) -> None:
        """Drop one answer; the room that it took in the young half is free again."""
        relay = self.young.pop(key, None)
        if relay is not None:
            self._octets -= relay.octets
        elif self.old:
            self.old.pop(key, None)

    def flush(self, name: bytes | None, below: bool) -> int:
        """Forget the answers to every question about a name, and about all names below it; None: all.
        How many there were."""
        self.flushes += 1
        return flush(self, name, below)

    def entries(self) -> Iterator[tuple[Key, Relay]]:
        """Everything, what was asked for lately first. Nothing may be put meanwhile."""
        yield from self.young.items()
        yield from self.old.items()


def _due(relay: Relay) -> float:
    """When it is to be fetched again, in seconds on the clock of `stored`."""
    return relay.stored + _DUE * relay.lifetime if relay.lifetime >= _PREFETCHED else inf


def flush(memory: Halves[Key, V], name: bytes | None, below: bool) -> int:
    """Forget what a memory holds of a name, and of the names below it; None: everything. How many there were.

    `name` is a folded wire name. Every key is looked at: 100 ns for one that stays, a microsecond for one
    that goes. Nobody flushes often. What is taken out of the young half goes on being counted there, so that
    it is full a little earlier, once.
    """
    count = len(memory)
    if name is None:
        memory.clear()
        return count
    for half in (memory.young, memory.old):
        memory.doom({key: half.pop(key) for key in _keys(half, name, below)})
    return count - len(memory)


def _keys(keys: Iterable[Key], name: bytes, below: bool) -> list[Key]:
    if not below:
        return [key for key in keys if key[0] == name]
    return [key for key in keys if key[0].endswith(name) and lies_under(key[0], name)]
