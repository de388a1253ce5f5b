"""The UDP listener with real sockets: who is answered, from where, with what.

Invariant: whatever a client sends, the listener goes on; a datagram gets one reply or silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise

import dns.message
import dns.rcode
import pytest

from resolver.inherited import UdpSocket
from resolver.serving import udp as udp_module
from resolver.serving.overload import WaitingRoom
from resolver.serving.peers import Received
from resolver.serving.udp import BATCH, CROWD, FEW, UdpListener
from tests.support import behaviours as do
from tests.support.client import ask, exchange_udp, make_query, rdatas, silent_udp
from tests.support.rules import listed
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import (
    Ground,
    Listening,
    extended_errors,
    ground,
    listening,
    snapshot,
    turns,
    until,
)

SERVED = snapshot(block=("bad.example",))
BLOCKED = make_query("bad.example", number=0xB10C).to_wire()


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=do.answer("A 192.0.2.1", ttl=60)) as running:
        yield running


async def asked(at: Listening, name: str, edns: bool = True) -> dns.message.Message:
    return await asyncio.to_thread(ask, at.address, name, edns=edns)


async def test_a_blocked_and_a_forwarded_name(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        for _ in range(3):
            assert rdatas(await asked(at, "bad.example")) == {"0.0.0.0"}
            assert rdatas(await asked(at, "www.example.org")) == {"192.0.2.1"}
    assert len(upstream.queries) == 1


# The fast road


async def test_a_known_flow_answers_without_the_pipeline(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = make_query("www.example.org").to_wire()
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        for octets in (query, query, BLOCKED):
            await asyncio.to_thread(exchange_udp, at.address, octets)
        monkeypatch.setattr(
            on.pipeline, "handle", lambda *_: pytest.fail("the pipeline was asked"), raising=True
        )
        for number in range(5):
            reply = await asyncio.to_thread(exchange_udp, at.address, bytes((number, 9)) + query[2:])
            assert reply[:2] == bytes((number, 9))
            assert rdatas(dns.message.from_wire(reply)) == {"192.0.2.1"}
            reply = await asyncio.to_thread(exchange_udp, at.address, bytes((number, 8)) + BLOCKED[2:])
            assert reply[:2] == bytes((number, 8))
            assert rdatas(dns.message.from_wire(reply)) == {"0.0.0.0"}
        counters = on.pipeline.counters
        assert (counters.queries, counters.flow_hits, counters.blocked) == (13, 10, 6)


async def test_a_flow_counts_down_and_ends(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on, listening(on) as at:
        seen = []
        await asked(at, "www.example.org")
        for seconds in (0.0, 0.6, 0.6, 30.0, 20.0):
            on.clock.advance(seconds)
            seen.append((await asked(at, "www.example.org")).answer[0].ttl)
        assert seen == [60, 60, 59, 29, 9]
        assert on.pipeline.counters.flow_hits == 4 and len(on.pipeline.flows) == 1
        on.clock.advance(9.0)
        assert (await asked(at, "www.example.org")).answer[0].ttl == 60
        assert len(on.pipeline.flows) == 0
    assert len(upstream.queries) == 2


async def test_a_swap_is_seen_by_the_next_packet(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on, listening(on) as at:
        for number in range(6):
            on.pipeline.swap(snapshot(block=("example.org",) if number % 2 else (), number=number))
            for _ in range(2):
                found = rdatas(await asked(at, "www.example.org"))
                assert found == ({"0.0.0.0"} if number % 2 else {"192.0.2.1"})


async def test_a_flow_is_for_clients_that_are_let_in() -> None:
    """A flow that one client knows is not given to another from outside."""
    networks = [ipaddress.ip_network("127.0.0.1/32")]
    async with ground(served=SERVED, networks=networks) as on, listening(on, "0.0.0.0") as at:
        port = at.address[1]
        for _ in range(2):
            assert rdatas(await asyncio.to_thread(ask, ("127.0.0.1", port), "bad.example")) == {"0.0.0.0"}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.settimeout(5)
            stranger.sendto(BLOCKED, ("127.0.0.1", port))
            reply = dns.message.from_wire(await asyncio.to_thread(stranger.recv, 4096))
        assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.REFUSED, [18])


async def test_a_network_that_is_not_served_is_refused(upstream: ScriptedUpstream) -> None:
    async with (
        ground(upstream.url, networks=[ipaddress.ip_network("192.0.2.0/24")]) as on,
        listening(on) as at,
    ):
        reply = await asked(at, "www.example.org")
        assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.REFUSED, [18])
        assert not extended_errors(await asked(at, "www.example.org", edns=False))
    assert not upstream.queries


# From where the reply leaves


def reply_source(host: str, port: int, octets: bytes) -> str:
    """The address that answers when `host` is asked."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(octets, (host, port))
        return str(client.recvfrom(4096)[1][0])


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


