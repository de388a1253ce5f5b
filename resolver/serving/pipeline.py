"""The life of a query, from octets to octets. The order stands here and nowhere else:

    1  parse       cheapest first; what is no query gets silence before anything is looked up
    2  admission   before policy, so that strangers cannot probe what is blocked here; a flood costs little
    3  cookies     before any reply is built, since every reply carries one
    4  policy      before special names, own records and the cache: a list may block any name but localhost,
                   or answer it, and must win over whatever is remembered
    5  own records before special names: the printer may be called printer.home.arpa
    6  special     names that never leave, unless an upstream of their own is there for them
    7  our limits  classes and types that a forwarder does not serve, RD=0
    8  resolution  cache, remembered failures, upstreams (`resolver.serving.resolution`)
    9  judgement   of every answer, fresh or remembered, for every client: where its CNAME and SVCB records
                   lead may be blocked by now, so may an address in it; a public name may not lead inside

The answer comes back at once, or later through the sink that the listener gave. Every step works on
one snapshot; an answer that arrives after a swap is judged by the new one, so nothing of an old
generation leaves after the swap. What is given to some clients only never becomes a flow, and those
who share an exchange are each given what is theirs.

A rule or a record of our own may lead elsewhere: the question for its CNAME's target goes through 8 (and 6)
and is not judged, so it leads nowhere again and one question never costs more than two exchanges. This
module must not know sockets; nothing here may raise for what a client or an upstream sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from resolver.dns import registry, special
from resolver.dns.answers import Relay, failure, truncated
from resolver.dns.answers import reply as reply_with
from resolver.dns.dns64 import NO_SOA_SECONDS, Prefix64
from resolver.dns.edns import keepalive
from resolver.dns.query import CookieQuery, Query, option, parse_query
from resolver.policy.decide import ANSWERED, BLOCK, LEFT_ALONE, NONE, Ruling
from resolver.policy.relayed import rule_addresses, rule_targets
from resolver.policy.replies import FORGED, MADE, OWN, compose, follow, forge, settled, withheld
from resolver.records.counters import Counters
from resolver.rules.model import ALLOWED, BLOCKED
from resolver.rules.side import Answer, Record
from resolver.serving.admission import DROPPED, SERVED, SLIPPED, Admission
from resolver.serving.bootstrap import Bootstrap
from resolver.serving.cookies import CookieJar
from resolver.serving.failures import Failure
from resolver.serving.flows import Flow, FlowTable
from resolver.serving.forwarder import Forwarder, Terms
from resolver.serving.refusals import unserved
from resolver.serving.resolution import LOOPED, Found, Resolution
from resolver.serving.routes import Routes
from resolver.serving.snapshot import Snapshot
from resolver.serving.waiter import SILENCE, Sink, Waiter
from resolver.settings import Dns
from resolver.upstreams import UpstreamAddress, bootstraps

_TRUNCATED: Final = registry.TC >> 8
"""TC as a bit of a message's third octet."""

_OBEYED: Final = (BLOCKED, ANSWERED)
"""Verdicts that give something else than what the internet says."""

Outcome = tuple[bytes | None, Relay | None]
"""The reply (None: it comes later), and the answer that may be remembered as this flow, if one may."""


