"""Upstreams that lose, stall and come back, by the virtual clock; strategies; loops.

Invariants: a question ends within five seconds and costs at most three packets; whoever is slow is not
asked much more often for it.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import dns.message
import pytest

from resolver.inherited import UdpSocket
from resolver.serving.forwarder import Terms
from resolver.serving.health import FIRST_PAUSE, PLAIN_SECONDS, SHORTEST_PATIENCE
from resolver.serving.hedging import MAX_TRIES, MOST, TOTAL
from resolver.serving.udp import UdpListener
from resolver.serving.wheel import TICK
from tests.support import behaviours as do
from tests.support import vices
from tests.support.behaviours import Behaviour
from tests.support.client import make_query
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import Ground, ground, query_of, until
from tests.unit.serving.upstreams import Asking, asking

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


async def all_of(on: Asking, names: list[str], seconds: float, step: float = 0.05) -> list[float]:
    """Ask all these at once; how long each took, by the virtual clock, with nobody left behind."""
    began = on.clock.now
    exchanges = [on.start(name) for name in names]
    while len(on.ended) < len(names) and on.clock.now < began + seconds:
        await on.pass_time(step)
    await until(lambda: len(on.ended) == len(names), "every end")
    return [on.ended[one][1] - began for one in exchanges]


def named(prefix: str, number: int) -> list[str]:
    return [f"{prefix}{index}.example.org" for index in range(number)]


# Loss


async def test_with_thirty_percent_loss_answers_come_within_some_hundred_milliseconds(
    upstream: ScriptedUpstream,
) -> None:
    async with asking(upstream.url) as on:
        for name in named("warm", 20):  # so that it is known how fast the upstream is
            await on.ask(name)
        upstream._default = vices.lossy(0.3, 3, GOOD)
        took: list[float] = []
        for name in named("n", 100):
            began = on.clock.now
            if await on.ask(name, seconds=5.0):
                took.append(on.clock.now - began)
        assert len(took) >= 90, "one in 37 loses all three packets"
        assert statistics.median(took) == 0.0
        assert sorted(took)[int(0.85 * len(took))] <= SHORTEST_PATIENCE + TICK + 0.05
        assert max(took) <= 0.6
        assert on.counters.upstream_packets <= (20 + 100) * MAX_TRIES


async def test_the_last_try_goes_over_tcp_where_nothing_is_lost(upstream: ScriptedUpstream) -> None:
    upstream._default = do.over_tcp(GOOD, do.silence())
    async with asking(upstream.url) as on:
        assert await on.ask(seconds=2.0) == ["192.0.2.1"]
    assert [seen.transport for seen in upstream.queries] == ["udp", "udp", "tcp"]


async def test_where_tcp_is_not_to_be_had_the_last_try_is_a_packet_too(upstream: ScriptedUpstream) -> None:
    upstream._default = do.over_tcp(do.hang_up(), do.silence())
    async with asking(upstream.url) as on:
        assert await on.ask(seconds=5.0) == []
        upstream.forget()
        assert await on.ask("next.example.org", seconds=5.0) == []
        assert [seen.transport for seen in upstream.queries] == ["udp"] * 3


async def test_one_of_two_is_dead_and_nobody_waits_for_it_long(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    async with asking(upstream.url, second.url) as on:
        await on.ask("warm.example.org")
        upstream._default = do.silence()
        waited = []
        for name in named("n", 20):
            began = on.clock.now
            assert await on.ask(name, seconds=1.0) == ["192.0.2.2"]
            waited.append(on.clock.now - began)
        assert max(waited) <= 0.1 and sum(one > 0 for one in waited) <= 6, "three, and probes beside"


async def test_it_is_asked_again_soon_after_it_is_back(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream._default = do.silence()
    async with asking(upstream.url, second.url) as on:
        for name in named("n", 4):
            await on.ask(name, seconds=1.0)
        assert on.forwarder.upstreams[0].aside
        upstream._default = GOOD
        await on.pass_time(FIRST_PAUSE + TICK)
        await on.ask("probe.example.org")
        await until(lambda: not on.forwarder.upstreams[0].aside, "an answer to the probe")
        assert await on.ask() == ["192.0.2.1"]


async def test_a_probe_costs_its_client_nothing(upstream: ScriptedUpstream, second: ScriptedUpstream) -> None:
    upstream._default = do.silence()
    async with asking(upstream.url, second.url) as on:
        for name in named("n", 4):
            await on.ask(name, seconds=1.0)
        await on.pass_time(FIRST_PAUSE + TICK)
        upstream.forget()
        for name in named("again", 5):
            assert await on.ask(name) == ["192.0.2.2"], "no time passes"
        upstream.wait_for(1)
    assert len(upstream.queries) == 1, "one question probes"


async def test_a_flapping_upstream_costs_no_answer(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream._default = vices.flapping(5, 5, GOOD)
    async with asking(upstream.url, second.url) as on:
        for name in named("n", 60):
            assert await on.ask(name, seconds=1.0) in (["192.0.2.1"], ["192.0.2.2"])
            await on.pass_time(0.1)


# Slowness


def two_seconds_late(on: list[Asking], behaviour: Behaviour) -> Behaviour:
    """Answers two virtual seconds after each query."""

    def behave(seen: do.Seen) -> list[do.Reply]:
        asked = on[0].clock.now
        return vices.held(lambda: on[0].clock.now >= asked + 2.0, behaviour)(seen)

    return behave


async def test_an_upstream_two_seconds_late_is_waited_for(upstream: ScriptedUpstream) -> None:
    async with asking(upstream.url) as on:
        upstream._default = two_seconds_late([on], GOOD)
        took = await all_of(on, named("n", 50), 5.0)
        assert all(on.read(one) == ["192.0.2.1"] for one in on.ended)
        assert 2.0 <= min(took) and max(took) <= 2.6


async def test_hedging_does_not_double_the_load_on_a_slow_upstream(upstream: ScriptedUpstream) -> None:
    async with asking(upstream.url) as on:
        upstream._default = two_seconds_late([on], GOOD)
        packets = []
        for number in range(4):  # the first one finds out; a busy machine may make another one late
            on.ended.clear()
            before = on.counters.upstream_packets
            await all_of(on, named(f"r{number}n", 100), 5.0)
            packets.append(on.counters.upstream_packets - before)
        assert min(packets) <= 100 * 1.2 + MOST


async def test_beside_a_slow_upstream_the_fast_one_takes_over(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    async with asking(upstream.url, second.url) as on:
        upstream._default = two_seconds_late([on], GOOD)
        took = []
        for name in named("n", 12):
            began = on.clock.now
            assert await on.ask(name, seconds=5.0) == ["192.0.2.2"]
            took.append(on.clock.now - began)
        assert max(took) <= 0.5 and took[4:] == [0.0] * 8


async def test_a_black_hole_ends_in_time_and_in_three_packets(upstream: ScriptedUpstream) -> None:
    upstream._default = do.silence()
    async with asking(upstream.url) as on:
        took = await all_of(on, named("n", 100), 5.0)
        assert all(on.read(one) == [] for one in on.ended)
        assert TOTAL <= min(took) and max(took) <= TOTAL + 0.1
        assert on.counters.upstream_packets == 100 * MAX_TRIES
        assert on.counters.upstream_timeouts == 100 * MAX_TRIES


@pytest.mark.parametrize("behaviour", [do.formerr_to_edns(do.silence()), do.failed(), vices.bad_cookie(GOOD)])
async def test_repetitions_are_packets_too(behaviour: Behaviour) -> None:
    holes = [ScriptedUpstream(default=behaviour).start() for _ in range(4)]
    try:
        async with asking(*(one.url for one in holes)) as on:
            await on.ask(seconds=5.0)
            assert on.counters.upstream_packets <= MAX_TRIES
        assert sum(seen.transport == "udp" for one in holes for seen in one.queries) <= MAX_TRIES
    finally:
        for one in holes:
            one.stop()


async def test_nothing_is_kept_of_questions_that_have_ended(upstream: ScriptedUpstream) -> None:
    upstream._default = vices.lossy(0.5, 1, GOOD)
    async with asking(upstream.url) as on:
        await all_of(on, named("n", 200), 5.0)
        await on.pass_time(5.0)
        await on.pass_time(5.0)
        assert all(not one.tries for one in on.ended)
        pool = on.forwarder._asker._pools[0]
        assert pool is not None and not pool._retired
        assert not any(where.pending for where in pool._active)


# EDNS


async def test_a_server_without_edns_is_offered_it_again_after_an_hour(upstream: ScriptedUpstream) -> None:
    upstream._default = do.formerr_to_edns(GOOD)
    async with asking(upstream.url) as on:
        await on.ask()
        await on.ask("next.example.org")
        upstream._default = GOOD
        await on.pass_time(PLAIN_SECONDS + 1)
        await on.ask("later.example.org")
        await on.ask("last.example.org")
    assert [seen.message.edns for seen in upstream.queries] == [0, -1, -1, 0, 0]


# Strategies


async def test_a_race_is_won_by_the_first_good_answer(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream._default = do.silence()
    second._default = OTHER
    async with asking(upstream.url, second.url, terms=Terms("race")) as on:
        assert await on.ask() == ["192.0.2.2"], "no time passes"
        assert on.counters.upstream_packets == 2


async def test_in_a_race_a_quick_refusal_does_not_win(
    upstream: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    upstream._default = do.refused()
    second._default = do.after(0.1, OTHER)
    async with asking(upstream.url, second.url, terms=Terms("race")) as on:
        assert await on.ask() == ["192.0.2.2"]
        assert on.counters.upstream_packets == 2


async def test_the_fastest_is_asked(upstream: ScriptedUpstream, second: ScriptedUpstream) -> None:
    async with asking(upstream.url, second.url, terms=Terms("fastest"), chance=count(1, 2)) as on:
        first, other = on.forwarder.upstreams
        first.answered(0.2, on.clock.now)
        other.answered(0.01, on.clock.now)
        assert [await on.ask(name) for name in named("n", 5)] == [["192.0.2.2"]] * 5


# Loops


async def test_whoever_forwards_to_itself_hears_of_it_at_once() -> None:
    """The listener and the upstream are one: our own query comes back, with the ID that we gave it."""
    with ScriptedUpstream(default=do.silence()) as placeholder:
        url, port = placeholder.url, placeholder.port
    async with ground(url) as on:
        with listening_at(on, port):
            reply = await on.ask(NAME)
        assert reply.rcode() == dns.rcode.REFUSED
        assert on.pipeline.counters.upstream_packets == 1


@contextmanager
def listening_at(on: Ground, port: int) -> Iterator[None]:
    """A UDP listener at this very port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    sock.setblocking(False)
    listener = UdpListener(UdpSocket(sock.detach(), False), on.pipeline, on.clock)
    loop = asyncio.get_running_loop()
    loop.add_reader(listener.fileno(), listener.readable)
    try:
        yield
    finally:
        loop.remove_reader(listener.fileno())
        listener.close()