BINDS = [
    ("0.0.0.0", "127.0.0.1"),
    ("0.0.0.0", "127.0.0.2"),
    ("0.0.0.0", "127.9.8.7"),
    ("::", "::1"),
    ("127.0.0.3", "127.0.0.3"),
]


@pytest.mark.parametrize(("bound", "host"), BINDS)
async def test_a_reply_leaves_from_the_address_that_was_asked(
    upstream: ScriptedUpstream, bound: str, host: str
) -> None:
    if ":" in bound and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    forwarded = make_query("www.example.org").to_wire()
    async with ground(upstream.url, served=SERVED) as on, listening(on, bound) as at:
        for octets in (BLOCKED, BLOCKED, forwarded, forwarded, forwarded):
            assert await asyncio.to_thread(reply_source, host, at.address[1], octets) == host
        assert on.pipeline.counters.flow_hits == 2


# Batches


async def test_a_burst_is_answered_whole_and_in_turns(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them get their answer, and the loop has its turn after each batch."""
    count = 3 * BATCH + 5
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        turns = 0
        loop = asyncio.get_running_loop()
        loop.remove_reader(at.udp.fileno())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(at.address)
            client.settimeout(5)
            for number in range(count):
                client.send(number.to_bytes(2, "big") + BLOCKED[2:])
            while on.pipeline.counters.queries < count:
                before = on.pipeline.counters.queries
                at.udp.readable()
                assert on.pipeline.counters.queries - before <= BATCH
                turns += 1
            replies = [client.recv(4096) for _ in range(count)]
        assert turns == 4
        assert [int.from_bytes(reply[:2], "big") for reply in replies] == list(range(count))
        at.udp.readable()  # nothing to read is no fault
        loop.add_reader(at.udp.fileno(), at.udp.readable)


# A crowd


def flood(client: socket.socket, count: int, zone: str = "flood.example") -> None:
    """So many questions for names that nobody has asked for."""
    for number in range(count):
        client.send(make_query(f"n{number}.{zone}", number=number, edns=False).to_wire())


def received(client: socket.socket) -> list[bytes]:
    """What has come so far."""
    client.setblocking(False)
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(client.recv(4096))
    return found


@asynccontextmanager
async def crowd(
    on: Ground, at: Listening, monkeypatch: pytest.MonkeyPatch, room: int = 2048
) -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """A listener that has seen full batches, read by hand, an attacker and somebody else."""
    monkeypatch.setattr(udp_module, "CROWD", 0)
    at.udp._room = WaitingRoom(room)
    asyncio.get_running_loop().remove_reader(at.udp.fileno())
    with connected(at, "127.0.0.9") as attacker, connected(at, "127.0.0.2") as quiet:
        yield attacker, quiet


def connected(at: Listening, source: str) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((source, 0))
    client.connect(at.address)
    return client


async def test_full_batches_in_a_row_make_a_crowd_and_silence_ends_it() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        on.give(BLOCKED, host="127.0.0.2")
        asyncio.get_running_loop().remove_reader(at.udp.fileno())
        client = connected(at, "127.0.0.2")
        for number in range(CROWD * BATCH):
            client.send(number.to_bytes(2, "big") + BLOCKED[2:])
        for batches in range(1, CROWD + 1):
            at.udp.readable()
            assert at.udp._full_batches == batches
        assert on.pipeline.counters.flow_hits == CROWD * BATCH
        assert len(received(client)) == CROWD * BATCH
        client.send(BLOCKED)
        at.udp.readable()  # in the crowd: what is known is answered on the spot
        assert on.pipeline.counters.flow_hits == CROWD * BATCH + 1
        await until(lambda: at.udp._full_batches == 0)
        assert len(received(client)) == 1
        client.close()


async def test_in_a_crowd_what_is_known_is_answered_first(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        ground(upstream.url, served=SERVED) as on,
        listening(on) as at,
        crowd(on, at, monkeypatch) as (attacker, quiet),
    ):
        on.give(BLOCKED, host="127.0.0.2")
        flood(attacker, 200)
        quiet.send(BLOCKED)
        before = on.pipeline.counters.queries
        at.udp.readable()
        assert len(received(quiet)) == 1
        assert on.pipeline.counters.queries == before + 1 and not on.pipeline.busy
        await until(lambda: on.pipeline.counters.queries == before + 201)
        await until(lambda: not on.pipeline.busy)
        assert len(received(attacker)) == 200, "a crowd that can be served loses nobody"
        assert on.pipeline.counters.shed == 0 and len(at.udp._room) == 0


async def test_in_a_crowd_a_flood_loses_and_nobody_else(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        ground(upstream.url, served=SERVED) as on,
        listening(on) as at,
        crowd(on, at, monkeypatch, room=50) as (attacker, quiet),
    ):
        flood(attacker, 200)
        at.udp.readable()
        flood(quiet, 5, "fresh.example")
        at.udp.readable()
        assert on.pipeline.counters.shed == 155 and len(at.udp._room) == 50
        await until(lambda: len(at.udp._room) == 0 and not on.pipeline.busy)
        assert (len(received(attacker)), len(received(quiet))) == (45, 5)


async def test_first_seen_questions_are_served_a_few_at_a_time(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks at the socket no more than FEW, or a known answer would wait for all of them."""
    async with (
        ground(upstream.url) as on,
        listening(on) as at,
        crowd(on, at, monkeypatch) as (attacker, _),
    ):
        flood(attacker, 200)
        at.udp.readable()
        steps: list[int] = []
        real = at.udp._way.receive

        def looks(sock: socket.socket, most: int) -> Received:
            steps.append(on.pipeline.counters.queries)
            return real(sock, most)

        monkeypatch.setattr(at.udp._way, "receive", looks)
        await until(lambda: len(at.udp._room) == 0)
        assert len(steps) >= 200 // FEW
        assert all(later - sooner <= FEW for sooner, later in pairwise([0, *steps]))
        await until(lambda: not on.pipeline.busy)


async def test_a_listener_that_is_closed_serves_nobody_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp_module, "CROWD", 0)
    async with ground(served=SERVED) as on:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kept:
            kept.bind(("127.0.0.1", 0))
            listener = UdpListener(UdpSocket(socket.dup(kept.fileno())), on.pipeline, on.clock)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect(kept.getsockname())
                flood(client, 40)
            listener.readable()
            assert len(listener._room) == 40
            listener.close()
            await turns()
            assert on.pipeline.counters.queries == 0


