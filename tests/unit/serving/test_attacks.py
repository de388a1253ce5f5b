"""Attacks on the way in, each through the whole pipeline: what an attacker gains, and what others lose.

DNSBomb          questions collected while an upstream stalls, answered in one burst
amplification    octets that a forged address is sent for each octet that asks
reflection       the same answer again and again, to one network
hostile octets   64 KB of pointers, sixteen thousand options
"""

from __future__ import annotations

import asyncio
import ipaddress
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from resolver.dns import registry
from resolver.settings import PRIVATE_NETWORKS, Dns
from tests.support import behaviours as do
from tests.support.client import Connection, ask, make_query, rdatas
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import ground, listening, snapshot, until

EVERYBODY = (*PRIVATE_NETWORKS, ipaddress.ip_network("192.0.0.0/8"))
VICTIM = "192.0.2.1"
SERVED = snapshot(block=("bad.example",))

# Collected and let go at once (CVE-2024-33655)


async def test_one_client_cannot_collect_answers_without_bound() -> None:
    few = Dns(in_flight_client=16, in_flight=64)
    with ScriptedUpstream(default=do.silence()) as upstream:
        async with ground(upstream.url, settings=few) as on:
            peer, other = object(), object()
            for number in range(500):
                name = make_query(f"n{number}.example.org", number=number).to_wire()
                on.give(name, host="127.0.0.9", peer=peer)
            assert on.pipeline.counters.shed == 500 - 16
            on.give(make_query("www.example.org").to_wire(), host="127.0.0.2", peer=other)
            assert on.pipeline.counters.forwarded == 17, "another client has its place still"
            await on.give_up()
            burst = on.replies_to(peer)
            assert len(burst) == 16 and len(on.replies_to(other)) == 1
            assert all(dns.message.from_wire(one).rcode() == dns.rcode.SERVFAIL for one in burst)
            # What was collected is given back, and the client may ask again.
            assert not on.pipeline.admission._in_flight


async def test_equal_questions_of_one_client_count_as_well() -> None:
    """They share an exchange upstream, but each of them is an answer."""
    few = Dns(in_flight_client=16)
    with ScriptedUpstream(default=do.silence()) as upstream:
        async with ground(upstream.url, settings=few) as on:
            peer = object()
            for number in range(100):
                on.give(make_query("www.example.org", number=number).to_wire(), peer=peer)
            await on.give_up()
            assert len(on.replies_to(peer)) == 16 and not on.pipeline.admission._in_flight


# Amplification

FACTORS = [
    ("www.example.org", "ANY", 2.0),  # RFC 8482: one HINFO, whatever there is
    ("bad.example", "A", 4.0),
    ("bad.example", "ANY", 4.0),
    ("bad.example", "TXT", 5.0),
    ("big.example.org", "TXT", 1.1),  # does not fit: TC and nothing else
    ("big.example.org", "DNSKEY", 1.1),
    ("www.example.org", "AXFR", 3.0),
    ("localhost", "A", 4.0),
    ("lan.test", "A", 6.0),
]


@pytest.mark.parametrize(("name", "qtype", "most"), FACTORS, ids=[f"{case[0]} {case[1]}" for case in FACTORS])
async def test_what_an_octet_of_a_question_brings(name: str, qtype: str, most: float) -> None:
    with ScriptedUpstream(default=do.answer("A 192.0.2.1")) as upstream:
        upstream.set("big.example.org", do.truncated(do.big(4_000)))
        async with ground(upstream.url, served=SERVED) as on:
            query = make_query(name, qtype).to_wire()
            assert len(await on.octets(query)) / len(query) <= most


async def test_without_edns_no_answer_is_longer_than_512_octets() -> None:
    with ScriptedUpstream(default=do.big(1_100)) as upstream:
        async with ground(upstream.url) as on:
            query = make_query("big.example.org", "TXT", edns=False).to_wire()
            reply = await on.octets(query)
            assert len(reply) == len(query) and dns.message.from_wire(reply).flags & dns.flags.TC


# Reflection