async def test_two_that_forward_to_each_other_end_and_ask_little() -> None:
    with ScriptedUpstream(default=do.silence()) as one, ScriptedUpstream(default=do.silence()) as two:
        urls, ports = (one.url, two.url), (one.port, two.port)
    async with ground(urls[1]) as a, ground(urls[0]) as b:
        peer = object()
        with listening_at(a, ports[0]), listening_at(b, ports[1]):
            a.give(make_query(NAME).to_wire(), peer=peer)
            for _ in range(20):
                await a.pass_time(0.25)
                await b.pass_time(0.25)
            await until(lambda: a.replies_to(peer), "an end")
        reply = dns.message.from_wire(a.replies_to(peer)[0])
        assert reply.rcode() in (dns.rcode.SERVFAIL, dns.rcode.REFUSED)
        for each in (a, b):
            assert each.pipeline.counters.upstream_packets <= MAX_TRIES


async def test_an_upstream_that_asks_what_it_is_asked_is_known(upstream: ScriptedUpstream) -> None:
    upstream._default = do.silence()
    async with asking(upstream.url) as on:
        exchange = on.start(NAME)
        number = exchange.tries[0].number
        loops = on.forwarder.loops
        assert loops("127.0.0.1", query_of(NAME, number=number), exchange)
        assert not loops("127.0.0.1", query_of(NAME, number=number ^ 1), exchange), "a client of ours"
        assert not loops("192.0.2.9", query_of(NAME, number=number), exchange)


async def test_another_machine_is_known_by_its_address() -> None:
    async with asking("udp://192.0.2.53") as on:
        exchange = on.start(NAME)
        assert on.forwarder.loops("192.0.2.53", query_of(NAME, number=1), exchange)
        assert not on.forwarder.loops("192.0.2.54", query_of(NAME, number=1), exchange)
