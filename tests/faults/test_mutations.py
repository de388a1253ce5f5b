"""Upstreams whose replies are damaged in every way chance finds: octets changed, cut, doubled, put elsewhere.

Invariants: every client hears something within five seconds; nothing raises; what is relayed can be read by
another library; afterwards everything works as before. A failure names its seed, so that it can be repeated.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import dns.exception
import dns.message
import pytest

from tests.support import behaviours as do
from tests.support import vices
from tests.support.behaviours import Behaviour, Reply, Seen
from tests.support.client import make_query
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import Ground, addresses, ground

TYPES = ("A", "AAAA", "HTTPS", "TXT", "MX", "TYPE65280")
AT_ONCE = 60
WITHIN = 5.0

ANSWERS: tuple[Behaviour, ...] = (
    do.answer("A 192.0.2.1", "A 192.0.2.2"),
    do.answer("HTTPS 1 . alpn=h3,h2 ipv4hint=192.0.2.7 ipv6hint=2001:db8::7"),
    vices.chain(4, "AAAA 2001:db8::1"),
    do.answer("old.example. 300 IN DNAME new.example.", "CNAME www.new.example."),
    do.nxdomain(),
    do.nodata(),
    vices.explained(22, "a reason", do.failed()),
    vices.with_cookie("right", do.answer("A 192.0.2.3")),
    do.truncated(do.big(1_500)),
    do.big(900),
    do.answer("MX 10 mail.example.org.", r"TYPE65280 \# 4 c00c0035", authority=("NS ns.example.org.",)),
)


def damaged(octets: bytes, chance: random.Random) -> bytes:
    """A reply, changed in one way or two. Half of them keep their head, so that more than the ID is read."""
    data = bytearray(octets)
    first = 12 if chance.random() < 0.8 else 0
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(first, max(len(data), first + 1)) if len(data) > first else 0
        kind = chance.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            data[at:at] = data[at : at + chance.randrange(40)]
        elif kind == 3:
            data[at : at + 2] = bytes((0xC0 | chance.randrange(64), chance.randrange(256)))
        elif kind == 4:
            del data[at : at + chance.randrange(1, 6)]
        elif len(data) >= 12:
            data[chance.randrange(4, 12)] = chance.randrange(4)
    return bytes(data)


def careless(seed: int) -> Behaviour:
    """An upstream that answers every question with something, damaged."""
    chance = random.Random(seed)

    def behave(seen: Seen) -> list[Reply]:
        return [
            reply if reply.octets is None else reply._replace(octets=damaged(reply.octets, chance))
            for reply in chance.choice(ANSWERS)(seen)
        ]

    return behave


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as running:
        yield running


async def everybody_hears(on: Ground, queries: list[bytes]) -> list[bytes]:
    """The reply to each query, within so many virtual seconds."""
    said = [on.give(query, peer=number) for number, query in enumerate(queries)]
    until = on.clock.now + WITHIN
    late: dict[object, bytes] = {}
    while True:
        await asyncio.sleep(0.02)
        late = dict(on.later)
        missing = [number for number, octets in enumerate(said) if octets is None and number not in late]
        if not missing or on.clock.now >= until:
            break
        await on.pass_time(0.25)
    assert not missing, f"{len(missing)} clients were told nothing"
    on.later.clear()
    return [octets if octets is not None else late[number] for number, octets in enumerate(said)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
async def test_damaged_replies_harm_nobody(upstream: ScriptedUpstream, seed: int) -> None:
    upstream._default = careless(seed)
    async with ground(upstream.url) as on:
        for turn in range(2):
            queries = [
                make_query(f"n{turn}-{number}.example.org", TYPES[number % len(TYPES)]).to_wire()
                for number in range(AT_ONCE)
            ]
            for query, reply in zip(queries, await everybody_hears(on, queries), strict=True):
                assert reply[:2] == query[:2] and reply[12:30] == query[12:30]
                read(reply)
        upstream._default = do.answer("A 192.0.2.9")
        on.clock.advance(60.0)
        (reply,) = await everybody_hears(on, [make_query("well.example.org").to_wire()])
        assert addresses(dns.message.from_wire(reply)) == ["192.0.2.9"]


def read(reply: bytes) -> None:
    """What we relay is a message as another library reads one, or holds data of a type that it checks more
    strictly than we do: those of types that we do not look into pass unharmed."""
    try:
        dns.message.from_wire(reply, continue_on_error=False)
    except dns.exception.DNSException:
        message = dns.message.from_wire(reply, continue_on_error=True)
        assert message.question and message.id == int.from_bytes(reply[:2], "big")