async def flooded(qtype: str, proven: bool = False) -> float:
    """Octets that went to a victim for each octet of 2 000 questions in its name, in one second."""
    with ScriptedUpstream(default=do.big(1_000)) as upstream:
        async with ground(upstream.url, served=SERVED, networks=EVERYBODY) as on:
            options: list[dns.edns.Option] = (
                [dns.edns.GenericOption(dns.edns.OptionType(10), b"12345678")] if proven else []
            )
            wire = dns.message.make_query("big.example.org", qtype, use_edns=0, payload=1232, options=options)
            query = wire.to_wire()
            first = await on.octets(query, host=VICTIM)
            if proven:
                [cookie] = [one for one in dns.message.from_wire(first).options if one.otype == 10]
                query = dns.message.make_query(
                    "big.example.org", qtype, use_edns=0, payload=1232, options=[cookie]
                ).to_wire()
            sent = 0
            for _ in range(2_000):
                on.clock.advance(0.01 if proven else 0.0005)
                sent += len(on.give(query, host=VICTIM) or b"")
            return sent / (2_000 * len(query))


async def test_the_same_answer_again_and_again_is_soon_worth_nothing() -> None:
    assert await flooded("TXT") < 1.7  # 25 without a limit


async def test_a_client_with_a_cookie_is_sent_everything() -> None:
    assert await flooded("TXT", proven=True) > 8


async def test_random_names_count_as_one_answer() -> None:
    """NXDOMAIN for names that nobody has, under one zone: most are silence or TC."""
    with ScriptedUpstream(default=do.nxdomain()) as upstream:
        async with ground(upstream.url, networks=EVERYBODY) as on:
            peer = object()
            for number in range(300):
                query = make_query(f"n{number}.example.org", number=number).to_wire()
                on.give(query, host=VICTIM, peer=peer)
            await until(lambda: not on.pipeline.busy)
            replies = [dns.message.from_wire(one) for one in on.replies_to(peer) if one]
            whole = [one for one in replies if not one.flags & dns.flags.TC]
            assert len(whole) == 60 and 60 < len(replies) < 200


async def test_over_the_limit_a_client_is_answered_over_tcp() -> None:
    settings = Dns(queries_per_second=1)
    async with ground(served=SERVED, settings=settings) as on, listening(on) as at:
        query = make_query("bad.example").to_wire()
        found = [on.give(query) for _ in range(10)]
        told = [dns.message.from_wire(one) for one in found if one]
        assert [bool(one.flags & dns.flags.TC) for one in told] == [False] * 3 + [True] * 4
        for _ in range(20):
            assert rdatas(await asyncio.to_thread(ask, at.address, "bad.example", tcp=True)) == {"0.0.0.0"}


# Hostile octets over TCP

HEAD = b"\0\7\1\0\0\1\0\0\0\0"
QUESTION = b"\3bad\7example\0\0\1\0\1"
HOSTILE = {
    "pointers": HEAD + b"\xff\xff" + b"\xc0\x0c" * 32_700,
    "records of pointers": HEAD + b"\xff\xff" + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\0" * 5_400,
    "options": HEAD
    + b"\0\1"
    + QUESTION
    + b"\0\0\x29\4\xd0\0\0\0\0"
    + (65_000).to_bytes(2, "big")
    + b"\0\7\0\0" * 16_250,
    "a label of zeros": HEAD + b"\0\0" + b"\x3f" + bytes(65_000),
    "nothing but noise": bytes(range(256)) * 255,
}


@pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_octets_cost_little_and_end_nothing(octets: bytes) -> None:
    """Bounded work: far below what a well-formed question may cost, measured in processor time."""
    async with ground(served=SERVED) as on, listening(on) as at:
        began = time.process_time()
        for _ in range(100):
            on.give(octets, udp=False)
        assert (time.process_time() - began) / 100 < 0.001
        with Connection(at.address) as client:
            await asyncio.to_thread(client.send, octets)
            reply = await asyncio.to_thread(client.receive)
            assert reply[3] & registry.RCODE_MASK == registry.FORMERR and len(reply) <= 100
        assert rdatas(await asyncio.to_thread(ask, at.address, "bad.example")) == {"0.0.0.0"}
