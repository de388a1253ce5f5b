"""Asking upstreams that lie, stall, die and come back.

Invariants: a client gets an answer or SERVFAIL within five seconds; a question costs at most three
packets; nothing but a reply to what was asked, from whom it was asked, is ever believed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from resolver.serving.forwarder import GRACE
from resolver.serving.health import FIRST_PATIENCE
from resolver.serving.hedging import MAX_TRIES
from resolver.serving.ports import MISMATCHES
from resolver.serving.wheel import TICK
from tests.support import behaviours as do
from tests.support.behaviours import Behaviour, Reply
from tests.support.client import make_query, rdatas
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import Ground, addresses, descriptors, extended_errors, ground, until

NAME = "www.example.org"
GOOD = do.answer("A 192.0.2.1", ttl=60)
OTHER = do.answer("A 192.0.2.2", ttl=60)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=GOOD) as running:
        yield running


@pytest.fixture
def second() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=OTHER) as running:
        yield running


@contextmanager
def closed_port() -> Iterator[str]:
    """The URL of a UDP port where nobody listens, and nobody will: TCP holds its number."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"udp://127.0.0.1:{held.getsockname()[1]}"


async def ask_for(on: Ground, seconds: float, name: str = NAME) -> tuple[dns.message.Message, float]:
    """Ask, and let up to `seconds` of virtual time pass; the reply and how much it took."""
    peer = object()
    began = on.clock.now
    said = on.give(make_query(name).to_wire(), peer=peer)
    while said is None and not on.replies_to(peer) and on.clock.now - began < seconds:
        await on.pass_time(0.25)
    if said is None:
        await until(lambda: on.replies_to(peer), f"a reply within {seconds} virtual seconds")
        said = on.replies_to(peer)[0]
    return dns.message.from_wire(said), on.clock.now - began


def transports(upstream: ScriptedUpstream) -> list[str]:
    return [seen.transport for seen in upstream.queries]


# What is believed and what is not


LIES: list[tuple[str, Behaviour]] = [
    ("another ID", do.wrong_id(OTHER)),
    ("another name", do.wrong_question(OTHER)),
    ("another type", do.wrong_type(OTHER)),
    ("no response", do.not_a_response(OTHER)),
    ("another opcode", do.patched(lambda data: data[:2] + bytes((data[2] | 0x28,)) + data[3:], OTHER)),
    ("another class", do.patched(lambda data: data.replace(b"\0\1\0\1", b"\0\1\0\3", 1), OTHER)),
    ("from another port", do.over_tcp(do.silence(), do.from_elsewhere(OTHER))),
    ("two questions", do.patched(lambda data: data[:4] + b"\0\2" + data[6:], OTHER)),
    ("no question", do.patched(lambda data: data[:4] + b"\0\0" + data[6:], OTHER)),
    ("counts beyond the packet", do.patched(lambda data: data[:6] + b"\xff\xff" + data[8:], OTHER)),
    ("cut short", do.cut_short(do.answer("A 192.0.2.2", "A 192.0.2.3", "A 192.0.2.4"))),
    ("a loop of pointers", do.patched(  # a CNAME whose target points at itself
        lambda data: data[:6] + b"\0\1\0\0\0\0" + data[12:33]
        + b"\xc0\x0c\0\5\0\1\0\0\0\x09\0\2\xc0\x2d", OTHER)),
    ("a long chain", do.answer("CNAME c0.example.org.", *(
        f"c{n}.example.org. 60 IN CNAME c{n + 1}.example.org." for n in range(20)))),
    ("half a header", do.raw(b"\0\0\x80\0\0\1", with_id=True)),
    ("garbage", do.raw(bytes(range(256)) * 2)),
    ("nothing at all", do.raw(b"")),
]  # fmt: skip


@pytest.mark.parametrize("lie", [row[1] for row in LIES], ids=[row[0] for row in LIES])
async def test_a_lie_is_ignored_and_the_wait_goes_on(upstream: ScriptedUpstream, lie: Behaviour) -> None:
    upstream.set(NAME, lambda seen: [*lie(seen), *do.after(0.02, GOOD)(seen)])
    async with ground(upstream.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]
        from_elsewhere = lie is dict(LIES)["from another port"]
        # What comes from elsewhere is dropped by the kernel: the socket is connected.
        assert on.pipeline.counters.upstream_mismatches == (0 if from_elsewhere else 1)
    assert len(upstream.queries) == 1, "a forger cannot make us ask again"


