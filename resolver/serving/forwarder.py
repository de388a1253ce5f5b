"""Asking upstreams: which, how often, how long, and what counts as an answer.

    start ──► try 1 ──(0.8 s)──► try 2 ──(1.2 s)──► try 3 ──(2 s)──► no answer (4 s in all, < 5 s)

Each try goes to the next upstream that is well, from a random port with a random ID. Earlier tries
stay open: a late answer to any of them is as good. A client query never costs more than `MAX_TRIES`
packets (RFC 9520 3.1), not counting a retry over TCP.

What comes back is matched on everything that RFC 5452 9.1 names: the connected socket checks
addresses and ports, this file ID, QR, opcode and question. A packet that does not match is counted
and ignored, and the wait goes on: a forger cannot end it. A matching SERVFAIL or REFUSED makes the
next upstream the judge; if none does better, not even one that is slow, the last such reply is relayed.

Callbacks instead of tasks: a task for each query would cost more than the query. Only TCP, which is
rare, has tasks. This module must not know policy or caches; it is handed a function to call once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.answers import upstream_query
from resolver.dns.records import Walk, walk
from resolver.errors import WireError
from resolver.records.counters import Counters
from resolver.serving.exchange import Exchange, Try
from resolver.serving.health import Upstream, choose
from resolver.serving.ports import PortPool, PortSocket
from resolver.serving.upstream_tcp import ask_over_tcp
from resolver.serving.wheel import Wheel
from resolver.settings import Strategy
from resolver.upstreams import UpstreamAddress

TIMEOUTS: Final = (0.8, 1.2, 2.0)
"""Seconds that each try is waited for before the next; the last ends the exchange."""
MAX_TRIES: Final = len(TIMEOUTS)
_TCP_SECONDS: Final = 2.0
_TCP_AT_ONCE: Final = 64

_HEADER: Final = Struct(">HHH").unpack_from

_SERVED: Final = (registry.NOERROR, registry.NXDOMAIN)
_NO_EDNS: Final = (registry.FORMERR, registry.NOTIMP, registry.BADVERS)

Done = Callable[[Exchange, Walk | None], None]


class Terms(NamedTuple):
    """How upstreams are asked; the keys of `[dns]` with the same names say what each means."""

    strategy: Strategy = "order"
    randomize_case: bool = False
    cookies: bool = True


class Forwarder:
    """`done(exchange, walk)` is called once for each `start`; None means that nobody answered."""

    def __init__(
        self,
        upstreams: Sequence[UpstreamAddress],
        terms: Terms,
        chance: Iterator[int],
        clock: Callable[[], float],
        counters: Counters,
        wheel: Wheel,
        done: Done,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._terms = terms
        self._counters = counters
        self._wheel = wheel
        self._done = done
        self._chance = chance
        self.upstreams: Final = [Upstream(index, address) for index, address in enumerate(upstreams)]
        self._pools: Final[list[PortPool[Exchange]]] = [
            PortPool(one.address.endpoint, chance, self._received, self._unreachable, clock)
            for one in self.upstreams
        ]
        self._tasks: set[asyncio.Task[None]] = set()
        self._tcp_slots = asyncio.Semaphore(_TCP_AT_ONCE)

    def start(self, exchange: Exchange) -> None:
        """Send the first try."""
        self._try(exchange, self._clock())

    def close(self) -> None:
        """Stop; what is under way ends without an answer and without a call."""
        for task in self._tasks:
            task.cancel()
        for pool in self._pools:
            pool.close()

    # Sending

    def _try(self, exchange: Exchange, now: float, plain: Upstream | None = None) -> None:
        """Send the next try, to `plain` without OPT if given; end the exchange after enough of them."""
        if len(exchange.tries) >= MAX_TRIES:
            self._end(exchange, exchange.fallback)
            return
        upstream = plain or choose(self.upstreams, exchange.tried(), now)
        edns = upstream.edns and plain is None
        self._counters.upstream_packets += 1
        if upstream.address.scheme == "tcp":
            attempt = Try(upstream, None, len(exchange.tries), now, edns)
            self._note(exchange, attempt)
            self._ask_tcp(exchange, attempt)
            return
        try:
            where, number = self._pools[upstream.index].take(exchange)
        except OSError:
            # Out of descriptors or ports: our trouble, so the upstream is not blamed.
            self._end(exchange, exchange.fallback)
            return
        attempt = Try(upstream, where, number, now, edns)
        self._note(exchange, attempt)
        try:
            where.send(upstream_query(exchange.query, number, edns))
        except OSError:
            # No route, or an ICMP refusal of an earlier query: do not wait for the timer.
            exchange.settle(attempt)
            upstream.failed(now)
            self._try(exchange, now)

    def _note(self, exchange: Exchange, attempt: Try) -> None:
        """Remember a try and when to look at it again."""
        count = len(exchange.tries)
        exchange.tries.append(attempt)
        self._wheel.at(attempt.sent + TIMEOUTS[count], self._late, (exchange, count + 1))

    def _late(self, waited: tuple[Exchange, int]) -> None:
        """The newest try has had its time. Whoever said something, though not enough, is not blamed."""
        exchange, count = waited
        if exchange.ended or len(exchange.tries) != count:
            return
        newest, now = exchange.tries[-1], self._clock()
        if newest not in exchange.settled:
            self._counters.upstream_timeouts += 1
            newest.upstream.failed(now)
        self._try(exchange, now)

    # Receiving

    def _received(self, where: PortSocket[Exchange], data: bytes) -> None:
        """A packet from an upstream's address and port. Ignored unless it answers what was asked."""
        if len(data) < 12:
            self._mismatch(where)
            return
        number, flags, questions = _HEADER(data)
        exchange = where.pending.get(number)
        if exchange is None:
            self._mismatch(where)
            return
        attempt = exchange.tries[0]
        if attempt.where is not where or attempt.number != number:
            attempt = next(one for one in exchange.tries if one.where is where and one.number == number)
        if flags & (registry.QR | registry.OPCODE_MASK) != registry.QR:
            self._mismatch(where)
            return
        rcode = flags & registry.RCODE_MASK
        if not _same_question(data, questions, exchange.query.question):
            # Servers too old for EDNS answer FORMERR with a header alone (RFC 6891 7).
            if questions == 0 and rcode in _NO_EDNS and attempt.edns:
                self._without_edns(exchange, attempt)
            else:
                self._mismatch(where)
            return
        if flags & registry.TC:
            attempt.upstream.answered(self._clock() - attempt.sent)
            # Once for each try: the packet may come twice, and a connection costs more than it did.
            if attempt not in exchange.cut:
                exchange.cut += (attempt,)
                self._ask_tcp(exchange, attempt)
            return
        try:
            walked = walk(data)
        except WireError:
            self._mismatch(where)
            return
        self._judge(exchange, attempt, walked)

    def _judge(self, exchange: Exchange, attempt: Try, walked: Walk) -> None:
        """An answer to what we asked: is it good enough?"""
        now = self._clock()
        attempt.upstream.answered(now - attempt.sent)
        if walked.rcode in _NO_EDNS and attempt.edns:
            self._without_edns(exchange, attempt)
            return
        if not attempt.edns and walked.rcode not in _NO_EDNS:
            # Only now is it known that the OPT was to blame, and not the question.
            attempt.upstream.edns = False
        if walked.rcode in _SERVED:
            self._end(exchange, walked)
            return
        exchange.fallback = walked
        exchange.settle(attempt)
        # Only the newest try moves on; an older one that fails late changes nothing.
        others = len(set(exchange.tried())) < len(self.upstreams)
        if others and attempt is exchange.tries[-1]:
            self._try(exchange, now)
        elif not exchange.awaited:
            self._end(exchange, walked)

    def _without_edns(self, exchange: Exchange, attempt: Try) -> None:
        """RFC 6891 7: ask the same server again without OPT; once, however often it says so."""
        if attempt not in exchange.settled:
            exchange.settle(attempt)
            self._try(exchange, self._clock(), attempt.upstream)

    def _mismatch(self, where: PortSocket[Exchange]) -> None:
        self._counters.upstream_mismatches += 1
        where.mismatched()

    def _unreachable(self, where: PortSocket[Exchange]) -> None:
        """The network says that nobody is there: do not wait for the timer."""
        now = self._clock()
        for exchange in list(where.pending.values()):
            attempt = exchange.tries[-1]
            if attempt.where is where:
                exchange.settle(attempt)
                attempt.upstream.failed(now)
                self._try(exchange, now)

    # TCP

    def _ask_tcp(self, exchange: Exchange, attempt: Try) -> None:
        task = self._loop.create_task(self._when_free(exchange, attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _when_free(self, exchange: Exchange, attempt: Try) -> None:
        """Wait for one of the few slots; whoever comes too late for the question asks nothing."""
        async with self._tcp_slots:
            if not exchange.ended:
                await self._over_tcp(exchange, attempt)

    async def _over_tcp(self, exchange: Exchange, attempt: Try) -> None:
        """Ask one upstream over TCP (RFC 7766 5); failing that, the timer or the next try goes on."""
        upstream = attempt.upstream
        number = next(self._chance) & 0xFFFF
        query = upstream_query(exchange.query, number, attempt.edns)
        try:
            data = await ask_over_tcp(upstream.address.endpoint, query, _TCP_SECONDS)
            walked = walk(data)
            # RFC 2181 9: what is cut is not to be used, and there is nothing longer than TCP to ask by.
            if walked.flags & registry.TC or not _same_question(
                data, _HEADER(data)[2], exchange.query.question
            ):
                raise WireError("no whole answer to what was asked")
        except (OSError, TimeoutError, EOFError, WireError):
            exchange.settle(attempt)
            upstream.failed(self._clock())
            if not exchange.ended and attempt is exchange.tries[-1]:
                self._try(exchange, self._clock())
            elif not exchange.awaited:
                self._end(exchange, exchange.fallback)
            return
        if not exchange.ended:
            self._counters.upstream_tcp += 1
            self._judge(exchange, attempt, walked)

    def _end(self, exchange: Exchange, walked: Walk | None) -> None:
        if exchange.ended:
            return
        exchange.ended = True
        exchange.release()
        self._done(exchange, walked)


def _same_question(data: bytes, questions: int, question: bytes) -> bool:
    """RFC 5452 9.1: QNAME, QTYPE and QCLASS must be ours; the case of the name may differ."""
    end = 12 + len(question)
    if questions != 1 or len(data) < end:
        return False
    theirs = data[12:end]
    return theirs == question or (
        theirs[-4:] == question[-4:] and theirs[:-4].lower() == question[:-4].lower()
    )