class Pipeline:
    """One worker's pipeline. `flows` is the table that the UDP listeners ask first."""

    def __init__(
        self,
        snapshot: Snapshot,
        admission: Admission,
        settings: Dns,
        upstreams: Sequence[UpstreamAddress],
        chance: Iterator[int],
        clock: Callable[[], float],
        cookies: CookieJar,
    ) -> None:
        self.counters: Final = Counters()
        self.admission: Final = admission
        self.flows: Final = FlowTable()
        self.snapshot = snapshot
        self.idle_seconds = 0.0
        """Seconds that an idle TCP connection is kept at present, as its listener says."""
        self._cookies = cookies
        self._clock = clock
        self.resolution: Final = Resolution(settings, admission, self.counters, clock, self._deliver)
        terms = Terms(settings.strategy, settings.randomize_case, settings.cookies)

        wheel, answered = self.resolution.wheel, self.resolution.answered
        self._bootstrap = Bootstrap(bootstraps(settings.bootstrap, upstreams), chance, clock, wheel)

        def make(group: Sequence[UpstreamAddress]) -> Forwarder:
            return Forwarder(
                group, terms, chance, clock, self.counters, wheel, answered, self._bootstrap.places
            )

        self.routes: Final = Routes(upstreams, make)
        self.resolution.routes = self.routes
        # Most have none of these: a test for None is all that they cost then.
        self._routed = self.routes.find if self.routes else None
        self._prefix = Prefix64(settings.dns64) if settings.dns64 else None

    def swap(self, snapshot: Snapshot) -> None:
        """Serve another generation from the next packet on. What was judged is judged anew; what upstreams
        said stays known."""
        self.snapshot = snapshot
        self.flows.clear()
        self.counters.swaps += 1

    def refine(self, snapshot: Snapshot) -> None:
        """Serve the same generation, its lists asked in another way. No verdict changes, so what is known
        stays known: the flows, and which swap was the last."""
        self.snapshot = snapshot

    def flush(self, name: bytes | None, below: bool) -> int:
        """Forget what upstreams said of a lower-cased wire name (None: of all), and of all below it; how
        many answers went. Flows are forgotten whole: they are made again from what is left."""
        self.flows.clear()
        return self.resolution.flush(name, below)

    @property
    def busy(self) -> bool:
        """Whether anybody waits for an upstream."""
        return self.resolution.busy

    def close(self) -> None:
        """Stop asking upstreams."""
        self._bootstrap.close()
        self.resolution.close()

    def outdated(self, key: bytes, flow: Flow) -> None:
        """A flow can be given no longer, or should be made anew: its question comes to `handle` next."""
        self.flows.forget(key)
        self.resolution.remember(flow.query, flow.relay)

    def handle(self, data: bytes, host: str, udp: bool, sink: Sink, peer: object) -> bytes | None:
        """The reply to send now; None: silence, or later through `sink(peer, reply)`; SILENCE: never.

        `host` is the client's address as text; `udp` bounds the reply by what the client takes.
        """
        counters = self.counters
        counters.queries += 1
        query = parse_query(data)
        if type(query) is not Query:
            # mypy does not narrow by `type() is`.
            return self._no_question(query, host, udp)  # type: ignore[arg-type]
        known = self.admission.known
        if host not in known:
            verdict = self.admission.enter(host, udp)
            if verdict != SERVED:
                return self._turned_away(query, verdict, udp)
        if query.options and not self._takes_options(query, host, udp):
            counters.malformed += 1
            return reply_with(query, registry.FORMERR, (0, 0, 0), b"")
        reply = self._decide(data, query, host, udp, sink, peer)
        if reply and udp and host not in known:
            return self._tempered(host, query, reply, bool(query.options) and self._cookies.valid)
        return reply

    def _no_question(self, parsed: CookieQuery | bytes | None, host: str, udp: bool) -> bytes | None:
        """The reply to a message that asks for no name: its fault (made already), or a cookie. Strangers
        hear nothing: even an error can be sent to a forged address."""
        if parsed is None:
            self.counters.ignored += 1
            return None
        if self.admission.enter(host, udp) != SERVED:
            self.counters.refused += 1
            return None if udp else SILENCE
        if isinstance(parsed, CookieQuery):
            return self._cookies.answer(parsed, host)
        self.counters.malformed += 1
        return parsed

    def _tempered(self, host: str, query: Query, reply: bytes, proven: bool) -> bytes | None:
        """The reply for a client with limits; `proven`: its cookie says that its address is its own."""
        tempered = self.admission.temper(host, query, reply, proven)
        if tempered is not reply:
            self.counters.limited += 1
            self.counters.slipped += tempered is not None
        return tempered

    def _decide(
        self, data: bytes, query: Query, host: str, udp: bool, sink: Sink, peer: object
    ) -> bytes | None:
        """What policy says of a question that is served; what it leaves alone goes on."""
        snapshot = self.snapshot
        ruling = snapshot.rule(query.folded, query.qtype, host)
        if ruling is BLOCK and not special.unblockable(query.folded):
            reply = self._block(query, udp)
            if udp and not reply[2] & _TRUNCATED and not query.extras:
                self.flows.put(data[2:], snapshot.blocks.ready(query))
            return reply
        later, relay = self._serve(Waiter(query, sink, peer, udp, host, snapshot, ruling))
        if relay is not None and udp and not query.extras:
            self.flows.put(data[2:], Flow(query, relay, self._clock()))
        return later

    def _takes_options(self, query: Query, host: str, udp: bool) -> bool:
        """Whether the client's options are well-formed; what its reply carries for them goes to `extras`."""
        cookie = self._cookies.extras(query, host)
        if type(cookie) is int:
            return False
        query.extras = cookie  # type: ignore[assignment]
        if not udp:
            wish = option(query.options, registry.OPTION_KEEPALIVE)
            if wish:
                return False  # RFC 7828 3.2.1: a client names no timeout
            if wish is not None:
                query.extras += keepalive(self.idle_seconds)
        return True

    def _turned_away(self, query: Query, verdict: int, udp: bool) -> bytes | None:
        """What a client gets that is not served, or not now."""
        if verdict == DROPPED:
            self.counters.limited += 1
            return None if udp else SILENCE
        if verdict == SLIPPED:
            self.counters.limited += 1
            self.counters.slipped += 1
            return truncated(query)
        self.counters.refused += 1
        return failure(query, registry.REFUSED, registry.EDE_PROHIBITED, "this network is not served here")

    def _serve(self, waiter: Waiter) -> Outcome:
        """Everything behind the ruling."""
        query, ruling, snapshot = waiter.query, waiter.ruling, waiter.snapshot
        if ruling is not LEFT_ALONE:
            if ruling.answer is not None:
                ruling = settled(ruling, query.folded, waiter.udp)
                waiter = waiter._replace(ruling=ruling)
            if ruling.verdict in _OBEYED and not special.unblockable(query.folded):
                return self._obey(waiter, ruling)
        if snapshot.local:
            own = snapshot.local.find(query.folded, query.qtype)
            if own is not None and query.qclass == registry.CLASS_IN:
                return self._given(waiter, own, OWN)
        if self._prefix is not None:
            led = self._prefix.reverse(query)
            if led is not None:
                return self._given(waiter, Answer(records=(Record(registry.CNAME, led.folded),)), MADE)
        reply = self._answered_here(query) or unserved(query, self.counters)
        if reply is not None:
            return reply, None
        found = self.resolution.resolve(query, waiter)
        return self._resolved(waiter, query, found, self._clock())

    def _answered_here(self, query: Query) -> bytes | None:
        """The reply to a name that never leaves; None for a name that does, or has an upstream of its own."""
        routed = self._routed is not None and self._routed(query.folded)
        if routed and not special.unblockable(query.folded):
            return None
        reply = special.answer(query)
        if reply is not None:
            self.counters.special += 1
            if self._prefix is not None:
                reply = self._prefix.discovery(query) or reply
        return reply

    def _resolved(self, waiter: Waiter, asked: Query, found: Found, now: float) -> Outcome:
        """What was found for the question `asked`, as the client gets it; None: it comes later."""
        if found is None:
            return None, None
        if waiter.lacking is not None:
            return self._translated(waiter, asked, found, now)
        if waiter.led is not None:
            if type(found) is int:
                return self._not_found(waiter, found), None
            return self._composed(waiter, self._rendered(asked, found, now))
        if type(found) is Relay:
            return self._relayed(waiter, found, now)
        if self._prefix is not None and isinstance(found, Failure):
            translated = self._translate(waiter, found.word, now)
            if translated is not None:
                return translated
        return self._not_found(waiter, found), None

    def _not_found(self, waiter: Waiter, found: Found) -> bytes | None:
        """The reply when there is no answer.

        When too many are in flight silence is cheapest over UDP, and the client asks again. Over TCP it
        would wait for ever, and its connection would count a question that nobody answers.
        """
        query = waiter.query
        if isinstance(found, Failure):
            self.counters.failed += 1
            return self._failed(query, found.word)
        if found == LOOPED:
            self.counters.refused += 1
            text = "an upstream asks us what we are asking it: a forwarding loop"
            return failure(query, registry.REFUSED, registry.EDE_OTHER, text)
        if waiter.udp:
            return None
        return failure(query, registry.SERVFAIL, registry.EDE_NOT_READY, "too many questions in flight")

    def _failed(self, query: Query, word: Relay | None) -> bytes:
        """The reply when a question cannot be resolved: what an upstream said, if one said anything."""
        if word is not None:
            return word.render(query, 0)
        return failure(query, registry.SERVFAIL, registry.EDE_NO_REACHABLE_AUTHORITY, "no upstream answered")

    def _obey(self, waiter: Waiter, ruling: Ruling) -> Outcome:
        """What a rule gives instead of what the internet says."""
        query, answer = waiter.query, ruling.answer
        if answer is None:
            return self._block(query, waiter.udp), None
        if answer.silent or answer.by_tcp:
            self.counters.answered += 1
            return SILENCE if answer.silent else truncated(query), None
        return self._given(waiter._replace(ruling=ruling), answer, FORGED)

    def _given(self, waiter: Waiter, answer: Answer, opts: tuple[bytes, bytes]) -> Outcome:
        """An answer that a rule or a record of our own gives; where it leads elsewhere, with what is there,
        which comes from here or the cache, or later."""
        query = waiter.query
        led = follow(answer, query)
        if led is None:
            self.counters.answered += 1
            snapshot = self.snapshot
            relay = forge(query, answer, snapshot.ttl, self._clock(), opts, snapshot.blocks.opts(query))
            return self._own(waiter, relay)
        waiter = waiter._replace(led=answer, opts=opts)
        here = self._known_here(led)
        if here is not None:
            return self._composed(waiter, here)
        return self._resolved(waiter, led, self.resolution.resolve(led, waiter), self._clock())

    def _known_here(self, led: Query) -> bytes | None:
        """The reply about a name that a rule or a record of ours leads to, if nobody need be asked."""
        own = self.snapshot.local.find(led.folded, led.qtype) if self.snapshot.local else None
        if own is not None:
            return forge(led, own, self.snapshot.ttl, self._clock(), OWN).render(led, 0)
        return self._answered_here(led)

    def _rendered(self, query: Query, found: Found, now: float) -> bytes | None:
        """What was found for a question of our own, as a reply to it."""
        if type(found) is not Relay:
            return None
        return found.render(query, int(now - found.stored)) if _fresh(found, now) else found.stale(query)

    def _composed(self, waiter: Waiter, reply: bytes | None) -> Outcome:
        """The CNAME of a rule with what its target has; `reply` is about the target, None if none came."""
        query, answer = waiter.query, waiter.led
        relay = (
            compose(query, answer, self.snapshot.ttl, reply, self._clock(), waiter.opts)
            if reply is not None and answer is not None
            else None
        )
        if relay is None:
            self.counters.failed += 1
            text = "the name that a rule leads to cannot be resolved"
            return failure(query, registry.SERVFAIL, registry.EDE_NO_REACHABLE_AUTHORITY, text), None
        self.counters.answered += 1
        return self._own(waiter, relay)

    def _own(self, waiter: Waiter, relay: Relay) -> Outcome:
        """An answer of our own as this client takes it, to be remembered if everybody gets it."""
        query = waiter.query
        reply = relay.render(query, 0)
        if waiter.udp and len(reply) > query.udp_limit:
            return truncated(query), None
        return reply, relay if waiter.ruling.common and relay.lifetime > 0 else None

    def _block(self, query: Query, udp: bool) -> bytes:
        """The answer to a blocked question; many addresses of ours may be too long for UDP."""
        self.counters.blocked += 1
        reply = self.snapshot.blocks.build(query)
        return truncated(query) if udp and len(reply) > query.udp_limit else reply

    def _relayed(self, waiter: Waiter, relay: Relay, now: float) -> Outcome:
        """An upstream's answer for one client, judged; a flow only if it is the relay itself, unabridged and
        fresh, and what every client gets.

        A block for where a CNAME leads lives as long as the answer, not as long as the view. A first-seen
        name is not remembered at all, so that a flood of names asked once costs no flows.
        """
        query, ruling = waiter.query, waiter.ruling
        if ruling.verdict != ALLOWED and (relay.targets or self.snapshot.watches):
            ruling = self._judged(waiter, relay)
            if ruling.verdict in _OBEYED:
                self.counters.blocked_targets += 1
                return self._obey(waiter, ruling)[0], None
        if relay.private and self._rebinds(query):
            return self._withheld(query), None
        if self._prefix is not None and self._prefix.lacks(relay):
            translated = self._translate(waiter, relay, now)
            if translated is not None:
                return translated
        fresh = _fresh(relay, now)
        reply = relay.render(query, int(now - relay.stored)) if fresh else relay.stale(query)
        if waiter.udp and len(reply) > query.udp_limit:
            return truncated(query), None
        return reply, relay if fresh and ruling.common else None

    def _rebinds(self, query: Query) -> bool:
        """Whether this name must not lead into a private network (an upstream of its own may answer so)."""
        return self.snapshot.rebinding.guards(query.folded) and not (
            self._routed is not None and self._routed(query.folded)
        )

    def _withheld(self, query: Query) -> bytes:
        """The reply when an answer leads inside that must not."""
        self.counters.blocked += 1
        return withheld(query, self.snapshot.ttl)

    def _translate(self, waiter: Waiter, relay: Relay | None, now: float) -> Outcome | None:
        """DNS64: the addresses of the A question, made into IPv6 ones; None when `relay` stands as it is.

        Whatever a rule says of the A question it says of made addresses as well, so nothing is made then.
        """
        query, prefix = waiter.query, self._prefix
        if prefix is None or waiter.lacking is not None or not prefix.wants(query):
            return None
        ruling = self.snapshot.rule(query.folded, registry.A, waiter.host)
        if ruling.verdict not in (NONE, ALLOWED) or ruling.common < waiter.ruling.common:
            return None
        asked = prefix.question(query)
        waiter = waiter._replace(lacking=(relay,))
        return self._resolved(waiter, asked, self.resolution.resolve(asked, waiter), now)

    def _translated(self, waiter: Waiter, asked: Query, found: Found, now: float) -> Outcome:
        """The answer to the A question, made into one for the client; failing that, what there was."""
        (lacking,) = waiter.lacking or (None,)
        reply = self._rendered(asked, found, now)
        if type(found) is Relay and reply is not None and self._prefix is not None:
            ruling = self._judged(waiter, found)
            if ruling.verdict in _OBEYED:
                self.counters.blocked_targets += 1
                return self._obey(waiter, ruling)[0], None
            if found.private and self._rebinds(waiter.query):
                return self._withheld(waiter.query), None
            seconds = lacking.lifetime if lacking is not None and lacking.lifetime else NO_SOA_SECONDS
            made = self._prefix.synthesise(waiter.query, reply, now, seconds)
            if made is not None:
                return self._own(waiter, made)
        if lacking is not None:
            return self._relayed(waiter, lacking, now)
        return self._not_found(waiter, Failure(None, now, 1, 0)), None

    def _judged(self, waiter: Waiter, relay: Relay) -> Ruling:
        """The ruling on a question that was left alone, now that its answer is known."""
        snapshot, query, host = self.snapshot, waiter.query, waiter.host
        ruling = rule_targets(snapshot.ruleset, waiter.ruling, query.qtype, host, relay.targets)
        if ruling.verdict == NONE and snapshot.watches:
            ruling = rule_addresses(
                snapshot.ruleset, ruling, query.folded, query.qtype, host, relay.addresses()
            )
        return settled(ruling, query.folded, waiter.udp)

    def _deliver(self, waiter: Waiter, asked: Query, found: Relay | Failure, now: float) -> None:
        """What came for the question `asked`, for one who waited for it."""
        if waiter.snapshot is not self.snapshot:
            reply = self._anew(waiter)
        else:
            reply = self._resolved(waiter, asked, found, now)[0]
        if reply and waiter.udp and waiter.host not in self.admission.known:
            reply = self._tempered(waiter.host, waiter.query, reply, proven=False)
        if reply is not None:
            waiter.sink(waiter.peer, reply)

    def _anew(self, waiter: Waiter) -> bytes | None:
        """A swap came while a client waited: what the generation in service says decides.

        The answer that came is remembered by now; whoever is led elsewhere waits once more.
        """
        query, snapshot = waiter.query, self.snapshot
        ruling = snapshot.rule(query.folded, query.qtype, waiter.host)
        return self._serve(waiter._replace(snapshot=snapshot, ruling=ruling, led=None, lacking=None))[0]


def _fresh(relay: Relay, now: float) -> bool:
    """Whether an answer is within its time; what may not be kept at all is given the moment it comes."""
    return now - relay.stored < relay.lifetime or now == relay.stored