@pytest.mark.parametrize("lie", [row[1] for row in LIES], ids=[row[0] for row in LIES])
async def test_lies_alone_end_in_servfail(upstream: ScriptedUpstream, lie: Behaviour) -> None:
    upstream.set(NAME, lie)
    async with ground(upstream.url) as on:
        reply, seconds = await ask_for(on, 5.0)
        assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])
        assert seconds <= 5.0 and len(upstream.queries) == MAX_TRIES


async def test_a_thousand_forgeries_before_the_truth(upstream: ScriptedUpstream) -> None:
    """RFC 5452 9.3: the port was found, so the question goes over TCP, where nobody can forge unseen."""
    upstream.set(NAME, do.forged_first(1_000, GOOD, delay=0.2))
    async with ground(upstream.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]
        assert on.pipeline.counters.upstream_mismatches >= MISMATCHES
        # The next question leaves from another port.
        await on.ask("other.example.org")
    first, other = upstream.queries[0], upstream.queries[-1]
    assert transports(upstream) == ["udp", "tcp", "udp"] and first.source[1] != other.source[1]


async def test_forgeries_without_tcp_end_in_servfail_and_never_in_a_forgery(
    upstream: ScriptedUpstream,
) -> None:
    upstream.set(NAME, do.over_tcp(do.hang_up(), do.forged_first(20, GOOD)))
    async with ground(upstream.url) as on:
        reply, _ = await ask_for(on, 5.0)
        assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])
        assert on.pipeline.counters.upstream_packets == MAX_TRIES


async def test_the_case_of_the_name_may_differ(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, do.wrong_case(GOOD))
    async with ground(upstream.url) as on:
        reply = await on.ask("wWw.Example.org")
    assert addresses(reply) == ["192.0.2.1"] and str(reply.question[0].name) == "wWw.Example.org."


async def test_an_answer_that_comes_twice_is_given_once(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, lambda seen: GOOD(seen) * 3)
    async with ground(upstream.url) as on:
        await on.ask(NAME)
        await until(lambda: on.pipeline.counters.upstream_mismatches == 2)
        assert len(on.later) == 1


async def test_what_we_ask_holds_the_question_and_nothing_else(upstream: ScriptedUpstream) -> None:
    query = make_query("WwW.example.org", ad=True)
    query.use_edns(
        0,
        0,
        4096,
        options=[
            dns.edns.ECSOption("192.0.2.0", 24),
            dns.edns.GenericOption(dns.edns.OptionType(10), b"c" * 8),
        ],
    )
    async with ground(upstream.url) as on:
        await on.octets(query.to_wire())
    (seen,) = upstream.queries
    asked = seen.message
    assert b"\3WwW\7example\3org\0" in seen.octets
    (cookie,) = asked.options
    assert (asked.edns, asked.payload, cookie.otype) == (0, 1232, dns.edns.OptionType.COOKIE)
    assert len(cookie.to_wire()) == 8 and cookie.to_wire() != b"c" * 8, "ours, not the client's"
    assert asked.flags == dns.flags.RD and seen.id != query.id


# Time


async def test_a_dead_upstream_costs_less_than_a_second(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream.set(NAME, do.silence())
    async with ground(upstream.url, second.url) as on:
        reply, seconds = await ask_for(on, 1.0)
    assert addresses(reply) == ["192.0.2.2"] and FIRST_PATIENCE <= seconds <= 1.0


async def test_a_refused_port_costs_no_wait(second: ScriptedUpstream) -> None:
    with closed_port() as dead:
        async with ground(dead, second.url) as on:
            assert addresses(await on.ask(NAME)) == ["192.0.2.2"]


async def test_a_late_answer_to_an_earlier_try_is_as_good(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream.set(NAME, do.after(0.3, GOOD))
    second.set(NAME, do.silence())
    async with ground(upstream.url, second.url) as on:
        on.give(make_query(NAME).to_wire(), peer="client")
        on.clock.advance(FIRST_PATIENCE + TICK)
        await asyncio.to_thread(second.wait_for, 1)
        await until(lambda: on.later)
        assert addresses(dns.message.from_wire(on.later[0][1])) == ["192.0.2.1"]


@pytest.mark.parametrize("count", [1, 2, 4])
async def test_black_holes_end_in_servfail_within_five_seconds(count: int) -> None:
    holes = [ScriptedUpstream(default=do.silence()).start() for _ in range(count)]
    try:
        async with ground(*(hole.url for hole in holes)) as on:
            reply, seconds = await ask_for(on, 5.0)
            assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])
            assert 3.9 <= seconds <= 5.0
            assert on.pipeline.counters.upstream_timeouts == MAX_TRIES
            assert not on.pipeline.busy
        assert [len(hole.queries) for hole in holes] == {1: [3], 2: [2, 1], 4: [1, 1, 1, 0]}[count]
    finally:
        for hole in holes:
            hole.stop()


