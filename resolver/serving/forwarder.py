"""Asking upstreams: whom, how often, how long, and what counts as an answer.

    start ──► try 1 ──(late)──► try 2 ──(later)──► try 3 ──(4 s in all)──► no answer
               │ what comes back
               ▼
    matches nothing asked here ──► ignored, the wait goes on; many of them: over a stream, from a new port
    cut (TC)                   ──► the same try again over a stream
    FORMERR to an OPT          ──► the same upstream again without one
    SERVFAIL, REFUSED          ──► the next upstream is the judge
    an answer                  ──► the end

A question never costs more than `MAX_TRIES` packets (RFC 9520 3.1), not counting the repetition of a try
over a stream. Earlier tries stay open: a late answer to any of them is as good. When none does better than
a refusal, not even one that is slow, the last refusal is relayed.

What comes is matched on everything that RFC 5452 9.1 names: the connected socket checks addresses and
ports, this file ID, QR, opcode and question. A forger can neither end a wait nor move it: even a word of
the network that nobody is there (ICMP) only makes the next try leave sooner.

When tries leave is in `hedging`, whom they go to in `choice`, how upstreams do in `health`. Callbacks
instead of tasks: a task for each question would cost more than the question. This module must not know
policy or caches; it is handed a function to call once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.query import Query
from resolver.dns.records import Walk
from resolver.records.counters import Counters
from resolver.serving.asking import NO_EDNS, Asker
from resolver.serving.choice import Choice
from resolver.serving.dialling import Places
from resolver.serving.exchange import OPEN, SETTLED, STREAMED, UNREACHABLE, Exchange, Try
from resolver.serving.health import Upstream
from resolver.serving.hedging import MAX_TRIES, TOTAL, Budget, fixed, stream_wait, wait
from resolver.serving.wheel import Wheel
from resolver.settings import Strategy
from resolver.upstreams import UpstreamAddress

LINGER: Final = 2.0
"""Seconds that a try which was not answered is remembered behind the end of its question."""

GRACE: Final = 1.0
"""Seconds that are waited when the network says of every try that nobody is there: it may be lying."""

_SERVED: Final = (registry.NOERROR, registry.NXDOMAIN)

Done = Callable[[Exchange, Walk | None], None]


class Terms(NamedTuple):
    """How upstreams are asked; the keys of `[dns]` with the same names say what each means."""

    strategy: Strategy = "order"
    randomize_case: bool = False
    cookies: bool = True


class Forwarder:
    """`done(exchange, walk)` is called once for each `start`; None means that nobody answered.

    `places` says where upstreams are that are known by name (`Bootstrap.places`).
    """

    def __init__(
        self,
        upstreams: Sequence[UpstreamAddress],
        terms: Terms,
        chance: Iterator[int],
        clock: Callable[[], float],
        counters: Counters,
        wheel: Wheel,
        done: Done,
        places: Callable[[UpstreamAddress], Places | None] = lambda address: None,
    ) -> None:
        self._clock = clock
        self._counters = counters
        self._wheel = wheel
        self._done = done
        self.upstreams: Final = [
            Upstream(index, address, terms.randomize_case) for index, address in enumerate(upstreams)
        ]
        self._choice: Final = Choice(self.upstreams, terms.strategy, chance)
        self._budget: Final = Budget(clock())
        self._asker: Final = Asker(
            self.upstreams, terms.cookies, chance, clock, counters, wheel, self, places
        )
        self._hosts: Final = frozenset(_as_clients(upstreams))

    def start(self, exchange: Exchange) -> None:
        """Send the first try, and whatever is sent beside it."""
        now = self._clock()
        choice = self._choice
        upstream = choice.first()
        beside = choice.beside(upstream, now) if choice.several else None
        self._try(exchange, upstream, now)
        if beside is not None and not exchange.ended:
            self._try(exchange, beside, now)

    def loops(self, host: str, query: Query, exchange: Exchange) -> bool:
        """Whether a client at this address is an upstream that asks for what it is being asked: `exchange`
        is for the same question.

        On this machine all clients have one address, so only our own query that came back counts, which
        its ID tells; a longer loop here waits for itself, costs no packet more, and ends when time is over.
        An upstream that asks in another way (without DO) is known by its second question.
        """
        if host not in self._hosts:
            return False
        if host in _LOOPBACK:
            return any(one.number == query.id and one.where is not None for one in exchange.tries)
        return any(one.upstream.address.endpoint.host == host for one in exchange.tries)

    def close(self) -> None:
        """Stop; what is under way ends without an answer and without a call."""
        self._asker.close()

    # Sending

    def _try(
        self,
        exchange: Exchange,
        upstream: Upstream,
        now: float,
        plain: bool = False,
        by_stream: bool = False,
    ) -> None:
        """Send the next try; `plain`: without OPT, `by_stream`: not over UDP, whatever else is known."""
        query, tries = exchange.query, exchange.tries
        question = self._asker.in_random_case(query) if upstream.keeps_case else query.question
        attempt = Try(exchange, upstream, question, upstream.plain_until <= now and not plain, now)
        tries.append(attempt)
        due = now + upstream.patience if len(tries) == 1 else _due(tries, now)
        exchange.due = due
        self._wheel.at(due, self._late, exchange)
        if not self._asker.ask(attempt, now, by_stream):
            attempt.state = SETTLED
            if not exchange.awaited:
                self._end(exchange, exchange.fallback)

    def _next(self, exchange: Exchange, now: float) -> None:
        self._try(exchange, self._choice.next(exchange.tried), now)

    def _late(self, exchange: Exchange) -> None:
        """The newest try has had its time, unless something else came since: then a later call is due."""
        now = self._clock()
        if exchange.ended or now < exchange.due:
            return
        tries = exchange.tries
        count, began = len(tries), tries[0].sent
        if count >= MAX_TRIES:
            self._end(exchange, exchange.fallback)
            return
        anyhow = began + fixed(count, tries[-1].upstream)
        if now < anyhow and not self._budget.take(now, self._counters.upstream_packets):
            exchange.due = anyhow
            self._wheel.at(anyhow, self._late, exchange)
            return
        upstream = self._choice.next(exchange.tried)
        # Two packets were lost, or no packet gets through: TCP repeats what is lost, and is rarely filtered.
        last = count == MAX_TRIES - 1 and upstream in exchange.tried and upstream.udp_until <= now
        self._try(exchange, upstream, now, by_stream=last)

    # What came of a try

    def answered(self, attempt: Try, walked: Walk, now: float) -> None:
        """A reply that matches: is it good enough?"""
        exchange, upstream = attempt.exchange, attempt.upstream
        if walked.rcode in _SERVED:
            if not attempt.edns:
                # Only now is it known that the OPT was to blame, and not the question.
                upstream.cannot_edns(now)
            self._end(exchange, walked, attempt)
        elif attempt.edns and walked.rcode in NO_EDNS:
            # RFC 6891 6.2.2: ask the same server again without OPT; once, however often it says so.
            self._again(attempt, now, plain=True)
        elif attempt.edns and walked.rcode == registry.BADCOOKIE and attempt.state != STREAMED:
            self._bad_cookie(attempt, now)
        else:
            exchange.fallback = walked
            self._settle(attempt, now, others=True)

    def failed(self, attempt: Try, now: float) -> None:
        """Nothing comes from this try any more. An upstream that takes no connection now may take one soon,
        so unless there is somebody else, its next try waits for its time."""
        attempt.upstream.failed(now, attempt.sent)
        tried = attempt.exchange.tried
        only_streams = attempt.upstream.by_stream > now
        if only_streams and len(tried) < MAX_TRIES and not self._choice.untried(tried):
            attempt.state = SETTLED
        else:
            self._settle(attempt, now, others=False)

    def unreachable(self, attempt: Try, now: float) -> None:
        """The network says that nobody is there. It is believed so far that the next try leaves at once if
        there is anybody else to ask; an answer that comes all the same is as good as any."""
        exchange = attempt.exchange
        if attempt.state == OPEN:
            attempt.state = UNREACHABLE
        tries = exchange.tries
        if len(tries) == MAX_TRIES:
            self._hasten(exchange, now)
        elif attempt is tries[-1] and self._choice.untried(exchange.tried):
            self._next(exchange, now)

    def _hasten(self, exchange: Exchange, now: float) -> None:
        """After the last try: when the network says of all that nobody is there, the end is near."""
        if all(one.state in (UNREACHABLE, SETTLED) for one in exchange.tries):
            exchange.due = min(exchange.due, now + GRACE)
            self._wheel.at(exchange.due, self._late, exchange)

    def repeated(self, attempt: Try, now: float) -> None:
        """A stream has to be opened and asked, which is not the same as being late."""
        exchange = attempt.exchange
        due = now + stream_wait(attempt.upstream)
        if attempt is exchange.tries[-1] and exchange.due < due and len(exchange.tries) < MAX_TRIES:
            exchange.due = due
            self._wheel.at(due, self._late, exchange)

    def _again(self, attempt: Try, now: float, plain: bool) -> None:
        """Ask the same upstream again, if there is a packet left to ask with."""
        exchange = attempt.exchange
        attempt.state = SETTLED
        if len(exchange.tries) < MAX_TRIES:
            self._try(exchange, attempt.upstream, now, plain)
        elif not exchange.awaited:
            self._end(exchange, exchange.fallback)

    def _bad_cookie(self, attempt: Try, now: float) -> None:
        """RFC 7873 5.3: the reply brought the right cookie, so ask again; after two, over a stream."""
        exchange = attempt.exchange
        if exchange.tried.count(attempt.upstream) == 1 and len(exchange.tries) < MAX_TRIES:
            self._again(attempt, now, plain=False)
        else:
            self._asker.repeat_by_stream(attempt, now)

    def _settle(self, attempt: Try, now: float, others: bool) -> None:
        """Nothing better comes from this try. Only the newest moves on, if there is anybody to ask (with
        `others`: anybody who was not asked yet); an older one that fails late changes nothing."""
        exchange = attempt.exchange
        attempt.state = SETTLED
        tries = exchange.tries
        wanted = attempt is tries[-1] and len(tries) < MAX_TRIES
        if wanted and (not others or self._choice.untried(exchange.tried)):
            self._next(exchange, now)
        elif not exchange.awaited:
            self._end(exchange, exchange.fallback)
        elif len(tries) == MAX_TRIES:
            self._hasten(exchange, now)

    # The end

    def _end(self, exchange: Exchange, walked: Walk | None, winner: Try | None = None) -> None:
        """Once for each exchange; `winner` brought the answer."""
        exchange.ended = True
        if winner is not None and len(exchange.tries) == 1:
            if winner.where is not None:
                winner.where.release(winner.number)
        else:
            self._account(exchange, winner)
        exchange.tries.clear()
        self._done(exchange, walked)

    def _account(self, exchange: Exchange, winner: Try | None) -> None:
        """Who did well and who did not, where more than one try was made or none was answered."""
        now, tries = self._clock(), exchange.tries
        for one in tries:
            if one is winner or one.state == SETTLED:
                if one.where is not None:
                    one.where.release(one.number)
                continue
            if one.state == UNREACHABLE or now - one.sent >= one.upstream.patience:
                self._counters.upstream_timeouts += 1
                one.upstream.failed(now, one.sent)
            if one.where is not None:
                self._wheel.at(now + LINGER, _forget, one)
        if winner is not None and winner is not tries[0] and tries[0].state < SETTLED:
            self._budget.give_back(len(tries) - 1)


def _due(tries: Sequence[Try], now: float) -> float:
    """When the try behind these leaves, or the end comes, the last of them having been sent now."""
    if len(tries) == MAX_TRIES:
        return tries[0].sent + TOTAL
    return now + wait(len(tries), tries[-1].upstream)


_LOOPBACK: Final = ("127.0.0.1", "::1")


def _as_clients(upstreams: Sequence[UpstreamAddress]) -> Iterator[str]:
    """The addresses from which upstreams may ask us; whatever listens at 127.0.0.0/8 asks from 127.0.0.1."""
    for one in upstreams:
        host = one.endpoint.host
        yield "127.0.0.1" if host.startswith("127.") else host


def _forget(attempt: Try) -> None:
    """No late answer is expected any more."""
    if attempt.where is not None:
        attempt.where.release(attempt.number)
