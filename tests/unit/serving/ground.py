"""What the tests of the DNS process stand on: a virtual clock, a pipeline, its listeners.

A `Ground` is a real pipeline with real sockets towards its upstreams and no listener: octets go in by
hand, replies come back at once or are collected. `listening` puts real UDP and TCP sockets in front of
it. Time is `Clock`: it stands still until a test moves it, so nothing is waited for that a test has not
caused. `until` waits for what the event loop still has to do.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.edns
import dns.message

from resolver.dns.query import Query, parse_query
from resolver.dns.records import walk
from resolver.generation.loader import Loaded
from resolver.generation.manifest import Manifest
from resolver.inherited import UdpSocket
from resolver.policy.decide import PolicyList, Ruleset
from resolver.policy.model import AnswerPolicy, Policy
from resolver.serving.admission import Admission, Limits
from resolver.serving.chance import numbers
from resolver.serving.cookies import CookieJar
from resolver.serving.pipeline import Pipeline
from resolver.serving.snapshot import Snapshot
from resolver.serving.tcp import TcpLimits, TcpListener
from resolver.serving.udp import UdpListener
from resolver.settings import Dns, Network
from resolver.upstreams import UpstreamAddress, parse_upstream
from tests.support.behaviours import Behaviour, Seen
from tests.support.client import Address, make_query
from tests.support.rules import ruleset

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
CLIENT = "127.0.0.1"
SETTINGS = Dns(cache_mb=1)
"""What every stage has that does not say otherwise."""
PATIENCE = 20.0
"""Real seconds after which something that must come is missed; no test waits for them."""


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += seconds


async def until(condition: Callable[[], object], what: str = "it") -> None:
    """Give the loop its turns until something is so. Raises TimeoutError."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event to set
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise TimeoutError(f"waited for {what} in vain") from None


def snapshot(
    block: tuple[str, ...] = (),
    allow: tuple[str, ...] = (),
    number: int = 1,
    answer: AnswerPolicy | None = None,
    lists: Sequence[PolicyList] = (),
) -> Snapshot:
    """A generation that blocks and allows these names and all below them, and has these lists as well."""
    policy = Policy(answer or AnswerPolicy())
    manifest = Manifest(number, None, "2026-01-02T03:04:05Z", "ann", "why", policy=policy)
    rules = Ruleset((*ruleset(block, allow).lists, *lists))
    return Snapshot(Loaded(number, "", manifest, (), rules))


class Ground:
    """A pipeline and what came out of it. Build it inside a running loop; `close` it."""

    def __init__(
        self,
        upstreams: Sequence[str | UpstreamAddress] = (),
        served: Snapshot | None = None,
        networks: Sequence[Network] = LOOPBACK,
        settings: Dns = SETTINGS,
    ) -> None:
        self.clock = Clock()
        self.settings = settings
        addresses = [parse_upstream(one) if isinstance(one, str) else one for one in upstreams]
        if not addresses:
            # Nobody may be asked; a packet to the discard port of this address would be a failed test.
            addresses = [parse_upstream("udp://127.255.255.254:9")]
        limits = Limits(settings.queries_per_second, settings.responses_per_second, settings.in_flight_client)
        self.pipeline = Pipeline(
            served or snapshot(),
            Admission(networks, limits, self.clock),
            settings,
            addresses,
            numbers(),
            self.clock,
            CookieJar(b"x" * 32, self.clock, settings.cookies),
        )
        self.later: list[tuple[object, bytes]] = []

    def give(
        self, octets: bytes, *, udp: bool = True, host: str = CLIENT, peer: object = None
    ) -> bytes | None:
        """Hand octets over as a listener does; what comes later is collected in `later`."""
        return self.pipeline.handle(octets, host, udp, self._sink, peer)

    def _sink(self, peer: object, reply: bytes) -> None:
        self.later.append((peer, reply))

    def replies_to(self, peer: object) -> list[bytes]:
        """The late replies for one peer."""
        return [reply for one, reply in self.later if one is peer]

    async def octets(self, query: bytes, *, udp: bool = True, host: str = CLIENT) -> bytes:
        """The reply to these octets, whenever it comes."""
        peer = object()
        reply = self.give(query, udp=udp, host=host, peer=peer)
        if reply is not None:
            return reply
        await until(lambda: self.replies_to(peer), "a reply")
        return self.replies_to(peer)[0]

    async def ask(
        self,
        name: str,
        qtype: str = "A",
        *,
        udp: bool = True,
        edns: bool = True,
        dnssec: bool = False,
        payload: int = 1232,
        rd: bool = True,
        cd: bool = False,
        qclass: str = "IN",
        host: str = CLIENT,
    ) -> dns.message.Message:
        """The reply to a question of a client at this address, read by dnspython."""
        query = make_query(
            name, qtype, edns=edns, dnssec=dnssec, payload=payload, rd=rd, cd=cd, qclass=qclass
        )
        reply = dns.message.from_wire(await self.octets(query.to_wire(), udp=udp, host=host))
        assert query.is_response(reply)
        return reply

    async def give_up(self) -> None:
        """Let all the time pass that upstreams are given to answer what is in flight."""
        while self.pipeline.busy:
            await self.pass_time(2.0)

    async def pass_time(self, seconds: float) -> None:
        """Let virtual time pass, and let the forwarder see it: it looks at the clock every tick."""
        self.clock.advance(seconds)
        wheel = self.pipeline.resolution.wheel
        tick = wheel.timer
        if tick is not None:
            await until(lambda: wheel.timer is not tick, "a look at the clock")

    async def close(self) -> None:
        """Stop asking upstreams, and let the loop finish what it began."""
        self.pipeline.close()
        await turns()


