"""The life of a query, from octets to octets. The order stands here and nowhere else:

    1  parse       cheapest first; what is no query gets silence before anything is looked up
    2  admission   before policy, so that strangers cannot probe what is blocked here
    3  policy      before special names and the cache: a list may block any name but localhost, or
                   answer it, and must win over whatever is remembered
    4  special     names that never leave, before anything that could forward them
    5  our limits  classes and types that a forwarder does not serve, RD=0
    6  cache       judged again on every use, for every client: where its CNAME records lead may be blocked
                   by now, and so may an address in it
    7  upstream    equal questions share one exchange

The answer comes back at once, or later through the sink that the listener gave. Every step works on
one snapshot; an answer that arrives after a swap is judged by the new one, so nothing of an old
generation leaves after the swap. What a rule gives to some clients only never becomes a flow, and those
who share an exchange are each given what is theirs.

A rule may lead elsewhere: the question for its CNAME's target goes through 6 and 7 (and 4) and is not
judged, so it leads nowhere again and one question never costs more than two exchanges. This module must
not know sockets; nothing here may raise for what a client or an upstream sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from resolver.dns import registry, special
from resolver.dns.answers import Relay, failure, minimal_any, truncated
from resolver.dns.query import Query, parse_query
from resolver.dns.records import Walk
from resolver.policy.decide import ANSWERED, BLOCK, LEFT_ALONE, NONE, Ruling
from resolver.policy.relayed import rule_addresses, rule_targets
from resolver.policy.replies import compose, follow, forge, settled
from resolver.records.counters import Counters
from resolver.rules.model import ALLOWED, BLOCKED
from resolver.rules.side import Answer
from resolver.serving.admission import Admission
from resolver.serving.cache import AnswerCache, Key
from resolver.serving.exchange import Exchange
from resolver.serving.flows import Flow, FlowTable
from resolver.serving.forwarder import Forwarder, Terms
from resolver.serving.snapshot import Snapshot
from resolver.serving.waiter import MAX_WAITERS, SILENCE, Sink, Waiter
from resolver.serving.wheel import Wheel
from resolver.upstreams import UpstreamAddress

MAX_EXCHANGES: Final = 4_096
"""Questions in flight at once; a further first-seen name is dropped, known ones are not."""

_TRUNCATED: Final = registry.TC >> 8
"""TC as a bit of a message's third octet."""

_OBEYED: Final = (BLOCKED, ANSWERED)
"""Verdicts that give something else than what the internet says."""

_REFUSED_TYPES: Final = {
    registry.AXFR: "zone transfers are not served here",
    registry.IXFR: "zone transfers are not served here",
    registry.TKEY: "key exchange is not served here",
    registry.TSIG: "TSIG is no question",
}

