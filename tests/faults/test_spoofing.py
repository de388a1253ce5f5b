"""A forger who is not on the path (RFC 5452): he knows what we ask and when, and sends what he likes.

Invariants: the client gets the truth or SERVFAIL, and never what was forged; nothing forged is kept; ports
and IDs cannot be guessed; a port that was found carries no other question; nobody can tell from outside
which ports are open.
"""

from __future__ import annotations

import math
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count, groupby, pairwise

import dns.message
import dns.rcode
import pytest

from resolver.serving import ports
from tests.support import behaviours as do
from tests.support import vices
from tests.support.behaviours import FORGED_ADDRESS, Reply, Seen
from tests.support.client import make_query
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import Ground, addresses, ground, until

NAME = "www.example.org"
TRUTH = "192.0.2.1"
GOOD = do.answer(f"A {TRUTH}", ttl=60)
FORGED = socket.inet_aton(FORGED_ADDRESS)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=GOOD) as running:
        yield running


def holds_forged(on: Ground) -> bool:
    """Whether anything that the forger sent is remembered, as an answer or as a flow."""
    kept = [relay._body for _, relay in on.pipeline.resolution.cache.entries()]
    flows = on.pipeline.flows
    kept += [getattr(entry, "tail", b"") for half in (flows.young, flows.old) for entry in half.values()]
    return any(FORGED in octets for octets in kept)


async def truth_or_failure(on: Ground, name: str) -> str:
    """What a client is told, which is not what was forged."""
    reply = await on.ask(name)
    assert addresses(reply) in ([TRUTH], []) and FORGED not in reply.to_wire()
    assert addresses(reply) or reply.rcode() == dns.rcode.SERVFAIL
    return dns.rcode.to_text(reply.rcode())


async def test_sixty_five_thousand_wrong_ids_before_the_truth(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, do.forged_first(65_000, GOOD, delay=0.5))
    async with ground(upstream.url) as on:
        assert await truth_or_failure(on, NAME) == "NOERROR"
        assert on.pipeline.counters.upstream_mismatches >= ports.MISMATCHES
        assert not holds_forged(on)
        # The storm may still go on; whoever asks now is told the truth as well.
        assert addresses(await on.ask("other.example.org")) == [TRUTH]
        assert addresses(await on.ask(NAME)) == [TRUTH] and not holds_forged(on)


async def test_the_right_id_from_ports_that_were_not_asked(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, vices.right_but_elsewhere(1_000, GOOD, delay=0.05))
    async with ground(upstream.url) as on:
        assert await truth_or_failure(on, NAME) == "NOERROR"
        assert on.pipeline.counters.upstream_mismatches == 0, "the kernel drops them: the socket is connected"
        assert not holds_forged(on)


async def test_the_right_id_from_other_addresses(upstream: ScriptedUpstream) -> None:
    lies = [vices.from_address(f"127.0.0.{last}", do.answer(f"A {FORGED_ADDRESS}")) for last in range(2, 100)]
    upstream.set(NAME, vices.joined(*lies, do.after(0.05, GOOD)))
    async with ground(upstream.url) as on:
        assert await truth_or_failure(on, NAME) == "NOERROR" and not holds_forged(on)


async def test_many_clients_who_ask_the_same_are_one_question(upstream: ScriptedUpstream) -> None:
    """The birthday attack needs many questions in flight, each with an ID of its own."""
    upstream.set(NAME, do.after(0.1, GOOD))
    query = make_query(NAME).to_wire()
    async with ground(upstream.url) as on:
        for number in range(200):
            assert on.give(query, peer=number, host=f"127.0.1.{number}") is None
        await until(lambda: len(on.later) == 200)
    assert len(upstream.queries) == 1


async def test_a_port_that_was_found_carries_no_other_question(upstream: ScriptedUpstream) -> None:
    """RFC 5452 9.3. Each question is stormed at; virtual time passes, so that UDP is tried again."""
    upstream._default = do.forged_first(60, GOOD, delay=0.02)
    async with ground(upstream.url) as on:
        for number in range(30):
            assert await truth_or_failure(on, f"n{number}.example.org") == "NOERROR"
            on.clock.advance(12.0)
        assert not holds_forged(on)
    used = [seen.source[1] for seen in upstream.queries if seen.transport == "udp"]
    assert len(used) >= 10 and len(set(used)) == len(used)


# What cannot be guessed


def collision_entropy(draws: Sequence[int]) -> float:
    """Bits, from how often two draws are equal (Rényi's entropy of order 2): what a guesser is up against."""
    pairs = len(draws) * (len(draws) - 1) / 2
    equal = sum(number * (number - 1) / 2 for number in Counter(draws).values())
    return math.log2(pairs / max(equal, 1))