async def turns(count: int = 5) -> None:
    """Let the loop go round, so that what was cancelled or closed is gone."""
    for _ in range(count):
        await asyncio.sleep(0)


@contextmanager
def nothing_raises() -> Iterator[None]:
    """Whatever raised out of a callback or a task meanwhile is a failed test, not a line in a log."""
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    try:
        yield
    finally:
        loop.set_exception_handler(None)
    assert not faults, faults


@asynccontextmanager
async def ground(
    *upstreams: str | UpstreamAddress,
    served: Snapshot | None = None,
    networks: Sequence[Network] = LOOPBACK,
    settings: Dns = SETTINGS,
) -> AsyncIterator[Ground]:
    """A `Ground` for the length of a test."""
    made = Ground(upstreams, served, networks, settings)
    with nothing_raises():
        try:
            yield made
        finally:
            await made.close()


@dataclass(frozen=True)
class Listening:
    """Real listeners at one port: `address` is what a client connects to."""

    address: Address
    udp: UdpListener
    tcp: TcpListener


@asynccontextmanager
async def listening(
    on: Ground, host: str = "127.0.0.1", limits: TcpLimits | None = None
) -> AsyncIterator[Listening]:
    """Put a UDP and a TCP listener in front of a pipeline; a wildcard `host` is bound as one."""
    udp_socket, tcp_socket = _pair(host)
    port = udp_socket.getsockname()[1]
    wildcard = ipaddress.ip_address(host).is_unspecified
    loop = asyncio.get_running_loop()
    udp = UdpListener(UdpSocket(udp_socket.detach(), wildcard), on.pipeline, on.clock)
    tcp = TcpListener(on.pipeline, on.clock, limits)
    loop.add_reader(udp.fileno(), udp.readable)
    tcp_socket.listen(128)
    tcp.listen(tcp_socket)
    try:
        yield Listening((host, port), udp, tcp)
    finally:
        loop.remove_reader(udp.fileno())
        udp.close()
        tcp.close()
        on.pipeline.close()
        for connection in tcp.connections:
            connection._cut()  # type: ignore[attr-defined]  # also one that waits, which no sweep would cut
        await turns()


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """A bound UDP and a bound TCP socket at one port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        try:
            udp.bind((host, 0))
            tcp.bind((host, udp.getsockname()[1]))
        except OSError:
            udp.close()
            tcp.close()
            continue
        udp.setblocking(False)
        return udp, tcp
    raise OSError("no port was free for UDP and TCP alike")


# Small makers and readers


def query_of(
    name: str = "www.example.org", qtype: str = "A", number: int = 7, edns: bool = True, cd: bool = False
) -> Query:
    """A question as the pipeline knows it."""
    parsed = parse_query(make_query(name, qtype, edns=edns, cd=cd, number=number).to_wire())
    assert isinstance(parsed, Query)
    return parsed


def reply_to(query: Query, behaviour: Behaviour) -> bytes:
    """What a behaviour of the scripted upstream would say to this question."""
    octets = b"".join((query.id.to_bytes(2, "big"), b"\1\0\0\1\0\0\0\0\0\0", query.question))
    reply = behaviour(Seen(octets, "udp", (CLIENT, 1), 0.0))[0].octets
    assert reply is not None
    walk(reply)  # a test that wants broken octets makes them itself
    return reply


def extended_errors(reply: dns.message.Message) -> list[int]:
    """The codes of the extended errors (RFC 8914) in a reply."""
    return [int(option.code) for option in reply.options if isinstance(option, dns.edns.EDEOption)]


def descriptors() -> set[str]:
    """The numbers of the descriptors that are open in this process (one of them to look)."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def addresses(reply: dns.message.Message) -> list[str]:
    """The data of every A and AAAA record in the answer, as text."""
    return [rdata.to_text() for rrset in reply.answer for rdata in rrset if rrset.rdtype in (1, 28)]
