"""The life of a query, from octets to octets. The order stands here and nowhere else:

    1  parse       cheapest first; what is no query gets silence before anything is looked up
    2  admission   before policy, so that strangers cannot probe what is blocked here
    3  policy      before special names and the cache: a list may block any name but localhost, and
                   a block must win over whatever is remembered
    4  special     names that never leave, before anything that could forward them
    5  our limits  classes and types that a forwarder does not serve, RD=0
    6  cache       judged again on every use: where its CNAME records lead may be blocked by now
    7  upstream    equal questions share one exchange

The answer comes back at once, or later through the sink that the listener gave. Every step works on
one snapshot; an answer that arrives after a swap is judged by the new one, so nothing of an old
generation leaves after the swap. This module must not know sockets; nothing here may raise for what
a client or an upstream sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from resolver.dns import registry, special
from resolver.dns.answers import Relay, failure, minimal_any, truncated
from resolver.dns.query import Query, parse_query
from resolver.dns.records import Walk
from resolver.records.counters import Counters
from resolver.rules.model import ALLOWED, BLOCKED
from resolver.serving.admission import Admission
from resolver.serving.cache import AnswerCache
from resolver.serving.exchange import MAX_WAITERS, Exchange, Sink, Waiter
from resolver.serving.flows import Flow, FlowTable
from resolver.serving.forwarder import Forwarder
from resolver.serving.snapshot import Snapshot
from resolver.settings import UpstreamAddress

MAX_EXCHANGES: Final = 4_096
"""Questions in flight at once; a further first-seen name is dropped, known ones are not."""

_TRUNCATED: Final = registry.TC >> 8
"""TC as a bit of a message's third octet."""

_REFUSED_TYPES: Final = {
    registry.AXFR: "zone transfers are not served here",
    registry.IXFR: "zone transfers are not served here",
    registry.TKEY: "key exchange is not served here",
    registry.TSIG: "TSIG is no question",
}