Outcome = tuple[bytes | None, Relay | None]
"""The reply (None: it comes later), and the answer that may be remembered as this flow, if one may."""


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
        self._in_flight: dict[Key, Exchange] = {}
        self.wheel: Final = Wheel(clock)
        self.forwarder: Final = Forwarder(
            upstreams, Terms(), chance, clock, self.counters, self.wheel, self._answered
        )

    def swap(self, snapshot: Snapshot) -> None:
        """Serve another generation from the next packet on. Everything known is judged anew."""
        self.snapshot = snapshot
        self.flows.clear()
        self.counters.swaps += 1

    def refine(self, snapshot: Snapshot) -> None:
        """Serve the same generation, its lists asked in another way. No verdict changes, so what is known
        stays known: the flows, and which swap was the last."""
        self.snapshot = snapshot

    @property
    def busy(self) -> bool:
        """Whether anybody waits for an upstream."""
        return bool(self._in_flight)

    def close(self) -> None:
        """Stop asking upstreams."""
        self.forwarder.close()
        self.wheel.close()

    def handle(self, data: bytes, host: str, udp: bool, sink: Sink, peer: object) -> bytes | None:
        """The reply to send now; None: silence, or later through `sink(peer, reply)`; SILENCE: never.

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
        ruling = snapshot.rule(query.folded, query.qtype, host)
        if ruling is BLOCK and not special.unblockable(query.folded):
            reply = self._block(query, udp)
            if udp and not reply[2] & _TRUNCATED:
                self.flows.put(data[2:], snapshot.blocks.ready(query))
            return reply
        later, relay = self._serve(Waiter(query, sink, peer, udp, host, snapshot, ruling))
        if relay is not None and udp:
            self.flows.put(data[2:], Flow(query, relay, self._clock()))
        return later

    def _serve(self, waiter: Waiter, known: Key | None = None, answer: Relay | None = None) -> Outcome:
        """Everything behind the ruling. `answer` is what upstreams have just said to the question
        `known` (None: nothing), for whoever must be judged anew with an answer at hand."""
        query, ruling = waiter.query, waiter.ruling
        if ruling is not LEFT_ALONE:
            if ruling.answer is not None:
                ruling = settled(ruling, query.folded, waiter.udp)
                waiter = waiter._replace(ruling=ruling)
            if ruling.verdict in _OBEYED and not special.unblockable(query.folded):
                return self._obey(waiter, ruling)
        reply = special.answer(query)
        if reply is not None:
            self.counters.special += 1
            return reply, None
        reply = self._unserved(query)
        if reply is not None:
            return reply, None
        key, now = query.cache_key, self._clock()
        if key == known:
            return self._relayed(waiter, answer, now)
        relay = self.cache.get(key, now)
        if relay is None:
            return self._ask(key, query, waiter), None
        self.counters.cache_hits += 1
        return self._relayed(waiter, relay, now)

    def _obey(self, waiter: Waiter, ruling: Ruling) -> Outcome:
        """What a rule gives instead of what the internet says."""
        query, answer = waiter.query, ruling.answer
        if answer is None:
            return self._block(query, waiter.udp), None
        if answer.silent or answer.by_tcp:
            self.counters.answered += 1
            return SILENCE if answer.silent else truncated(query), None
        led = follow(answer, query)
        if led is not None:
            return self._follow(waiter, ruling, answer, led)
        self.counters.answered += 1
        return self._own(waiter, ruling, forge(query, answer, self.snapshot.ttl, self._clock()))

    def _follow(self, waiter: Waiter, ruling: Ruling, answer: Answer, led: Query) -> Outcome:
        """An answer that leads elsewhere: what is there comes from here or the cache, or later."""
        waiter = waiter._replace(ruling=ruling, led=answer)
        here = special.answer(led)
        if here is not None:
            return self._composed(waiter, here)
        key, now = led.cache_key, self._clock()
        relay = self.cache.get(key, now)
        if relay is None:
            return self._ask(key, led, waiter), None
        self.counters.cache_hits += 1
        return self._composed(waiter, relay.render(led, int(now - relay.stored)))

    def _composed(self, waiter: Waiter, reply: bytes | None) -> Outcome:
        """The CNAME of a rule with what its target has; `reply` is about the target, None if none came."""
        query, answer = waiter.query, waiter.led
        relay = (
            compose(query, answer, self.snapshot.ttl, reply, self._clock())
            if reply is not None and answer is not None
            else None
        )
        if relay is None:
            return self._failed(query, "the name that a rule leads to cannot be resolved"), None
        self.counters.answered += 1
        return self._own(waiter, waiter.ruling, relay)

    def _own(self, waiter: Waiter, ruling: Ruling, relay: Relay) -> Outcome:
        """An answer of our own as this client takes it, to be remembered if everybody gets it."""
        query = waiter.query
        reply = relay.render(query, 0)
        if waiter.udp and len(reply) > query.udp_limit:
            return truncated(query), None
        return reply, relay if ruling.common and relay.lifetime > 0 else None

    def _block(self, query: Query, udp: bool) -> bytes:
        """The answer to a blocked question; many addresses of ours may be too long for UDP."""
        self.counters.blocked += 1
        reply = self.snapshot.blocks.build(query)
        return truncated(query) if udp and len(reply) > query.udp_limit else reply

    def _failed(self, query: Query, text: str) -> bytes:
        """The answer when there is none."""
        self.counters.failed += 1
        return failure(query, registry.SERVFAIL, registry.EDE_NO_REACHABLE_AUTHORITY, text)

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

    def _ask(self, key: Key, query: Query, waiter: Waiter) -> bytes | None:
        """Join the equal question in flight, or start one: None. When there are too many, what the client
        is told.

        Over UDP silence is cheapest and the client asks again. Over TCP it would wait for ever, and its
        connection would count a question in flight that nobody answers.
        """
        exchange = self._in_flight.get(key)
        if exchange is not None and len(exchange.waiters) < MAX_WAITERS:
            exchange.waiters.append(waiter)
            self.counters.merged += 1
            return None
        if exchange is None and len(self._in_flight) < MAX_EXCHANGES:
            exchange = self._in_flight[key] = Exchange(query, [waiter])
            self.counters.forwarded += 1
            self.forwarder.start(exchange)
            return None
        self.counters.shed += 1
        if waiter.udp:
            return None
        return failure(
            waiter.query, registry.SERVFAIL, registry.EDE_NOT_READY, "too many questions in flight"
        )

    def _relayed(self, waiter: Waiter, relay: Relay | None, now: float) -> Outcome:
        """A relayed answer for one client, judged; a flow only if it is the relay itself, unabridged, and
        what every client gets.

        A block for where a CNAME leads lives as long as the answer, not as long as the view. A first-seen
        name is not remembered at all, so that a flood of names asked once costs no flows.
        """
        query, ruling = waiter.query, waiter.ruling
        if relay is None:
            return self._failed(query, "no upstream answered"), None
        if ruling.verdict != ALLOWED and (relay.targets or self.snapshot.watches):
            ruling = self._judged(waiter, relay)
            if ruling.verdict in _OBEYED:
                self.counters.blocked_targets += 1
                return self._obey(waiter, ruling)[0], None
        reply = relay.render(query, int(now - relay.stored))
        if waiter.udp and len(reply) > query.udp_limit:
            return truncated(query), None
        return reply, relay if ruling.common else None

    def _judged(self, waiter: Waiter, relay: Relay) -> Ruling:
        """The ruling on a question that was left alone, now that its answer is known."""
        snapshot, query, host = self.snapshot, waiter.query, waiter.host
        ruling = rule_targets(snapshot.ruleset, waiter.ruling, query.qtype, host, relay.targets)
        if ruling.verdict == NONE and snapshot.watches:
            ruling = rule_addresses(
                snapshot.ruleset, ruling, query.folded, query.qtype, host, relay.addresses()
            )
        return settled(ruling, query.folded, waiter.udp)

    def _answered(self, exchange: Exchange, walked: Walk | None) -> None:
        """An exchange has ended: keep the answer, and serve everyone who waits for it."""
        now = self._clock()
        key = exchange.query.cache_key
        self._in_flight.pop(key, None)
        relay = Relay(walked, now) if walked is not None else None
        if relay is not None and relay.lifetime > 0:
            self.cache.put(key, relay)
        for waiter in exchange.waiters:
            if waiter.snapshot is not self.snapshot:
                reply = self._anew(waiter, key, relay)
            elif waiter.led is None:
                reply = self._relayed(waiter, relay, now)[0]
            else:
                reply = self._composed(waiter, relay.render(exchange.query, 0) if relay else None)[0]
            if reply is not None:
                waiter.sink(waiter.peer, reply)

    def _anew(self, waiter: Waiter, known: Key, relay: Relay | None) -> bytes | None:
        """A swap came while a client waited: what the generation in service says decides.

        Whoever was led elsewhere by a rule that is gone waits once more, for an answer of its own.
        """
        query, snapshot = waiter.query, self.snapshot
        ruling = snapshot.rule(query.folded, query.qtype, waiter.host)
        return self._serve(waiter._replace(snapshot=snapshot, ruling=ruling, led=None), known, relay)[0]
