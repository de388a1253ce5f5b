"""The life of a query, from octets to octets: its first half. The order stands here and in `answering`.

    1  parse       cheapest first; what is no query gets silence before anything is looked up
    2  admission   before policy, so that strangers cannot probe what is blocked here; a flood costs little
    3  cookies     before any reply is built, since every reply carries one
    4  policy      before special names, own records and the cache: a list may block any name but localhost,
                   or answer it, and must win over whatever is remembered
    5  answering   own records, special names, our limits, memory and upstreams, judgement of what they say
                   (`resolver.serving.answering`)
    6  flows       what everybody gets is kept as octets, for the listeners to give again

The answer comes back at once, or later through the sink that the listener gave. Every step works on
one snapshot; an answer that arrives after a swap is judged by the new one, so nothing of an old
generation leaves after the swap. What is given to some clients only never becomes a flow, and those
who share an exchange are each given what is theirs.

This module must not know sockets; nothing here may raise for what a client or an upstream sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from resolver.dns import registry, special
from resolver.dns.answers import Relay, failure, truncated
from resolver.dns.answers import reply as reply_with
from resolver.dns.dns64 import Prefix64
from resolver.dns.edns import keepalive
from resolver.dns.query import CookieQuery, Query, option, parse_query
from resolver.policy.decide import BLOCK
from resolver.records.counters import Counters
from resolver.serving.admission import DROPPED, SERVED, SLIPPED, Admission
from resolver.serving.answering import Answering
from resolver.serving.bootstrap import Bootstrap
from resolver.serving.cookies import CookieJar
from resolver.serving.failures import Failure
from resolver.serving.flows import Flow, FlowTable
from resolver.serving.forwarder import Forwarder, Terms
from resolver.serving.resolution import Resolution
from resolver.serving.routes import Routes
from resolver.serving.snapshot import Snapshot
from resolver.serving.waiter import SILENCE, Sink, Waiter
from resolver.settings import Dns
from resolver.upstreams import UpstreamAddress, bootstraps

_TRUNCATED: Final = registry.TC >> 8
"""TC as a bit of a message's third octet."""


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
        prefix = Prefix64(settings.dns64) if settings.dns64 else None
        self._answering: Final = Answering(snapshot, self.resolution, prefix, self.counters, clock)

    def swap(self, snapshot: Snapshot) -> None:
        """Serve another generation from the next packet on. What was judged is judged anew; what upstreams
        said stays known."""
        self.snapshot = self._answering.snapshot = snapshot
        self.flows.clear()
        self.counters.swaps += 1

    def refine(self, snapshot: Snapshot) -> None:
        """Serve the same generation, its lists asked in another way. No verdict changes, so what is known
        stays known: the flows, and which swap was the last."""
        self.snapshot = self._answering.snapshot = snapshot

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
            return self._tempered(host, query, reply)
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

    def _tempered(self, host: str, query: Query, reply: bytes) -> bytes | None:
        """The reply for a client with limits, unless its cookie proves its address. The jar is asked once
        more, and remembers: since the question came it may have been asked about others."""
        proven = bool(query.options and self._cookies.extras(query, host)) and self._cookies.valid
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
            reply = self._answering.block(query, udp)
            if udp and not reply[2] & _TRUNCATED and not query.extras:
                self.flows.put(data[2:], snapshot.blocks.ready(query))
            return reply
        later, relay = self._answering.serve(Waiter(query, sink, peer, udp, host, snapshot, ruling))
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

    def _deliver(self, waiter: Waiter, asked: Query, found: Relay | Failure, now: float) -> None:
        """What came for the question `asked`, for one who waited for it."""
        reply = self._answering.delivered(waiter, asked, found, now)
        if reply and waiter.udp and waiter.host not in self.admission.known:
            reply = self._tempered(waiter.host, waiter.query, reply)
        if reply is not None:
            waiter.sink(waiter.peer, reply)
