"""The answer cache: questions → relayed answers, bounded in octets.

It holds what upstreams said, never what policy made of it, so a swap need not empty it: every use
is judged again. TTLs are counted down from the moment of storing and never extended by a hit, so an
answer cannot be kept alive beyond its time (ghost domains).
"""

from __future__ import annotations

from resolver.dns.answers import Relay
from resolver.serving.halves import Halves

Key = tuple[bytes, int, int, int]
"""`Query.cache_key`: folded name, type, class, DO and CD."""


class AnswerCache(Halves[Key, Relay]):
    """`octets`: how much the answers may weigh in all, by `Relay.octets`."""

    __slots__ = ()

    def get(self, key: Key, now: float) -> Relay | None:
        """The answer if it is still good at `now` (seconds on the clock of `put`)."""
        relay = self.young.get(key)
        if relay is None:
            relay = self.old.pop(key, None)
            if relay is None:
                return None
            if now - relay.stored < relay.lifetime:
                self.put(key, relay)
        if now - relay.stored >= relay.lifetime:
            self.forget(key)
            return None
        return relay

    def put(self, key: Key, relay: Relay) -> None:
        """Keep an answer; `relay.lifetime` must be above 0."""
        self.keep(key, relay, relay.octets)