async def test_closed_ports_end_in_servfail_soon() -> None:
    """Whoever forges what the network says cannot end a question, only bring its end nearer."""
    with closed_port() as first, closed_port() as second:
        async with ground(first, second) as on:
            reply, seconds = await ask_for(on, 3.0)
            assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])
            assert GRACE <= seconds <= 3.0
            assert on.pipeline.counters.upstream_packets == MAX_TRIES


@pytest.mark.parametrize(
    "behaviour", [do.silence(), do.failed(), do.wrong_id(GOOD)], ids=["silent", "failing", "lying"]
)
async def test_a_question_costs_at_most_three_packets(
    upstream: ScriptedUpstream, behaviour: Behaviour
) -> None:
    upstream.set(NAME, behaviour)
    async with ground(upstream.url, upstream.url, upstream.url, upstream.url) as on:
        await ask_for(on, 5.0)
        assert on.pipeline.counters.upstream_packets == MAX_TRIES
    assert len(upstream.queries) == MAX_TRIES


async def test_it_comes_back_when_the_upstream_does() -> None:
    upstream = ScriptedUpstream(default=GOOD).start()
    async with ground(upstream.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]
        await asyncio.to_thread(upstream.stop)
        for number in range(5):
            reply, _ = await ask_for(on, 5.0, f"n{number}.example.org")
            assert reply.rcode() == dns.rcode.SERVFAIL
        await asyncio.to_thread(upstream.start)
        assert addresses(await on.ask("back.example.org")) == ["192.0.2.1"]
    upstream.stop()


