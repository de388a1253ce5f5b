"""Sending one try and finding out what answers it: over UDP, or over a stream.

    UDP ──► matches the socket, ID, QR, opcode, question ──► its cookie is ours ──► walked ──► the judge
     │        └ no: counted, ignored                           └ missing: over a stream
     └ cut, a forger about, another case than asked: the same try again over a stream ──────► the judge

RFC 5452 9.1 names what a reply must match: the connected socket checks addresses and ports, the rest is
checked here. RFC 5452 9.3: a port that gets packets with wrong IDs has been found by a forger; it retires,
and what was asked from it is asked over a stream, where nobody who does not see the packets can answer.
When several ports are found one soon after the other, everything goes over streams for a while.

What the network says by ICMP is passed on as a hint: it may be forged as easily as a reply. This module
must not know how long is waited, who is asked next, or what an answer is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from struct import Struct
from typing import Final, Protocol

from resolver.dns import registry
from resolver.dns.edns import opt
from resolver.dns.query import Query
from resolver.dns.records import Walk, walk
from resolver.errors import WireError
from resolver.records.counters import Counters
from resolver.serving.dialling import Places
from resolver.serving.exchange import STREAMED, Try
from resolver.serving.health import Upstream
from resolver.serving.matching import OTHER, compare, message, random_case
from resolver.serving.ports import PortPool, PortSocket
from resolver.serving.streams import Stream
from resolver.serving.upstream_cookies import ACCEPTED, FORGED, UpstreamCookies
from resolver.serving.wheel import Wheel
from resolver.upstreams import UpstreamAddress

_HEADER: Final = Struct(">HHH").unpack_from
_RESPONSE: Final = registry.QR | registry.OPCODE_MASK

NO_EDNS: Final = (registry.FORMERR, registry.NOTIMP, registry.BADVERS)
"""What servers say that cannot read an OPT (RFC 6891 7)."""


class Judge(Protocol):
    """Who is told what came of a try."""

    def answered(self, attempt: Try, walked: Walk, now: float) -> None:
        """A reply that matches, whatever its rcode."""

    def failed(self, attempt: Try, now: float) -> None:
        """Nothing can come from this try any more."""

    def unreachable(self, attempt: Try, now: float) -> None:
        """The network says that nobody is there."""

    def repeated(self, attempt: Try, now: float) -> None:
        """It was heard, and is asked again over a stream: that takes longer."""


class Asker:
    """The ways to all upstreams of a forwarder, `upstreams[i].index` being i."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        cookies: bool,
        chance: Iterator[int],
        clock: Callable[[], float],
        counters: Counters,
        wheel: Wheel,
        judge: Judge,
        places: Callable[[UpstreamAddress], Places | None],
    ) -> None:
        self._chance = chance
        self._clock = clock
        self._counters = counters
        self._judge = judge
        self._cookies = UpstreamCookies(chance) if cookies else None
        self._names: Final = [str(one.address) for one in upstreams]
        self._turn = wheel.turn
        self._streams: Final = [
            Stream(one.address, chance, clock, wheel, places(one.address)) for one in upstreams
        ]
        self._pools: Final = [self._pool(one) if one.address.scheme == "udp" else None for one in upstreams]

    def _pool(self, upstream: Upstream) -> PortPool[Try]:
        endpoint, found = upstream.address.endpoint, partial(self._found, upstream)
        return PortPool(
            endpoint, self._chance, self._received, self._unreachable, found, self._refused, self._turn
        )

    def close(self) -> None:
        """Close every socket and connection; nothing is told any more."""
        for pool in self._pools:
            if pool is not None:
                pool.close()
        for stream in self._streams:
            stream.close()

    # Sending

    def in_random_case(self, query: Query) -> bytes:
        """The question section for an upstream that keeps its case."""
        question, bits = query.question, 0
        for _ in range(0, len(question), 4):
            bits = bits << 32 | next(self._chance)
        return random_case(question, bits)

    def ask(self, attempt: Try, now: float, by_stream: bool = False) -> bool:
        """Send a try, over UDP where nothing speaks against it. False when we are out of descriptors or
        ports: our trouble, not the upstream's."""
        upstream = attempt.upstream
        self._counters.upstream_packets += 1
        pool = self._pools[upstream.index]
        if pool is None or by_stream or upstream.by_stream > now:
            self.ask_by_stream(attempt)
            return True
        try:
            where, number = pool.take(attempt, now)
        except OSError:
            return False
        attempt.where, attempt.number = where, number
        octets = message(
            number, attempt.exchange.query, attempt.question, self._opt(attempt, now) if attempt.edns else b""
        )
        pool.send(where, octets, attempt)
        return True

    def _refused(self, attempt: Try) -> None:
        """The kernel would not send a try."""
        if not attempt.exchange.ended:
            self._judge.unreachable(attempt, self._clock())

    def _opt(self, attempt: Try, now: float) -> bytes:
        """The OPT that an upstream gets, made when its cookie changes."""
        upstream = attempt.upstream
        if self._cookies is not None:
            cookie = self._cookies.for_query(self._names[upstream.index], now)
            if cookie is not upstream.cookie:
                upstream.cookie = cookie
                upstream.opts = (opt(False, cookie), opt(True, cookie))
        return upstream.opts[attempt.exchange.query.dnssec]

    def ask_by_stream(self, attempt: Try) -> None:
        """Ask the try's upstream over its stream, where no cookie is needed."""
        attempt.state = STREAMED
        query = attempt.exchange.query
        record = opt(query.dnssec) if attempt.edns else b""
        self._streams[attempt.upstream.index].ask(
            lambda number: message(number, query, attempt.question, record),
            lambda data: self._streamed(attempt, data),
        )

    def repeat_by_stream(self, attempt: Try, now: float) -> None:
        """Ask again what was asked over UDP."""
        self.ask_by_stream(attempt)
        self._judge.repeated(attempt, now)

    # Receiving

    def _received(self, where: PortSocket[Try], data: bytes) -> None:
        """A packet from an upstream's address and port. Ignored unless it answers what was asked."""
        if len(data) < 12:
            self._mismatch(where, None)
            return
        number, flags, questions = _HEADER(data)
        attempt = where.pending.get(number)
        if attempt is None or flags & _RESPONSE != registry.QR:
            self._mismatch(where, number)
            return
        question = attempt.question
        if data[12 : 12 + len(question)] != question or questions != 1:
            if not self._acceptable(where, attempt, data, flags, questions):
                return
        elif attempt.upstream.keeps_case:
            attempt.upstream.right_case()
        # Whoever has been heard already is not heard again: packets may come twice.
        if attempt.state >= STREAMED:
            return
        now = self._clock()
        if flags & registry.TC:
            attempt.upstream.answered(now - attempt.sent, now)
            if not attempt.exchange.ended:
                self.repeat_by_stream(attempt, now)
            return
        try:
            walked = walk(data, 12 + len(question))
        except WireError:
            # Passed over like a forgery. But its sender knew all that had to be guessed: no port was found.
            self._counters.upstream_mismatches += 1
            return
        cookies = self._cookies
        if cookies is not None and attempt.edns and not self._proven(cookies, where, attempt, walked):
            return
        attempt.upstream.answered(now - attempt.sent, now)
        if attempt.exchange.ended:
            where.release(number)
        else:
            self._judge.answered(attempt, walked, now)

    def _acceptable(
        self, where: PortSocket[Try], attempt: Try, data: bytes, flags: int, questions: int
    ) -> bool:
        """Whether a reply counts though it does not repeat the question octet by octet."""
        # Servers too old for EDNS answer FORMERR with a header alone (RFC 6891 7).
        if questions == 0 and flags & registry.RCODE_MASK in NO_EDNS and attempt.edns:
            return True
        if compare(data, questions, attempt.question) == OTHER:
            self._mismatch(where, attempt.number)
            return False
        upstream = attempt.upstream
        if not upstream.keeps_case:
            return True
        # Not believed, but its sender had the rest: a stream cannot be forged like that.
        upstream.odd_case()
        if attempt.state < STREAMED and not attempt.exchange.ended:
            self.repeat_by_stream(attempt, self._clock())
        return False

    def _proven(self, cookies: UpstreamCookies, where: PortSocket[Try], attempt: Try, walked: Walk) -> bool:
        """Whether the cookie of a reply says nothing against it (RFC 7873 5.3)."""
        found = cookies.check(self._names[attempt.upstream.index], walked.options)
        if found == ACCEPTED:
            return True
        if found == FORGED:
            self._mismatch(where, attempt.number)
        elif not attempt.exchange.ended:
            self.repeat_by_stream(attempt, self._clock())
        return False

    def _mismatch(self, where: PortSocket[Try], number: int | None) -> None:
        """A packet that is not believed. A copy of an answer that was taken is no forgery."""
        self._counters.upstream_mismatches += 1
        if number in where.used and number not in where.pending:
            return
        where.mismatched()

    def _found(self, upstream: Upstream, awaited: list[Try]) -> None:
        """A forger has found a port towards this upstream, where these were awaited."""
        now = self._clock()
        upstream.port_found(now)
        for attempt in awaited:
            if not attempt.exchange.ended and attempt.state < STREAMED:
                self.repeat_by_stream(attempt, now)

    def _unreachable(self, where: PortSocket[Try]) -> None:
        """The network says that nobody is there."""
        now = self._clock()
        for attempt in list(where.pending.values()):
            if not attempt.exchange.ended:
                self._judge.unreachable(attempt, now)

    def _streamed(self, attempt: Try, data: bytes | None) -> None:
        """What came over a stream: a message with the right ID, or nothing in its time."""
        upstream, now = attempt.upstream, self._clock()
        if data is None:
            upstream.no_stream(now)
        if attempt.exchange.ended:
            return
        walked = _whole(data, attempt.question)
        if walked is None:
            self._judge.failed(attempt, now)
            return
        self._counters.upstream_tcp += 1
        if attempt.where is None:
            upstream.answered(now - attempt.sent, now)
        self._judge.answered(attempt, walked, now)


def _whole(data: bytes | None, question: bytes) -> Walk | None:
    """A reply over a stream, walked, if it is about the question and can be used."""
    if data is None:
        return None
    try:
        walked = walk(data)
    except WireError:
        return None
    _, flags, questions = _HEADER(data)
    if flags & _RESPONSE != registry.QR:
        return None
    if questions == 0 and flags & registry.RCODE_MASK in NO_EDNS:
        return walked
    # RFC 2181 9: what is cut is not to be used, and there is nothing longer than a stream to ask by.
    if flags & registry.TC or compare(data, questions, question) == OTHER:
        return None
    return walked
