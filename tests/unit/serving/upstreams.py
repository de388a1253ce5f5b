"""A forwarder alone: real sockets towards scripted upstreams, a virtual clock, and what came of it all.

Time stands still while packets travel, unless a test lets it pass; then the forwarder has seen it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import dns.message

from resolver.dns.answers import Relay
from resolver.dns.records import Walk
from resolver.records.counters import Counters
from resolver.serving.chance import numbers
from resolver.serving.exchange import Exchange
from resolver.serving.forwarder import Forwarder, Terms
from resolver.serving.wheel import Wheel
from resolver.upstreams import parse_upstream
from tests.unit.serving.ground import Clock, nothing_raises, query_of, turns, until


class Asking:
    """A forwarder and what it told. Build it inside a running loop."""

    def __init__(self, urls: tuple[str, ...], terms: Terms, chance: Iterator[int] | None = None) -> None:
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.counters = Counters()
        self.ended: dict[Exchange, tuple[Walk | None, float]] = {}
        self.forwarder = Forwarder(
            [parse_upstream(url) for url in urls],
            terms,
            chance or numbers(),
            self.clock,
            self.counters,
            self.wheel,
            self._done,
        )

    def _done(self, exchange: Exchange, walked: Walk | None) -> None:
        assert exchange not in self.ended, "an exchange ends once"
        self.ended[exchange] = walked, self.clock.now

    def start(self, name: str = "www.example.org", qtype: str = "A") -> Exchange:
        """Begin to ask."""
        exchange = Exchange(query_of(name, qtype), [])
        self.forwarder.start(exchange)
        return exchange

    async def ask(self, name: str = "www.example.org", qtype: str = "A", seconds: float = 0.0) -> list[str]:
        """Ask, and let up to so many seconds pass: what came of it, as `read` has it."""
        exchange = self.start(name, qtype)
        until_when = self.clock.now + seconds
        while not await self._answered(exchange) and self.clock.now < until_when:
            await self.pass_time(0.05)
        await until(lambda: exchange in self.ended, f"an end of the question for {name}")
        return self.read(exchange)

    async def _answered(self, exchange: Exchange) -> bool:
        """Whether an answer comes without waiting: packets on loopback need some time of the real clock."""
        for _ in range(15):
            if exchange in self.ended:
                return True
            await asyncio.sleep(0.002)
        return False

    def read(self, exchange: Exchange) -> list[str]:
        """The data of the answer, or its rcode in capitals, or nothing when nobody answered."""
        walked, at = self.ended[exchange]
        if walked is None:
            return []
        reply = dns.message.from_wire(Relay(walked, at).render(exchange.query, 0))
        data = [rdata.to_text() for rrset in reply.answer for rdata in rrset]
        return data or [dns.rcode.to_text(reply.rcode())]

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and the forwarder see it and what has come meanwhile."""
        await asyncio.sleep(0.005)
        self.clock.advance(seconds)
        tick = self.wheel.timer
        if tick is not None:
            await until(lambda: self.wheel.timer is not tick, "a look at the clock")

    async def close(self) -> None:
        self.forwarder.close()
        self.wheel.close()
        await turns()


@asynccontextmanager
async def asking(
    *urls: str, terms: Terms | None = None, chance: Iterator[int] | None = None
) -> AsyncIterator[Asking]:
    """A forwarder for the length of a test."""
    made = Asking(urls, terms or Terms(), chance)
    with nothing_raises():
        try:
            yield made
        finally:
            await made.close()
