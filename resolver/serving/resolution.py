"""How a question is resolved that nobody here can answer: memory first, then an upstream.

    answer cache     fresh: given, and fetched again beforehand if it is asked for near its end (prefetch)
    failures         remembered for a while, so that a dead upstream is not asked again by everyone (RFC
                     9520); whoever has a stale answer gets that instead (RFC 8767)
    in flight        an equal question is on its way: wait with the others (the birthday attack needs many)
    upstream         one exchange, started here, ended by the forwarder that asked

A stale answer is given when upstreams fail, and when they take longer than a client waits (RFC 8767 5: the
client response timer); the exchange goes on and refreshes the cache. Whether what was found may be given at
all is not decided here: policy judges every answer at the moment it is given, so a name that has become
blocked is never answered from here.

What comes back at once is a `Relay`, a `Failure` or one of the words below; None: it comes later, through
`deliver`. This module must not know policy, listeners or how a reply is built.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from resolver.dns import registry
from resolver.dns.answers import Relay
from resolver.dns.query import Query
from resolver.dns.records import Walk
from resolver.records.counters import Counters
from resolver.serving.admission import Admission
from resolver.serving.cache import AnswerCache, Key
from resolver.serving.exchange import Exchange
from resolver.serving.failures import Failure, Failures
from resolver.serving.routes import Routes
from resolver.serving.waiter import MAX_WAITERS, Waiter
from resolver.serving.wheel import Wheel
from resolver.settings import Dns

CLIENT_SECONDS: Final = 1.8
"""How long a client waits while there is a stale answer (RFC 8767 5, client response timer)."""

AGAIN_SECONDS: Final = 1.0
"""After a try to fetch an answer beforehand, when it is looked for (or tried for) again."""

SHED: Final = 1
"""Too many questions are in flight already."""
LOOPED: Final = 2
"""An upstream asks us what we are asking it."""

Found = Relay | Failure | int | None

_GOOD: Final = (registry.NOERROR, registry.NXDOMAIN)

Deliver = Callable[[Waiter, Query, Relay | Failure, float], None]
"""Called once for everyone who waited: (who, what upstreams were asked, what came of it, now)."""


class Resolution:
    """One worker's memory and questions in flight. `settings` gives their bounds."""

    def __init__(
        self,
        settings: Dns,
        admission: Admission,
        counters: Counters,
        clock: Callable[[], float],
        deliver: Deliver,
    ) -> None:
        self.cache: Final = AnswerCache(settings.cache_mb << 20, settings.stale)
        self.failures: Final = Failures()
        self.routes: Routes
        self.wheel: Final = Wheel(clock)
        self._admission = admission
        self._counters = counters
        self._clock = clock
        self._deliver = deliver
        self._in_flight: dict[Key, Exchange] = {}
        self._most = settings.in_flight
        self._prefetches = settings.prefetch
        self._ttls = settings.min_ttl, settings.max_ttl

    @property
    def busy(self) -> bool:
        """Whether anybody waits for an upstream."""
        return any(exchange.waiters for exchange in self._in_flight.values())

    @property
    def load(self) -> float:
        """How full the table of questions in flight is: 0 empty, 1 full."""
        return len(self._in_flight) / self._most

    def flush(self, name: bytes | None, below: bool) -> int:
        """Forget what is known of a name (None: of all), and of all below it; how many answers went."""
        self.failures.flush(name, below)
        return self.cache.flush(name, below)

    def close(self) -> None:
        """Stop asking upstreams."""
        self.routes.close()
        self.wheel.close()

    def resolve(self, query: Query, waiter: Waiter) -> Found:
        """What is known about a question, or None while it is found out; `waiter` then gets it."""
        key, now = query.cache_key, self._clock()
        relay = self.cache.get(key, now)
        if relay is not None and now - relay.stored < relay.lifetime:
            self._counters.cache_hits += 1
            if now >= relay.due:
                self._refresh(key, query, relay)
            return relay
        if self.failures.young or self.failures.old:
            failure = self.failures.get(key, now)
            if failure is not None:
                return self._still_failing(failure, relay)
        return self._ask(key, query, waiter, relay)

    def _still_failing(self, failure: Failure, stale: Relay | None) -> Relay | Failure:
        """RFC 8767 5, failure recheck timer: until then nobody is asked again."""
        if stale is not None:
            self._counters.stale += 1
            return stale
        self._counters.failures_remembered += 1
        return failure

    def _ask(self, key: Key, query: Query, waiter: Waiter, stale: Relay | None) -> Found:
        """Join the equal question in flight, or start one."""
        forwarder = self.routes.find(query.folded) or self.routes.default
        exchange = self._in_flight.get(key)
        if exchange is not None and forwarder.loops(waiter.host, query, exchange):
            return LOOPED
        full = (
            len(self._in_flight) >= self._most if exchange is None else len(exchange.waiters) >= MAX_WAITERS
        )
        if full or not self._admission.began(waiter.host):
            self._counters.shed += 1
            return stale if stale is not None else SHED
        if exchange is not None:
            exchange.waiters.append(waiter)
            self._counters.merged += 1
        else:
            exchange = self._in_flight[key] = Exchange(query, [waiter], key)
            self._counters.forwarded += 1
            forwarder.start(exchange)
        if stale is not None:
            self.wheel.at(self._clock() + CLIENT_SECONDS, self._overdue, exchange)
        return None

    def _refresh(self, key: Key, query: Query, relay: Relay) -> None:
        """Fetch an answer again that is asked for near its end, while there is room to spare.

        It is due again a little later: flows made of it then look for the new one, and if none came, there
        is another try, but not while the failure is remembered.
        """
        now = self._clock()
        relay.due = now + AGAIN_SECONDS if self._prefetches else inf
        if not self._prefetches or key in self._in_flight or self.load > 0.5:
            return
        if self.failures.get(key, now) is not None:
            return
        exchange = self._in_flight[key] = Exchange(query, [], key)
        self._counters.prefetched += 1
        (self.routes.find(query.folded) or self.routes.default).start(exchange)

    def _overdue(self, exchange: Exchange) -> None:
        """Clients have waited long enough for an exchange that has a stale answer."""
        if exchange.ended or not exchange.waiters:
            return
        key, now = exchange.key, self._clock()
        stale = self.cache.get(key, now)
        if stale is None:
            return
        # Whoever asks while the exchange goes on has waited long enough as well.
        self.failures.note(key, now, None, stale=True)
        waiters, exchange.waiters = exchange.waiters, []
        self._give(waiters, exchange.query, stale, now)

    def remember(self, query: Query, relay: Relay) -> None:
        """Keep what only flows still know: names that are asked all the time come by here seldom, and a flood
        of others may have pushed them out. What a rule answered, or we ourselves, is nothing to keep."""
        key = query.cache_key
        if relay.kept and self.cache.get(key, self._clock()) is None:
            self.cache.keep(key, relay, relay.octets)

    def answered(self, exchange: Exchange, walk: Walk | None) -> None:
        """An exchange has ended: keep what is worth keeping, and serve everyone who waits for it."""
        key, now = exchange.key, self._clock()
        self._in_flight.pop(key, None)
        relay = Relay(walk, now, ttls=self._ttls) if walk is not None else None
        found: Relay | Failure
        if relay is not None and relay.rcode in _GOOD:
            self.cache.put(key, relay)
            if self.failures.young or self.failures.old:
                self.failures.forget(key)
            found = relay
        else:
            # RFC 8767 4: only NOERROR and NXDOMAIN refresh; a failure leaves what is there.
            kept = self.cache.get(key, now)
            failure = self.failures.note(key, now, relay, kept is not None)
            found = kept or failure
        self._give(exchange.waiters, exchange.query, found, now)

    def _give(self, waiters: list[Waiter], query: Query, found: Relay | Failure, now: float) -> None:
        """Tell everyone."""
        if waiters and type(found) is Relay and now - found.stored >= found.lifetime > 0:
            self._counters.stale += len(waiters)
        for waiter in waiters:
            self._admission.ended(waiter.host)
            self._deliver(waiter, query, found, now)