class Pipeline:
    """One worker's pipeline. `flows` is the table that the UDP listeners ask first."""

    def __init__(
        self,
        snapshot: Snapshot,
        admission: Admission,
        cache_octets: int,
        upstreams: Sequence[UpstreamAddress],
        chance: Iterator[int],
        clock: Callable[[], float],
    ) -> None:
        self.counters: Final = Counters()
        self.admission: Final = admission
        self.flows: Final = FlowTable()
        self.cache: Final = AnswerCache(cache_octets)
        self.snapshot = snapshot
        self._clock = clock
        self._in_flight: dict[tuple[bytes, int, int, int], Exchange] = {}
        self.forwarder: Final = Forwarder(upstreams, chance, clock, self.counters, self._answered)

    def swap(self, snapshot: Snapshot) -> None:
        """Serve another generation from the next packet on. Everything known is judged anew."""
        self.snapshot = snapshot
        self.flows.clear()
        self.counters.swaps += 1

    @property
    def busy(self) -> bool:
        """Whether anybody waits for an upstream."""
        return bool(self._in_flight)

    def close(self) -> None:
        """Stop asking upstreams."""
        self.forwarder.close()

    def handle(self, data: bytes, host: str, udp: bool, sink: Sink, peer: object) -> bytes | None:
        """The reply to send now, or None: silence, or later through `sink(peer, reply)`.

        `host` is the client's address as text; `udp` bounds the reply by what the client takes.
        """
        counters = self.counters
        counters.queries += 1
        query = parse_query(data)
        if type(query) is not Query:
            if query is None:
                counters.ignored += 1
            else:
                counters.malformed += 1
            # mypy does not narrow by `type() is`; what is left is bytes or None.
            return query  # type: ignore[return-value]
        if not self.admission.admit(host):
            counters.refused += 1
            return failure(
                query, registry.REFUSED, registry.EDE_PROHIBITED, "this network is not served here"
            )
        snapshot = self.snapshot
        verdict = snapshot.verdict(query.folded)
        if verdict == BLOCKED and not special.unblockable(query.folded):
            reply = self._block(query, udp)
            if udp and not reply[2] & _TRUNCATED:
                self.flows.put(data[2:], snapshot.blocks.ready(query))
            return reply
        reply_here = special.answer(query)
        if reply_here is not None:
            counters.special += 1
            return reply_here
        return self._unserved(query) or self._known_or_ask(data, query, verdict, udp, sink, peer)

    def _block(self, query: Query, udp: bool) -> bytes:
        """The answer to a blocked question; many addresses of ours may be too long for UDP."""
        self.counters.blocked += 1
        reply = self.snapshot.blocks.build(query)
        return truncated(query) if udp and len(reply) > query.udp_limit else reply

    def _unserved(self, query: Query) -> bytes | None:
        """What a forwarder refuses or answers with a form, whatever the name."""
        if query.qtype in _REFUSED_TYPES:
            self.counters.refused += 1
            text = _REFUSED_TYPES[query.qtype]
            return failure(query, registry.REFUSED, registry.EDE_NOT_SUPPORTED, text)
        if query.qclass in (registry.CLASS_CHAOS, registry.CLASS_ANY):
            # RFC 8482 4 for ANY; CHAOS names ask what software this is, and it is nobody's business.
            self.counters.refused += 1
            return failure(
                query, registry.REFUSED, registry.EDE_NOT_SUPPORTED, "this class is not served here"
            )
        if query.qtype == registry.ANY:
            return minimal_any(query)
        if not query.flags & registry.RD:
            # RFC 8914 4.21. A cache that answers RD=0 tells anyone what others asked for.
            self.counters.refused += 1
            return failure(query, registry.REFUSED, registry.EDE_NOT_AUTHORITATIVE)
        return None

    def _known_or_ask(
        self, data: bytes, query: Query, verdict: int, udp: bool, sink: Sink, peer: object
    ) -> bytes | None:
        """From the cache now, or from an upstream later."""
        now = self._clock()
        key = query.cache_key
        relay = self.cache.get(key, now)
        if relay is not None:
            self.counters.cache_hits += 1
            reply, whole = self._relayed(query, relay, verdict, udp, now)
            if udp and whole:
                self.flows.put(data[2:], Flow(query, relay, now))
            return reply
        if self._ask(key, Waiter(query, sink, peer, udp), verdict):
            return None
        self.counters.shed += 1
        # Over UDP silence is cheapest and the client asks again. Over TCP it would wait for ever, and
        # its connection would count a question in flight that nobody answers.
        if udp:
            return None
        return failure(query, registry.SERVFAIL, registry.EDE_NOT_READY, "too many questions in flight")

    def _ask(self, key: tuple[bytes, int, int, int], waiter: Waiter, verdict: int) -> bool:
        """Join the equal question in flight, or start one; False when there are too many."""
        exchange = self._in_flight.get(key)
        if exchange is not None:
            if len(exchange.waiters) >= MAX_WAITERS:
                return False
            exchange.waiters.append(waiter)
            self.counters.merged += 1
            return True
        if len(self._in_flight) >= MAX_EXCHANGES:
            return False
        exchange = Exchange(waiter.query, waiter, verdict, self.snapshot)
        self._in_flight[key] = exchange
        self.counters.forwarded += 1
        self.forwarder.start(exchange)
        return True

    def _relayed(self, query: Query, relay: Relay, verdict: int, udp: bool, now: float) -> tuple[bytes, bool]:
        """A relayed answer for one client, judged; and whether it is the relay itself, unabridged.

        Only then may it be remembered as a flow: a block for where a CNAME leads lives as long as the
        answer, not as long as the view. A first-seen name is not remembered at all, so that a flood
        of names asked once costs no flows.
        """
        snapshot = self.snapshot
        if relay.targets and verdict != ALLOWED:
            for target in relay.targets:
                judged = snapshot.verdict(target)
                if judged == BLOCKED:
                    self.counters.blocked_targets += 1
                    return self._block(query, udp), False
                if judged == ALLOWED:
                    break
        reply = relay.render(query, int(now - relay.stored))
        if udp and len(reply) > query.udp_limit:
            return truncated(query), False
        return reply, True

    def _answered(self, exchange: Exchange, walked: Walk | None) -> None:
        """An exchange has ended: keep the answer, and serve everyone who waits for it."""
        now = self._clock()
        self._in_flight.pop(exchange.query.cache_key, None)
        relay = Relay(walked, now) if walked is not None else None
        if relay is not None and relay.lifetime > 0:
            self.cache.put(exchange.query.cache_key, relay)
        snapshot = self.snapshot
        verdict = exchange.verdict
        if exchange.snapshot is not snapshot:
            # A swap came in between: everybody who waits asked for the same name, so one look is enough.
            verdict = snapshot.verdict(exchange.query.folded)
        for query, sink, peer, udp in exchange.waiters:
            if verdict == BLOCKED:
                reply = self._block(query, udp)
            elif relay is not None:
                reply, _ = self._relayed(query, relay, verdict, udp, now)
            else:
                self.counters.failed += 1
                reply = failure(
                    query, registry.SERVFAIL, registry.EDE_NO_REACHABLE_AUTHORITY, "no upstream answered"
                )
            sink(peer, reply)