async def test_an_upstream_set_aside_is_tried_again_after_its_pause(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    with closed_port() as dead:
        async with ground(dead, second.url) as on:
            for number in range(10):
                assert addresses(await on.ask(f"n{number}.example.org")) == ["192.0.2.2"]
            # Three failures set it aside: seven of the ten questions went straight to the other.
            assert on.pipeline.counters.upstream_packets == 13
            on.clock.advance(0.5)
            await on.ask("again.example.org")
            assert on.pipeline.counters.upstream_packets == 15


# Bad words from good addresses


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTAUTH"])
async def test_the_next_upstream_may_know_better(
    upstream: ScriptedUpstream, second: ScriptedUpstream, rcode: str
) -> None:
    upstream.set(NAME, do.failed(rcode))
    async with ground(upstream.url, second.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.2"]


async def test_when_none_knows_better_the_last_word_is_relayed(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream.set(NAME, do.failed("SERVFAIL"))
    second.set(NAME, do.refused())
    async with ground(upstream.url, second.url) as on:
        reply = await on.ask(NAME)
        assert reply.rcode() == dns.rcode.REFUSED and on.pipeline.counters.upstream_packets == 2


async def test_a_failure_is_not_forgotten_by_a_silent_second(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream.set(NAME, do.failed())
    second.set(NAME, do.silence())
    async with ground(upstream.url, second.url) as on:
        reply, seconds = await ask_for(on, 5.0)
        assert reply.rcode() == dns.rcode.SERVFAIL and seconds <= 5.0
        assert 22 not in extended_errors(reply), "an upstream was reached, and failed"


@pytest.mark.parametrize("vice", [do.failed(), do.refused()], ids=["fails", "refuses"])
async def test_a_slow_upstream_is_waited_for_when_the_next_one_fails(
    upstream: ScriptedUpstream, second: ScriptedUpstream, vice: Behaviour
) -> None:
    """The first is late, not wrong: a quick refusal by the second must not stand for its answer."""
    upstream.set(NAME, do.after(0.2, GOOD))
    second.set(NAME, vice)
    async with ground(upstream.url, second.url) as on:
        on.give(make_query(NAME).to_wire(), peer="client")
        on.clock.advance(FIRST_PATIENCE + TICK)
        await asyncio.to_thread(second.wait_for, 1)
        await until(lambda: on.later)
        assert addresses(dns.message.from_wire(on.later[0][1])) == ["192.0.2.1"]


async def test_when_the_slow_one_fails_too_nobody_waits_for_the_clock(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream.set(NAME, do.after(0.2, do.failed()))
    second.set(NAME, do.refused())
    async with ground(upstream.url, second.url) as on:
        on.give(make_query(NAME).to_wire(), peer="client")
        on.clock.advance(FIRST_PATIENCE + TICK)
        await until(lambda: on.later)
        assert dns.message.from_wire(on.later[0][1]).rcode() == dns.rcode.SERVFAIL
        assert on.pipeline.counters.upstream_packets == 2


async def test_who_answers_badly_is_not_counted_as_silent(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream.set(NAME, do.silence())
    second.set(NAME, do.failed())
    async with ground(upstream.url, second.url) as on:
        await ask_for(on, 5.0)
        # Silent were the first try and the third, which went to the first upstream again.
        assert on.pipeline.counters.upstream_timeouts == 2
        assert (len(upstream.queries), len(second.queries)) == (2, 1)


async def test_nxdomain_is_an_answer(upstream: ScriptedUpstream, second: ScriptedUpstream) -> None:
    upstream.set(NAME, do.nxdomain())
    async with ground(upstream.url, second.url) as on:
        assert (await on.ask(NAME)).rcode() == dns.rcode.NXDOMAIN
    assert not second.queries


# EDNS


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP"])
async def test_a_server_without_edns_is_asked_without_and_remembered(
    upstream: ScriptedUpstream, rcode: str
) -> None:
    for name in (NAME, "next.example.org"):
        upstream.set(name, do.without_edns(rcode, GOOD))
    async with ground(upstream.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]
        reply = await on.ask("next.example.org")
        assert addresses(reply) == ["192.0.2.1"] and reply.edns == 0, "the client's OPT is our own affair"
    assert [seen.message.edns for seen in upstream.queries] == [0, -1, -1]


async def test_a_bare_header_says_it_too(upstream: ScriptedUpstream) -> None:
    """RFC 6891 7: the oldest servers answer with a header alone."""
    bare = do.over_tcp(GOOD, lambda seen: (
        GOOD(seen) if seen.message.edns < 0 else [Reply(seen.octets[:2] + b"\x81\x81" + b"\0" * 8)]
    ))  # fmt: skip
    upstream.set(NAME, bare)
    async with ground(upstream.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]
    assert [seen.message.edns for seen in upstream.queries] == [0, -1]


async def test_a_server_that_fails_without_edns_too_makes_way(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream.set(NAME, do.without_edns("FORMERR", do.failed()))
    async with ground(upstream.url, second.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.2"]
    assert len(upstream.queries) == 2 and len(second.queries) == 1


async def test_a_question_that_no_opt_is_to_blame_for(upstream: ScriptedUpstream) -> None:
    """FORMERR with and without OPT is about the question; one client's odd one takes EDNS from nobody."""
    upstream.set(NAME, do.failed("FORMERR"))
    async with ground(upstream.url) as on:
        assert (await on.ask(NAME)).rcode() == dns.rcode.FORMERR
        await on.ask("next.example.org")
    assert [seen.message.edns for seen in upstream.queries] == [0, -1, 0]


async def test_formerr_that_comes_twice_is_one_word(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, lambda seen: do.formerr_to_edns(GOOD)(seen) * 5)
    async with ground(upstream.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]
    assert len(upstream.queries) == 2


# TCP


async def test_a_truncated_answer_is_fetched_over_tcp(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, do.truncated(do.big(5_000)))
    async with ground(upstream.url) as on:
        reply = await on.ask(NAME, "TXT", udp=False)
        assert len(rdatas(reply, "TXT")) == 24 and not reply.flags & dns.flags.TC
        assert on.pipeline.counters.upstream_tcp == 1
    assert transports(upstream) == ["udp", "tcp"]


async def test_a_truncated_answer_that_comes_often_is_fetched_once(upstream: ScriptedUpstream) -> None:
    cut = do.truncated(do.after(0.1, GOOD))
    upstream.set(NAME, lambda seen: cut(seen) * (1 if seen.transport == "tcp" else 50))
    async with ground(upstream.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]
    assert transports(upstream) == ["udp", "tcp"]


@pytest.mark.parametrize("vice", [
    do.hang_up(), do.cut_short(GOOD), do.wrong_id(GOOD), do.raw(b"x" * 40), do.raw(b"", with_id=True),
    do.answer("A 192.0.2.9", flags=dns.flags.TC),
], ids=["hangs up", "half", "wrong IDs", "garbage", "empty", "still cut"])  # fmt: skip
async def test_tcp_that_fails_makes_way_for_the_next_upstream(
    upstream: ScriptedUpstream, second: ScriptedUpstream, vice: Behaviour
) -> None:
    cut = do.truncated(GOOD)
    upstream.set(NAME, do.over_tcp(lambda seen: vice(seen) * 4, cut))
    async with ground(upstream.url, second.url) as on:
        reply, _ = await ask_for(on, 2.5)
        assert addresses(reply) == ["192.0.2.2"]
    assert transports(upstream) == ["udp", "tcp"]


async def test_tcp_refused_after_a_truncated_answer() -> None:
    """Nobody listens on TCP at that port, so the question ends in SERVFAIL, not in a wait."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as half:
        half.bind(("127.0.0.1", 0))
        half.settimeout(10)

        def answer_truncated() -> None:
            for _ in range(MAX_TRIES):
                data, peer = half.recvfrom(4096)
                half.sendto(data[:2] + b"\x83\x80\0\1\0\0\0\0\0\0" + data[12:-11], peer)

        served = asyncio.create_task(asyncio.to_thread(answer_truncated))
        async with ground(f"udp://127.0.0.1:{half.getsockname()[1]}") as on:
            reply = await on.ask(NAME)
            assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])
        await served


async def test_a_tcp_upstream_is_asked_over_tcp_only(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url.replace("udp", "tcp")) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]
        assert addresses(await on.ask("next.example.org")) == ["192.0.2.1"]
    assert transports(upstream) == ["tcp", "tcp"]


@pytest.mark.parametrize(
    "vice", [do.failed(), do.refused(), do.hang_up()], ids=["fails", "refuses", "hangs up"]
)
async def test_a_tcp_upstream_is_judged_like_any_other(
    upstream: ScriptedUpstream, second: ScriptedUpstream, vice: Behaviour
) -> None:
    upstream.set(NAME, vice)
    async with ground(upstream.url.replace("udp", "tcp"), second.url) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.2"]


async def test_a_tcp_upstream_without_edns_is_asked_without(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, do.formerr_to_edns(GOOD))
    async with ground(upstream.url.replace("udp", "tcp")) as on:
        assert addresses(await on.ask(NAME)) == ["192.0.2.1"]


async def test_a_silent_tcp_upstream_ends_in_servfail(upstream: ScriptedUpstream) -> None:
    upstream.set(NAME, do.silence())
    async with ground(upstream.url.replace("udp", "tcp")) as on:
        reply, seconds = await ask_for(on, 5.0)
        assert reply.rcode() == dns.rcode.SERVFAIL and seconds <= 5.0
        assert len(upstream.queries) == MAX_TRIES


# Our own limits


async def test_out_of_descriptors_is_not_the_upstreams_fault(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ground(upstream.url) as on:
        real = socket.socket

        def full(*_: object, **__: object) -> socket.socket:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(socket, "socket", full)
        reply = await on.ask(NAME)
        monkeypatch.setattr(socket, "socket", real)
        assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])
        assert on.pipeline.routes.default.upstreams[0].aside == 0.0
        assert addresses(await on.ask("next.example.org")) == ["192.0.2.1"]


async def test_the_clock_is_only_watched_while_something_is_awaited(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        await on.ask(NAME)
        on.clock.advance(5)
        await until(lambda: on.pipeline.resolution.wheel.timer is None)


async def test_no_descriptor_is_left_behind(upstream: ScriptedUpstream) -> None:
    """Good answers, cut ones, forgeries and silence: when the forwarder is closed all sockets are."""
    behaviours = [GOOD, do.truncated(GOOD), do.forged_first(20, GOOD), do.silence(), do.failed()]
    for number in range(100):
        upstream.set(f"n{number}.example.org", behaviours[number % len(behaviours)])
    before = descriptors()
    async with ground(upstream.url) as on:
        for number in range(100):
            on.give(make_query(f"n{number}.example.org").to_wire(), peer=number)
        await until(lambda: len(on.later) >= 80)
        await on.give_up()
        assert len(on.later) == 100
    upstream.stop()  # the far ends of its TCP connections are descriptors of this process too
    assert descriptors() <= before