def chi_square(values: Sequence[int], cells: int) -> float:
    """How uneven values are over the cells 0 to `cells` - 1; about `cells` when they are even."""
    expected = len(values) / cells
    counts = Counter(values)
    return sum((counts[cell] - expected) ** 2 / expected for cell in range(cells))


def quick(seen: Seen) -> list[Reply]:
    """The truth, made without a library: ten thousand answers are wanted."""
    octets = seen.octets
    end = octets.index(b"\0", 12) + 5
    head = octets[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
    return [Reply(head + octets[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1")]


async def ask_many(upstream: ScriptedUpstream, number: int) -> list[Seen]:
    """The queries that so many different questions come to."""
    upstream._default = quick
    names = count()
    async with ground(upstream.url) as on:
        while len(on.later) < number:
            before = len(on.later)
            for _ in range(250):
                on.give(make_query(f"n{next(names)}.example.org", edns=False).to_wire())
            await until(lambda before=before: len(on.later) == before + 250)  # type: ignore[misc]
    return upstream.queries


@pytest.mark.slow
async def test_source_ports_have_fourteen_bits_and_more(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every draw of a port is seen when each carries one question only."""
    monkeypatch.setattr(ports, "USES", 1)
    drawn = [seen.source[1] for seen in await ask_many(upstream, 10_000)]
    assert collision_entropy(drawn) >= 15.0, "49 152 ports are 15.6 bits"
    assert min(drawn) >= 16_384 and max(drawn) > 64_000
    # 192 cells of 256 ports. Five standard deviations, so that chance alone fails once in a million runs.
    spread = chi_square([port // 256 - 64 for port in drawn], 192)
    assert abs(spread - 191) < 5 * math.sqrt(2 * 191)
    # The next port says nothing about the one before: their differences are as even as they are.
    steps = [(b - a) % 49_152 // 256 for a, b in pairwise(drawn)]
    assert abs(chi_square(steps, 192) - 191) < 5 * math.sqrt(2 * 191)


@pytest.mark.slow
async def test_ids_and_the_choice_of_ports_are_even(upstream: ScriptedUpstream) -> None:
    """As it is in service: ports that carry up to 64 questions each, chosen at random, with an ID each."""
    queries = await ask_many(upstream, 10_000)
    numbers = [seen.id for seen in queries]
    for octets in ([one >> 8 for one in numbers], [one & 0xFF for one in numbers]):
        assert abs(chi_square(octets, 256) - 255) < 5 * math.sqrt(2 * 255)
    steps = [(b - a) % 65_536 >> 8 for a, b in pairwise(numbers)]
    assert abs(chi_square(steps, 256) - 255) < 5 * math.sqrt(2 * 255)
    assert collision_entropy(numbers) >= 15.5
    used = Counter(seen.source[1] for seen in queries)
    # A socket carries no more than its share; that two of some two hundred draw the same port is no rarity
    # (one run in three), that seven do, or three the same, happens once in a million.
    assert sum(count > ports.USES for count in used.values()) <= 6 and max(used.values()) <= 3 * ports.USES
    assert len(used) >= 10_000 // ports.USES - 6
    runs = [len(list(group)) for _, group in groupby(seen.source[1] for seen in queries)]
    # Of the 32 groups of a burst some draw the same port, and those leave together.
    assert len(runs) > len(queries) / ports.TOGETHER / 2, "no more than a few leave from one port together"
    pairs = Counter((seen.source[1], seen.id) for seen in queries)
    assert max(pairs.values()) == 1, "no ID twice on one port"


# What cannot be seen


async def test_a_probe_cannot_tell_which_port_is_open(upstream: ScriptedUpstream) -> None:
    """SAD DNS looks for the open port first. A connected socket hears its upstream only: to everybody else
    its port is as closed as one where nobody is, and a probe changes nothing for what waits there."""
    upstream.set(NAME, do.after(0.2, GOOD))
    query = make_query(NAME).to_wire()
    async with ground(upstream.url) as on:
        assert on.give(query, peer=1) is None
        await until(lambda: upstream.queries)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = closed.getsockname()[1]
        verdicts = [probed(port) for port in (upstream.queries[0].source[1], nobody)]
        assert verdicts == ["refused", "refused"]
        await until(lambda: on.later)
        assert addresses(dns.message.from_wire(on.later[0][1])) == [TRUTH]
        assert on.pipeline.counters.upstream_mismatches == 0
    assert len(upstream.queries) == 1


def probed(port: int) -> str:
    """What a host that is not the upstream learns of a port from ICMP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.9", 0))
        sock.settimeout(1.0)
        sock.connect(("127.0.0.1", port))
        sock.send(b"\0" * 12)
        try:
            sock.recv(512)
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "silent"
    return "answered"