# Fragments


@pytest.mark.parametrize(
    ("host", "level", "option"),
    [("127.0.0.1", socket.IPPROTO_IP, 10), ("::1", socket.IPPROTO_IPV6, 23)],
)
async def test_replies_are_never_fragmented(host: str, level: int, option: int) -> None:
    """IP_PMTUDISC_PROBE: DF is set, and a forged ICMP message changes no path's MTU (RFC 9715)."""
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    async with ground(served=SERVED) as on, listening(on, host) as at:
        assert at.udp._socket.getsockopt(level, option) == 3


# What clients send


async def test_silence_for_what_is_no_query() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        for octets in (b"", b"\0", b"\0" * 11, BLOCKED[:2] + b"\x81\x80" + BLOCKED[4:]):
            probe = b"\xff\xff" + BLOCKED[2:]
            assert await asyncio.to_thread(silent_udp, at.address, octets, probe)
        assert on.pipeline.counters.ignored == 4


async def test_malformed_queries_get_their_word(upstream: ScriptedUpstream) -> None:
    ladder = {
        b"\0\7\x28\0\0\1\0\0\0\0\0\0\3www\0\0\6\0\1": dns.rcode.NOTIMP,
        b"\0\7\1\0\0\0\0\0\0\0\0\0": dns.rcode.FORMERR,
        b"\0\7\1\0\0\2\0\0\0\0\0\0\3www\0\0\1\0\1\3www\0\0\1\0\1": dns.rcode.FORMERR,
        b"\0\7\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1": dns.rcode.FORMERR,
        b"\0\7\1\0\0\1\0\0\0\0\0\0\3www": dns.rcode.FORMERR,
    }
    async with ground(upstream.url) as on, listening(on) as at:
        for octets, rcode in ladder.items():
            reply = dns.message.from_wire(await asyncio.to_thread(exchange_udp, at.address, octets))
            assert (reply.id, reply.rcode()) == (7, rcode)
        assert on.pipeline.counters.malformed == len(ladder)
    assert not upstream.queries


async def test_a_datagram_that_is_too_long_is_no_fault() -> None:
    async with ground(served=SERVED) as on, listening(on) as at:
        for size in (4096, 4097, 65_000):
            await asyncio.to_thread(exchange_udp, at.address, BLOCKED + b"x" * (size - len(BLOCKED)))
        assert rdatas(await asked(at, "bad.example")) == {"0.0.0.0"}


