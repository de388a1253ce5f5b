"""From a ruling to a reply: what a question gets that policy has been asked about.

    own records  before special names: the printer may be called printer.home.arpa
    special      names that never leave, unless an upstream of their own is there for them
    our limits   classes and types that a forwarder does not serve, RD=0
    resolution   cache, remembered failures, upstreams (`resolver.serving.resolution`)
    judgement    of every answer, fresh or remembered, for every client: where its CNAME and SVCB records lead
                 may be blocked by now, so may an address in it; a public name may not lead inside
    DNS64        last, so that nothing is made of what is blocked

A rule or a record of our own may lead elsewhere: the question for its CNAME's target is resolved and not
judged, so it leads nowhere again; DNS64 asks a second question as well. One question never costs more than
two exchanges. This module must not know listeners, cookies or flows; nothing in it may raise for what a
client or an upstream sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from resolver.dns import registry, special
from resolver.dns.answers import Relay, failure, truncated
from resolver.dns.dns64 import NO_SOA_SECONDS, Prefix64
from resolver.dns.query import Query
from resolver.policy.decide import ANSWERED, LEFT_ALONE, NONE, Ruling
from resolver.policy.relayed import rule_addresses, rule_targets
from resolver.policy.replies import FORGED, MADE, OWN, compose, follow, forge, settled, withheld
from resolver.records.counters import Counters
from resolver.rules.model import ALLOWED, BLOCKED
from resolver.rules.side import Answer, Record
from resolver.serving.failures import Failure
from resolver.serving.refusals import unserved
from resolver.serving.resolution import LOOPED, Found, Resolution
from resolver.serving.snapshot import Snapshot
from resolver.serving.waiter import SILENCE, Waiter

_OBEYED: Final = (BLOCKED, ANSWERED)
"""Verdicts that give something else than what the internet says."""

Outcome = tuple[bytes | None, Relay | None]
"""The reply (None: it comes later), and the answer that may be remembered as this flow, if one may."""


class Answering:
    """One worker's answers, by the generation in `snapshot`. `prefix`: of made IPv6 addresses, None for
    none."""

    def __init__(
        self,
        snapshot: Snapshot,
        resolution: Resolution,
        prefix: Prefix64 | None,
        counters: Counters,
        clock: Callable[[], float],
    ) -> None:
        self.snapshot = snapshot
        self._resolution = resolution
        self._counters = counters
        self._clock = clock
        # Most have none of these: a test for None is all that they cost then.
        self._routed = resolution.routes.find if resolution.routes else None
        self._prefix = prefix

    def serve(self, waiter: Waiter) -> Outcome:
        """Everything behind the ruling."""
        query, ruling, snapshot = waiter.query, waiter.ruling, waiter.snapshot
        if ruling is not LEFT_ALONE:
            if ruling.answer is not None:
                ruling = settled(ruling, query.folded, waiter.udp)
                waiter = waiter._replace(ruling=ruling)
            if ruling.verdict in _OBEYED and not special.unblockable(query.folded):
                return self._obey(waiter, ruling)
        if snapshot.local is not None:
            own = snapshot.local.find(query.folded, query.qtype)
            if own is not None and query.qclass == registry.CLASS_IN:
                return self._given(waiter, own, OWN)
        if self._prefix is not None:
            led = self._prefix.reverse(query)
            if led is not None:
                return self._given(waiter, Answer(records=(Record(registry.CNAME, led.folded),)), MADE)
        # Both are asked only of what may be theirs: most questions are ordinary ones.
        if query.folded.endswith(special.LAST_LABELS):
            reply = self._answered_here(query)
            if reply is not None:
                return reply, None
        if query.qtype >= registry.TKEY or query.qclass != registry.CLASS_IN or not query.flags & registry.RD:
            reply = unserved(query, self._counters)
            if reply is not None:
                return reply, None
        found = self._resolution.resolve(query, waiter)
        return self._resolved(waiter, query, found, self._clock())

    def delivered(self, waiter: Waiter, asked: Query, found: Relay | Failure, now: float) -> bytes | None:
        """The reply for one who waited, now that this has come for the question `asked`."""
        if waiter.snapshot is not self.snapshot:
            return self._anew(waiter)
        return self._resolved(waiter, asked, found, now)[0]

    def _answered_here(self, query: Query) -> bytes | None:
        """The reply to a name that never leaves; None for a name that does, or has an upstream of its own."""
        routed = self._routed is not None and self._routed(query.folded)
        if routed and not special.unblockable(query.folded):
            return None
        reply = special.answer(query)
        if reply is not None:
            self._counters.special += 1
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

    def _relayed(self, waiter: Waiter, relay: Relay, now: float) -> Outcome:
        """An upstream's answer for one client, judged; a flow only if it is the relay itself, unabridged and
        fresh, and what every client gets.

        A block for where a CNAME leads lives as long as the answer, not as long as the view. A first-seen
        name is not remembered at all, so that a flood of names asked once costs no flows.
        """
        query, ruling = waiter.query, waiter.ruling
        if ruling.verdict != ALLOWED and (relay.targets or self.snapshot.watches):
            ruling = self._judged(waiter, relay, query.qtype)
            if ruling.verdict in _OBEYED:
                self._counters.blocked_targets += 1
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

    def _judged(self, waiter: Waiter, relay: Relay, qtype: int) -> Ruling:
        """The ruling on a question that was left alone, now that its answer is known."""
        snapshot, query, host = self.snapshot, waiter.query, waiter.host
        ruling = rule_targets(snapshot.ruleset, waiter.ruling, qtype, host, relay.targets)
        if ruling.verdict == NONE and snapshot.watches:
            ruling = rule_addresses(snapshot.ruleset, ruling, query.folded, qtype, host, relay.addresses())
        return settled(ruling, query.folded, waiter.udp)

    def _rebinds(self, query: Query) -> bool:
        """Whether this name must not lead into a private network (an upstream of its own may answer so)."""
        return self.snapshot.rebinding.guards(query.folded) and not (
            self._routed is not None and self._routed(query.folded)
        )

    def _withheld(self, query: Query) -> bytes:
        """The reply when an answer leads inside that must not."""
        self._counters.blocked += 1
        return withheld(query, self.snapshot.ttl)

    def _not_found(self, waiter: Waiter, found: Found) -> bytes | None:
        """The reply when there is no answer.

        When too many are in flight silence is cheapest over UDP, and the client asks again. Over TCP it
        would wait for ever, and its connection would count a question that nobody answers.
        """
        query = waiter.query
        if isinstance(found, Failure):
            self._counters.failed += 1
            return self._failed(waiter, found.word)
        if found == LOOPED:
            self._counters.refused += 1
            text = "an upstream asks us what we are asking it: a forwarding loop"
            return failure(query, registry.REFUSED, registry.EDE_OTHER, text)
        if waiter.udp:
            return None
        return failure(query, registry.SERVFAIL, registry.EDE_NOT_READY, "too many questions in flight")

    def _failed(self, waiter: Waiter, word: Relay | None) -> bytes:
        """The reply when a question cannot be resolved: what an upstream said, if one said anything.

        Nobody needs the records of a failure. So they are not judged, but left out where a judge could
        object to them, or where they do not fit.
        """
        query = waiter.query
        if word is None:
            text = "no upstream answered"
            return failure(query, registry.SERVFAIL, registry.EDE_NO_REACHABLE_AUTHORITY, text)
        if word.targets or word.private or self.snapshot.watches:
            return word.alone(query)
        reply = word.render(query, 0)
        return word.alone(query) if waiter.udp and len(reply) > query.udp_limit else reply

    def _obey(self, waiter: Waiter, ruling: Ruling) -> Outcome:
        """What a rule gives instead of what the internet says."""
        query, answer = waiter.query, ruling.answer
        if answer is None:
            return self.block(query, waiter.udp), None
        if answer.silent or answer.by_tcp:
            self._counters.answered += 1
            return SILENCE if answer.silent else truncated(query), None
        return self._given(waiter._replace(ruling=ruling), answer, FORGED)

    def block(self, query: Query, udp: bool) -> bytes:
        """The answer to a blocked question; many addresses of ours may be too long for UDP."""
        self._counters.blocked += 1
        reply = self.snapshot.blocks.build(query)
        return truncated(query) if udp and len(reply) > query.udp_limit else reply

    def _given(self, waiter: Waiter, answer: Answer, opts: tuple[bytes, bytes]) -> Outcome:
        """An answer that a rule or a record of our own gives; where it leads elsewhere, with what is there,
        which comes from here or the cache, or later."""
        query = waiter.query
        led = follow(answer, query)
        if led is None:
            self._counters.answered += 1
            snapshot = self.snapshot
            relay = forge(query, answer, snapshot.ttl, self._clock(), opts, snapshot.blocks.opts(query))
            return self._own(waiter, relay)
        waiter = waiter._replace(led=answer, opts=opts)
        here = self._known_here(led)
        if here is not None:
            return self._composed(waiter, here)
        return self._resolved(waiter, led, self._resolution.resolve(led, waiter), self._clock())

    def _known_here(self, led: Query) -> bytes | None:
        """The reply about a name that a rule or a record of ours leads to, if nobody need be asked."""
        local = self.snapshot.local
        own = local.find(led.folded, led.qtype) if local is not None else None
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
            self._counters.failed += 1
            text = "the name that a rule leads to cannot be resolved"
            return failure(query, registry.SERVFAIL, registry.EDE_NO_REACHABLE_AUTHORITY, text), None
        self._counters.answered += 1
        return self._own(waiter, relay)

    def _own(self, waiter: Waiter, relay: Relay) -> Outcome:
        """An answer of our own as this client takes it, to be remembered if everybody gets it."""
        query = waiter.query
        reply = relay.render(query, 0)
        if waiter.udp and len(reply) > query.udp_limit:
            return truncated(query), None
        return reply, relay if waiter.ruling.common and relay.lifetime > 0 else None

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
        return self._resolved(waiter, asked, self._resolution.resolve(asked, waiter), now)

    def _translated(self, waiter: Waiter, asked: Query, found: Found, now: float) -> Outcome:
        """The answer to the A question, made into one for the client; failing that, what there was."""
        (lacking,) = waiter.lacking or (None,)
        reply = self._rendered(asked, found, now)
        if type(found) is Relay and reply is not None and self._prefix is not None:
            for qtype in (waiter.query.qtype, asked.qtype) if waiter.ruling.verdict != ALLOWED else ():
                ruling = self._judged(waiter, found, qtype)
                if ruling.verdict in _OBEYED:
                    self._counters.blocked_targets += 1
                    return self._obey(waiter, ruling)[0], None
                if not ruling.common:  # another client may be told something else
                    waiter = waiter._replace(ruling=waiter.ruling._replace(common=False))
            if found.private and self._rebinds(waiter.query):
                return self._withheld(waiter.query), None
            seconds = lacking.lifetime if lacking is not None and lacking.lifetime else NO_SOA_SECONDS
            made = self._prefix.synthesise(waiter.query, reply, now, seconds)
            if made is not None:
                return self._own(waiter, made)
        if lacking is not None and lacking.lifetime <= 0:
            # It could not be kept, but this client has waited for it since it came.
            return self._relayed(waiter, lacking, lacking.stored)[0], None
        if lacking is not None:
            return self._relayed(waiter, lacking, now)
        return self._not_found(waiter, Failure(None, now, 1, 0)), None

    def _anew(self, waiter: Waiter) -> bytes | None:
        """A swap came while a client waited: what the generation in service says decides.

        The answer that came is remembered by now; whoever is led elsewhere waits once more.
        """
        query, snapshot = waiter.query, self.snapshot
        ruling = snapshot.rule(query.folded, query.qtype, waiter.host)
        return self.serve(waiter._replace(snapshot=snapshot, ruling=ruling, led=None, lacking=None))[0]


def _fresh(relay: Relay, now: float) -> bool:
    """Whether an answer is within its time; what may not be kept at all is given the moment it comes."""
    return now - relay.stored < relay.lifetime or now == relay.stored
