"""Where upstreams are that the settings name by name: asked once, kept, refreshed behind the scenes.

The question goes straight to the bootstrap servers. It never goes through our own pipeline, where a rule
could cut us off from our own upstream, and never through the system's resolver, which may be us. A and
AAAA are asked at once; IPv4 addresses come first, because where there is no IPv4 a connection fails at
once, and where IPv6 is broken it takes its whole time.

Addresses are kept for their TTL, within bounds. When it is over the old ones are still given while new
ones are fetched, and for as long as nobody gives any: the certificate says whether they are right. This
module must not know policy, caches, or what is asked over the connections it finds addresses for.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from resolver.dns import registry
from resolver.dns.answers import Relay, upstream_query
from resolver.dns.query import Query
from resolver.dns.records import Walk, walk
from resolver.errors import WireError
from resolver.events import log
from resolver.serving.dialling import Places
from resolver.serving.streams import Stream
from resolver.serving.wheel import Wheel
from resolver.upstreams import Endpoint, UpstreamAddress, parse_suffix

SHORTEST: Final = 60.0
LONGEST: Final = 86_400.0
"""Seconds: addresses are kept for their TTL, but not less and not more than this."""
RETRY_SECONDS: Final = 2.0
"""After a look-up that brought nothing, until the next."""
TIMEOUTS: Final = (0.5, 1.5)
"""Seconds that each of two packets to one server over UDP is waited for."""
MAX_ADDRESSES: Final = 8
"""Of one upstream."""

_FAMILIES: Final = {4: (socket.AF_INET, 4), 16: (socket.AF_INET6, 6)}


class _Name:
    """What is known of one upstream's name.

    addresses   as text with their family, best first; empty before the first answer
    until       when to ask again, in seconds
    task        the look-up under way
    told        whether the operator knows that nobody gives an address
    """

    __slots__ = ("addresses", "task", "told", "until")

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.until = 0.0
        self.task: asyncio.Task[None] | None = None
        self.told = False


class Bootstrap:
    """Looks up the names of upstreams. Belongs to the event loop it was made in."""

    def __init__(
        self,
        servers: Sequence[UpstreamAddress],
        chance: Iterator[int],
        clock: Callable[[], float],
        wheel: Wheel,
    ) -> None:
        """`servers` are asked in order; none of them may be `named`."""
        self._loop = asyncio.get_running_loop()
        self._servers: Final = tuple(servers)
        self._chance = chance
        self._clock = clock
        # Also for what is asked over UDP first: an answer may not fit.
        self._streams: Final = [
            Stream(
                one if one.scheme == "tls" else msgspec.structs.replace(one, scheme="tcp"),
                chance,
                clock,
                wheel,
            )
            for one in self._servers
        ]
        self._names: dict[str, _Name] = {}

    def places(self, address: UpstreamAddress) -> Places | None:
        """Where to find the addresses of this upstream, for a Stream; None if it has one already."""
        if not address.named:
            return None
        known = self._names.setdefault(address.endpoint.host, _Name())

        async def find() -> Sequence[Endpoint]:
            await self._find(address.endpoint.host, known)
            return [Endpoint(host, address.endpoint.port, family) for host, family in known.addresses]

        return find

    def close(self) -> None:
        """Stop asking."""
        for known in self._names.values():
            if known.task is not None:
                known.task.cancel()
        for stream in self._streams:
            stream.close()

    async def _find(self, name: str, known: _Name) -> None:
        """See that addresses are known, or that somebody was asked; wait only where there are none."""
        if self._clock() < known.until:
            return
        if known.task is None:
            known.task = self._loop.create_task(self._refresh(name, known))
        if not known.addresses:
            # Whoever waits here may have to leave; the look-up goes on for the next.
            await asyncio.shield(known.task)

    async def _refresh(self, name: str, known: _Name) -> None:
        """Ask one server after the other until one knows an address."""
        try:
            for index in range(len(self._servers)):
                found = await asyncio.gather(
                    self._ask(index, name, registry.A), self._ask(index, name, registry.AAAA)
                )
                if self._keep(known, [one for one in found if one is not None]):
                    known.told = False
                    return
            known.until = self._clock() + RETRY_SECONDS
            if not known.told:
                known.told = True
                log("nobody knows the address of an upstream", "error", upstream=name)
        finally:
            known.task = None

    def _keep(self, known: _Name, answers: Sequence[Walk]) -> bool:
        """Take over the addresses in these answers; False when there are none."""
        packed = [octets for one in answers for octets in Relay(one, 0.0).addresses()]
        if not packed:
            return False
        known.addresses = [
            (socket.inet_ntop(_FAMILIES[len(octets)][0], octets), _FAMILIES[len(octets)][1])
            for octets in packed[:MAX_ADDRESSES]
        ]
        # An answer without an address may say nothing of how long to keep one.
        lifetime = min(one.lifetime for one in answers if one.counts[0])
        known.until = self._clock() + min(max(lifetime, SHORTEST), LONGEST)
        return True

    async def _ask(self, index: int, name: str, qtype: int) -> Walk | None:
        """One question to one server: a whole answer with NOERROR, or None."""
        folded = parse_suffix(name)
        question = folded + qtype.to_bytes(2, "big") + registry.CLASS_IN.to_bytes(2, "big")
        query = Query(0, registry.RD, question, folded, qtype, registry.CLASS_IN)
        answer = None
        if self._servers[index].scheme == "udp":
            answer = await self._over_udp(self._servers[index].endpoint, query)
        if answer is None or answer.flags & registry.TC:
            answer = await self._over_stream(self._streams[index], query)
        return answer if answer is not None and answer.rcode == registry.NOERROR else None

    async def _over_stream(self, stream: Stream, query: Query) -> Walk | None:
        """Over TCP or TLS; the stream ends it when it takes too long."""
        reply: asyncio.Future[bytes | None] = self._loop.create_future()

        def done(octets: bytes | None) -> None:
            if not reply.done():
                reply.set_result(octets)

        stream.ask(lambda number: _message(query, number), done)
        octets = await reply
        return _answer(octets, query) if octets is not None else None

    async def _over_udp(self, endpoint: Endpoint, query: Query) -> Walk | None:
        """RFC 5452 9.1, 9.2: a port of the kernel's choice, a connected socket, an ID of ours."""
        number = next(self._chance) & 0xFFFF
        try:
            transport, waiting = await self._loop.create_datagram_endpoint(
                lambda: _Waiting(number, query, self._loop), remote_addr=(endpoint.host, endpoint.port)
            )
        except OSError:
            return None
        try:
            for seconds in TIMEOUTS:
                transport.sendto(_message(query, number))
                await asyncio.wait((waiting.answer,), timeout=seconds)
                if waiting.answer.done():
                    return waiting.answer.result()
            return None
        finally:
            transport.close()


class _Waiting(asyncio.DatagramProtocol):
    """Waits for the answer to one question; whatever else comes is passed over."""

    def __init__(self, number: int, query: Query, loop: asyncio.AbstractEventLoop) -> None:
        self._number: Final = number
        self._query: Final = query
        self.answer: Final[asyncio.Future[Walk | None]] = loop.create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """A packet from the server's address and port."""
        if int.from_bytes(data[:2], "big") != self._number or self.answer.done():
            return
        if (walked := _answer(data, self._query)) is not None:
            self.answer.set_result(walked)

    def error_received(self, exc: Exception) -> None:
        """ICMP says that nobody is there: do not wait."""
        if not self.answer.done():
            self.answer.set_result(None)


def _message(query: Query, number: int) -> bytes:
    """Without an OPT: two addresses fit into 512 octets, and there is nothing then to take amiss."""
    return upstream_query(query, number, False)


def _answer(data: bytes, query: Query) -> Walk | None:
    """The answer to this question; None for whatever it is not."""
    try:
        walked = walk(data)
    except WireError:
        return None
    ours = walked.flags & registry.QR and walked.question.lower() == query.question.lower()
    return walked if ours else None