async def test_it_goes_on_after_a_thousand_mutations() -> None:
    chance = random.Random(5)
    async with ground(served=SERVED) as on, listening(on) as at:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(at.address)
            for number in range(1_000):
                octets = bytearray(BLOCKED)
                for _ in range(chance.randint(1, 8)):
                    octets[chance.randrange(len(octets))] = chance.randrange(256)
                client.send(bytes(octets[: chance.randint(1, len(octets))]))
                if number % 50 == 0:
                    await until(lambda number=number: on.pipeline.counters.queries > number)  # type: ignore[misc]
        await until(lambda: on.pipeline.counters.queries == 1_000)
        assert rdatas(await asked(at, "bad.example")) == {"0.0.0.0"}


# What goes wrong on the way out


async def test_a_client_that_is_gone_does_not_stop_the_others(upstream: ScriptedUpstream) -> None:
    upstream.set("slow.example.org", do.after(0.05, do.answer("A 192.0.2.7")))
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        for _ in range(3):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect(at.address)
                client.send(BLOCKED)
                client.send(make_query("slow.example.org").to_wire())
        await until(lambda: on.pipeline.counters.forwarded == 1 and not on.pipeline.busy)
        assert rdatas(await asked(at, "bad.example")) == {"0.0.0.0"}


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
async def test_a_reply_that_the_kernel_will_not_take_is_counted(
    upstream: ScriptedUpstream, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ground(upstream.url, served=SERVED) as on, listening(on, bound) as at:
        monkeypatch.setattr(at.udp._way, "send", lambda _, batch: [(one, 1) for one in range(len(batch))])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", at.address[1]))
            client.send(BLOCKED)
            client.send(make_query("www.example.org").to_wire())
            await until(lambda: on.pipeline.counters.unsent == 2)
        monkeypatch.undo()
        assert rdatas(await asyncio.to_thread(ask, ("127.0.0.1", at.address[1]), "bad.example")) == {
            "0.0.0.0"
        }


async def test_an_error_of_the_socket_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ICMP message about an earlier reply surfaces as an error of recvfrom: the next datagram counts."""
    async with ground(served=SERVED) as on, listening(on) as at:
        real = at.udp._way.receive
        errors = iter([ConnectionRefusedError(), OSError(5, "input/output"), ConnectionResetError()])

        def faulty(sock: socket.socket, most: int) -> Received:
            error = next(errors, None)
            if error is not None:
                raise error
            return real(sock, most)

        monkeypatch.setattr(at.udp._way, "receive", faulty)
        assert rdatas(await asked(at, "bad.example")) == {"0.0.0.0"}
        assert next(errors, None) is None


async def test_closing_closes_our_descriptor_only() -> None:
    async with ground(served=SERVED) as on:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kept:
            kept.bind(("127.0.0.1", 0))
            listener = UdpListener(UdpSocket(socket.dup(kept.fileno())), on.pipeline, on.clock)
            listener.close()
            assert listener.fileno() == -1 and kept.getsockname()[1]


async def test_a_hot_name_is_remembered_when_its_flow_ends(upstream: ScriptedUpstream) -> None:
    """It lives in its flow alone when others have pushed it out of the cache; and when upstreams fail then,
    there is something to give."""
    async with ground(upstream.url) as on, listening(on) as at:
        for _ in range(3):
            await asked(at, "www.example.org")
        on.pipeline.resolution.cache.clear()
        upstream._default = do.failed()
        on.clock.advance(61)
        reply = await asked(at, "www.example.org")
        assert (rdatas(reply), extended_errors(reply)) == ({"192.0.2.1"}, [3])


async def test_what_a_rule_answered_is_never_taken_for_an_upstreams_answer(
    upstream: ScriptedUpstream,
) -> None:
    """Its flow ends, the rule goes, upstreams fail: nobody gets the rule's answer as a stale one."""
    rule = listed("list", "||www.example.org^$dnsrewrite=203.0.113.9", "adblock", rewrites=True)
    async with ground(upstream.url, served=snapshot(lists=[rule])) as on, listening(on) as at:
        for _ in range(3):
            assert rdatas(await asked(at, "www.example.org")) == {"203.0.113.9"}
        assert on.pipeline.counters.flow_hits
        on.clock.advance(3_600)
        assert rdatas(await asked(at, "www.example.org")) == {"203.0.113.9"}
        assert len(on.pipeline.resolution.cache) == 0
        on.pipeline.swap(snapshot(number=2))
        upstream._default = do.failed()
        assert (await asked(at, "www.example.org")).rcode() == dns.rcode.SERVFAIL
