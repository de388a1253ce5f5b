"""The answer cache: questions → relayed answers, bounded in octets.

It holds what upstreams said, never what policy made of it, so a swap need not empty it: every use
is judged again. TTLs are counted down from the moment of storing and never extended by a hit, so an
answer cannot be kept alive beyond its time (ghost domains). Bounded like the flow table: two halves,
the older forgotten whole, hits moving up.
"""

from __future__ import annotations

from resolver.dns.answers import Relay

Key = tuple[bytes, int, int, int]
"""`Query.cache_key`: folded name, type, class, DO and CD."""


class AnswerCache:
    """`octets`: how much the answers may weigh in all, by `Relay.octets`."""

    __slots__ = ("_half", "_octets", "_old", "_young")

    def __init__(self, octets: int) -> None:
        self._half = octets // 2
        self._octets = 0
        self._young: dict[Key, Relay] = {}
        self._old: dict[Key, Relay] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key, now: float) -> Relay | None:
        """The answer if it is still good at `now` (seconds on the clock of `put`)."""
        relay = self._young.get(key)
        if relay is None:
            relay = self._old.pop(key, None)
            if relay is None:
                return None
            if now - relay.stored < relay.lifetime:
                self.put(key, relay)
        if now - relay.stored >= relay.lifetime:
            self._young.pop(key, None)
            return None
        return relay

    def put(self, key: Key, relay: Relay) -> None:
        """Keep an answer; `relay.lifetime` must be above 0."""
        self._octets += relay.octets
        if self._octets > self._half:
            self._old = self._young
            self._young = {}
            self._octets = relay.octets
        self._young[key] = relay

    def clear(self) -> None:
        """Forget everything."""
        self._young = {}
        self._old = {}
        self._octets = 0
