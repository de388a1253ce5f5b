"""The life of a query, from octets to octets: what is answered, by whom, in which order.

Invariants: no name that is blocked or special ever reaches an upstream; an answer is always judged by
the generation in service when it leaves; nothing that a client sends raises.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from typing import Any, NamedTuple

import dns.flags
import dns.message
import dns.rcode
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.policy.model import AnswerPolicy
from resolver.serving.flows import Flow
from resolver.serving.snapshot import Snapshot
from resolver.serving.waiter import MAX_WAITERS
from tests.support import behaviours as do
from tests.support.behaviours import Behaviour
from tests.support.client import make_query, rdatas
from tests.support.rules import listed
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import SETTINGS, addresses, extended_errors, ground, snapshot, turns, until

SERVED = snapshot(
    block=("bad.example", "ads.example.org", "blocked.test", "localhost", "onion", "168.192.in-addr.arpa"),
    allow=("good.bad.example", "trusted.example.net"),
)
SCRIPT: dict[str | tuple[str, str], Behaviour] = {
    "www.example.org": do.answer("A 192.0.2.1", ttl=60),
    ("www.example.org", "TYPE65280"): do.answer("TYPE65280 \\# 4 c0ffee00"),
    "good.bad.example": do.answer("A 192.0.2.2"),
    "cloaked.example.org": do.answer("CNAME x.bad.example.", "x.bad.example. 60 IN A 192.0.2.66"),
    ("cloaked.example.org", "HTTPS"): do.answer(
        "CNAME x.bad.example.", "x.bad.example. 60 IN HTTPS 1 . ipv4hint=192.0.2.66"
    ),
    "twice.example.org": do.answer(
        "CNAME cdn.example.net.",
        "cdn.example.net. 60 IN CNAME x.bad.example.",
        "x.bad.example. 60 IN A 192.0.2.66",
    ),
    "vouched.example.org": do.answer(
        "CNAME good.bad.example.",
        "good.bad.example. 60 IN CNAME x.bad.example.",
        "x.bad.example. 9 IN A 192.0.2.3",
    ),
    "trusted.example.net": do.answer("CNAME x.bad.example.", "x.bad.example. 60 IN A 192.0.2.4"),
    "nothing.example.org": do.nxdomain(),
    "broken.example.org": do.failed(),
    "big.example.org": do.big(3000),
    "home.arpa": do.answer("DS 12345 8 2 " + "00" * 32),
}  # fmt: skip


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(SCRIPT) as running:
        yield running


class Case(NamedTuple):
    """A question and what must come back; `asked`: how many queries the upstream sees."""

    name: str
    qtype: str = "A"
    rcode: str = "NOERROR"
    found: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    asked: int = 0
    options: dict[str, Any] = {}  # noqa: RUF012 - a row of a table, never changed


CASES = [
    # Forwarded
    Case("www.example.org", found=("192.0.2.1",), asked=1),
    Case("WWW.example.ORG", found=("192.0.2.1",), asked=1),
    Case("www.example.org", found=("192.0.2.1",), asked=1, options={"edns": False}),
    Case("www.example.org", found=("192.0.2.1",), asked=1, options={"dnssec": True, "cd": True}),
    Case("nothing.example.org", rcode="NXDOMAIN", asked=1),
    Case("broken.example.org", rcode="SERVFAIL", errors=(0,), asked=1),
    Case("unscripted.example.org", rcode="REFUSED", errors=(0,), asked=1),
    Case("www.example.org", "TYPE65280", asked=1),
    # Blocked, for every type and class
    Case("bad.example", found=("0.0.0.0",), errors=(15,)),
    Case("www.bad.example", "AAAA", found=("::",), errors=(15,)),
    Case("bad.example", "HTTPS", errors=(15,)),
    Case("bad.example", "MX", errors=(15,)),
    Case("bad.example", "ANY", found=("0.0.0.0", "::"), errors=(15,)),
    Case("bad.example", "AXFR", errors=(15,)),
    Case("bad.example", "TYPE65280", errors=(15,)),
    Case("bad.example", options={"qclass": "CH"}, found=("0.0.0.0",), errors=(15,)),
    Case("bad.example", options={"rd": False}, found=("0.0.0.0",), errors=(15,)),
    Case("bad.example", options={"edns": False}, found=("0.0.0.0",)),
    Case("BAD.eXample", found=("0.0.0.0",), errors=(15,)),
    Case("ads.example.org", found=("0.0.0.0",), errors=(15,)),
    # Allow beats block, at any depth
    Case("good.bad.example", found=("192.0.2.2",), asked=1),
    # Where a CNAME leads
    Case("cloaked.example.org", found=("0.0.0.0",), errors=(15,), asked=1),
    Case("cloaked.example.org", "HTTPS", errors=(15,), asked=1),
    Case("twice.example.org", found=("0.0.0.0",), errors=(15,), asked=1),
    Case("vouched.example.org", found=("192.0.2.3",), asked=1),
    Case("trusted.example.net", found=("192.0.2.4",), asked=1),
    # Special names
    Case("localhost", found=("127.0.0.1",), errors=(29,)),
    Case("a.localhost", "AAAA", found=("::1",), errors=(29,)),
    Case("localhost", "HTTPS", errors=(29,)),
    Case("www.example.test", rcode="NXDOMAIN", errors=(29,)),
    Case("blocked.test", found=("0.0.0.0",), errors=(15,)),
    Case("abc.onion", found=("0.0.0.0",), errors=(15,)),
    Case("x.invalid", rcode="NXDOMAIN", errors=(29,)),
    Case("printer.local", rcode="NXDOMAIN", errors=(29,)),
    Case("_dns.resolver.arpa", "SVCB", errors=(29,)),
    Case("1.0.0.10.in-addr.arpa", "PTR", rcode="NXDOMAIN", errors=(29,)),
    Case("1.2.168.192.in-addr.arpa", "PTR", errors=(15,)),
    Case("host.home.arpa", rcode="NXDOMAIN", errors=(29,)),
    Case("home.arpa", "DS", asked=1),
    # What a forwarder does not do
    Case("www.example.org", "AXFR", rcode="REFUSED", errors=(21,)),
    Case("www.example.org", "IXFR", rcode="REFUSED", errors=(21,)),
    Case("version.bind", "TXT", rcode="REFUSED", errors=(21,), options={"qclass": "CH"}),
    Case("www.example.org", rcode="REFUSED", errors=(21,), options={"qclass": "ANY"}),
    Case("www.example.org", rcode="REFUSED", errors=(20,), options={"rd": False}),
    Case("www.example.org", rcode="REFUSED", options={"rd": False, "edns": False}),
    Case("www.example.org", "ANY"),
]  # fmt: skip


@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
@pytest.mark.parametrize("case", CASES, ids=[f"{c.name} {c.qtype} {c.options}" for c in CASES])
async def test_question_and_answer(upstream: ScriptedUpstream, case: Case, udp: bool) -> None:
    async with ground(upstream.url, served=SERVED) as on:
        reply = await on.ask(case.name, case.qtype, udp=udp, **case.options)
        again = await on.ask(case.name, case.qtype, udp=udp, **case.options)
    assert dns.rcode.to_text(reply.rcode()) == case.rcode
    assert tuple(addresses(reply)) == case.found
    assert tuple(extended_errors(reply)) == case.errors
    assert (reply.edns >= 0) == case.options.get("edns", True)
    assert reply.flags & dns.flags.RA and not reply.flags & (dns.flags.AA | dns.flags.AD | dns.flags.TC)
    assert bool(reply.flags & dns.flags.RD) == case.options.get("rd", True)
    assert str(reply.question[0].name) == f"{case.name}.", "the client's own case"
    # Asked again, it says the same, from memory.
    assert len(upstream.queries) == case.asked
    assert (again.rcode(), addresses(again)) == (reply.rcode(), addresses(reply))


async def test_any_is_answered_minimally() -> None:
    async with ground() as on:
        reply = await on.ask("www.example.org", "ANY")
    assert [rdata.to_text() for rdata in reply.answer[0]] == ['"RFC8482" ""']


# Octets in, octets out


LADDER: list[tuple[str, bytes, str | None]] = [
    ("nothing", b"", None),
    ("half a header", b"\0" * 11, None),
    ("a response", b"\0\7\x80\0\0\1\0\0\0\0\0\0\3www\0\0\1\0\1", None),
    ("an update", b"\0\7\x28\0\0\1\0\0\0\0\0\0\3www\0\0\6\0\1", "NOTIMP"),
    ("no question", b"\0\7\1\0\0\0\0\0\0\0\0\0", "FORMERR"),
    ("two questions", b"\0\7\1\0\0\2\0\0\0\0\0\0\3www\0\0\1\0\1\3www\0\0\1\0\1", "FORMERR"),
    ("a pointer as name", b"\0\7\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1", "FORMERR"),
    ("a question cut short", b"\0\7\1\0\0\1\0\0\0\0\0\0\3www\0\0\1\0", "FORMERR"),
    ("EDNS version 1", make_query("www.example.org", number=7).to_wire().replace(
        b"\0\0\x29\x04\xd0\0\0", b"\0\0\x29\x04\xd0\0\1"), "BADVERS"),
]  # fmt: skip


@pytest.mark.parametrize(("octets", "expected"), [row[1:] for row in LADDER], ids=[row[0] for row in LADDER])
async def test_what_is_no_good_query(octets: bytes, expected: str | None) -> None:
    async with ground() as on:
        reply = on.give(octets)
        counted = on.pipeline.counters
        assert (counted.queries, counted.malformed + counted.ignored) == (1, 1)
        assert not on.pipeline.busy
    if expected is None:
        assert reply is None
    else:
        assert reply is not None and dns.rcode.to_text(dns.message.from_wire(reply).rcode()) == expected
        assert reply[:2] == b"\0\7"


async def test_strangers_are_refused_before_anything_is_looked_up(upstream: ScriptedUpstream) -> None:
    networks = [ipaddress.ip_network("192.0.2.0/24")]
    async with ground(upstream.url, served=SERVED, networks=networks) as on:
        for name in ("bad.example", "www.example.org", "localhost"):
            reply = await on.ask(name)
            assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.REFUSED, [18])
        inside = dns.message.from_wire(await on.octets(make_query("bad.example").to_wire(), host="192.0.2.7"))
        assert addresses(inside) == ["0.0.0.0"]
        assert on.pipeline.counters.refused == 3
    assert not upstream.queries


@pytest.mark.parametrize(
    ("name", "qname"), [("www.example.org", b"\3wWw\7ExAmPlE\3oRg\0"), ("bad", b"\3bAd\7eXaMpLe\0")]
)
async def test_the_clients_case_comes_back(upstream: ScriptedUpstream, name: str, qname: bytes) -> None:
    octets = b"\0\7\1\0\0\1\0\0\0\0\0\0" + qname + b"\0\1\0\1"
    async with ground(upstream.url, served=SERVED) as on:
        await on.ask("www.example.org")
        reply = await on.octets(octets)
    assert reply[12 : 12 + len(qname)] == qname, name


@pytest.mark.parametrize("mode", ["null", "address", "nxdomain", "nodata", "refused"])
@pytest.mark.parametrize("qtype", ["A", "AAAA", "HTTPS", "ANY", "TXT"])
async def test_every_mode_blocks_every_type(mode: Any, qtype: str) -> None:
    answer = AnswerPolicy(mode, 10, ("192.0.2.80",), ("2001:db8::80",))
    async with ground(served=snapshot(block=("bad.example",), answer=answer)) as on:
        reply = await on.ask("www.bad.example", qtype)
    mine = {"null": ["0.0.0.0", "::"], "address": ["192.0.2.80", "2001:db8::80"]}.get(mode, ["", ""])
    expected = {"A": mine[:1], "AAAA": mine[1:], "ANY": mine}.get(qtype, [])
    assert addresses(reply) == [one for one in expected if one]
    assert extended_errors(reply) == [15]
    rcodes = {"nxdomain": dns.rcode.NXDOMAIN, "refused": dns.rcode.REFUSED}
    assert reply.rcode() == rcodes.get(mode, dns.rcode.NOERROR)
    if not addresses(reply) and mode != "refused":
        (soa,) = reply.authority
        assert soa.name == reply.question[0].name and soa.ttl == 10


async def test_a_block_with_many_addresses_is_cut_for_udp() -> None:
    answer = AnswerPolicy(
        "address", 10, tuple(f"192.0.2.{n}" for n in range(8)), tuple(f"2001:db8::{n}" for n in range(8))
    )
    name = ".".join(["x" * 60] * 3 + ["bad", "example"])
    async with ground(served=snapshot(block=("bad.example",), answer=answer)) as on:
        query = make_query(name, "ANY", edns=False, number=7).to_wire()
        for _ in range(2):
            reply = await on.octets(query)
            assert len(reply) <= 512 and dns.message.from_wire(reply).flags & dns.flags.TC
        whole = dns.message.from_wire(await on.octets(query, udp=False))
    assert len(addresses(whole)) == 16 and not whole.flags & dns.flags.TC


# Truncation


@pytest.mark.parametrize(
    ("options", "limit"),
    [({"edns": False}, 512), ({"payload": 256}, 512), ({"payload": 1000}, 1000), ({"payload": 4096}, 1232)],
)
async def test_udp_is_cut_at_what_the_client_takes(
    upstream: ScriptedUpstream, options: dict[str, Any], limit: int
) -> None:
    upstream.set("sized.example.org", do.big(limit - 300))
    async with ground(upstream.url) as on:
        for _ in range(2):  # fresh, then from the cache
            cut = await on.ask("big.example.org", "TXT", **options)
            assert cut.flags & dns.flags.TC and not cut.answer and (cut.edns >= 0) == ("edns" not in options)
            assert len(cut.to_wire()) <= limit
            fits = await on.ask("sized.example.org", "TXT", **options)
            assert not fits.flags & dns.flags.TC and fits.answer
        whole = await on.ask("big.example.org", "TXT", udp=False)
    assert len(rdatas(whole, "TXT")) == 15 and not whole.flags & dns.flags.TC
    assert len(upstream.asked("big.example.org")) == 1


# Cache and flows


async def test_an_answer_counts_down_and_is_fetched_anew(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        seen = []
        for seconds in (0, 1, 0.5, 40, 11):
            on.clock.advance(seconds)
            seen.append((await on.ask("www.example.org")).answer[0].ttl)
        assert seen == [60, 59, 59, 19, 8] and len(upstream.queries) == 1
        on.clock.advance(7.5)
        assert (await on.ask("www.example.org")).answer[0].ttl == 60
        assert len(upstream.queries) == 2
        assert (on.pipeline.counters.cache_hits, on.pipeline.counters.forwarded) == (4, 2)


async def test_what_is_asked_for_near_its_end_is_fetched_beforehand(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        await on.ask("www.example.org")
        on.clock.advance(55)
        assert (await on.ask("www.example.org")).answer[0].ttl == 5, "nobody waits for the new one"
        await until(lambda: len(upstream.queries) == 2)
        await until(lambda: not on.pipeline.resolution._in_flight)
        assert (await on.ask("www.example.org")).answer[0].ttl == 60
        counters = on.pipeline.counters
        assert (counters.prefetched, counters.forwarded, len(upstream.queries)) == (1, 1, 2)


async def test_nothing_is_fetched_beforehand_where_it_is_not_wanted(upstream: ScriptedUpstream) -> None:
    settings = msgspec.structs.replace(SETTINGS, prefetch=False)
    async with ground(upstream.url, settings=settings) as on:
        await on.ask("www.example.org")
        on.clock.advance(55)
        await on.ask("www.example.org")
        assert not on.pipeline.resolution._in_flight and on.pipeline.counters.prefetched == 0


NOT_KEPT = [do.nxdomain(with_soa=False), do.nodata(with_soa=False), do.answer("A 192.0.2.1", ttl=0)]


FAILING = {"failed": do.failed(), "refused": do.refused(), "silent": do.silence()}


@pytest.mark.parametrize("behaviour", FAILING.values(), ids=FAILING)
async def test_a_failure_is_remembered_for_a_second(upstream: ScriptedUpstream, behaviour: Behaviour) -> None:
    """RFC 9520 3.2."""
    upstream.set("www.example.org", behaviour)
    async with ground(upstream.url) as on:
        on.give(make_query("www.example.org").to_wire())
        await until(lambda: on.later or on.pipeline.resolution.wheel.timer)
        await on.give_up()
        asked = len(upstream.queries)
        for _ in range(3):
            assert (await on.ask("www.example.org")).rcode() in (dns.rcode.SERVFAIL, dns.rcode.REFUSED)
        assert len(upstream.queries) == asked and on.pipeline.counters.failures_remembered == 3
        upstream.set("www.example.org", do.answer("A 192.0.2.1"))
        on.clock.advance(1.01)
        assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]


@pytest.mark.parametrize("behaviour", NOT_KEPT, ids=range(len(NOT_KEPT)))
async def test_what_may_not_be_kept_is_asked_again(upstream: ScriptedUpstream, behaviour: Behaviour) -> None:
    upstream.set("www.example.org", behaviour)
    async with ground(upstream.url) as on:
        for _ in range(3):
            await on.ask("www.example.org")
        assert len(on.pipeline.resolution.cache) == 0 and len(on.pipeline.flows) == 0
    assert len(upstream.queries) == 3


async def test_do_and_cd_have_answers_of_their_own(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        for _ in range(2):
            for dnssec, cd in ((False, False), (True, False), (False, True), (True, True)):
                await on.ask("www.example.org", dnssec=dnssec, cd=cd)
    sent = [
        (bool(seen.message.ednsflags & dns.flags.DO), bool(seen.message.flags & dns.flags.CD))
        for seen in upstream.queries
    ]
    assert sent == [(False, False), (True, False), (False, True), (True, True)]


async def test_types_and_names_do_not_mix(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.answer("AAAA 2001:db8::1"), "AAAA")
    async with ground(upstream.url) as on:
        assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]
        assert addresses(await on.ask("www.example.org", "AAAA")) == ["2001:db8::1"]


async def test_what_becomes_a_flow(upstream: ScriptedUpstream) -> None:
    """Blocks and cached answers over UDP; never what TCP asked, was cut, or led to a blocked name."""
    async with ground(upstream.url, served=SERVED) as on:
        flows = on.pipeline.flows
        for name in ("www.example.org", "cloaked.example.org", "big.example.org", "localhost"):
            await on.ask(name)
            await on.ask(name, udp=False)
        assert len(flows) == 0
        for name in ("cloaked.example.org", "big.example.org", "localhost"):
            await on.ask(name)
        assert len(flows) == 0
        await on.ask("bad.example", udp=False)
        assert len(flows) == 0
        await on.ask("www.example.org")
        await on.ask("bad.example")
        assert len(flows) == 2


async def test_a_flow_says_what_the_pipeline_said(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=SERVED) as on:
        for name in ("www.example.org", "bad.example"):
            query = make_query(name, number=0x1234).to_wire()
            await on.octets(query)
            said = await on.octets(query)
            entry = on.pipeline.flows.young[query[2:]]
            if isinstance(entry, tuple):
                head, end, tail = entry
                assert said == query[:2] + head + query[12:end] + tail
            else:
                assert said == query[:2] + entry.tail


@pytest.mark.parametrize(
    ("rules", "remembered"),
    [("||bad.example^", 1), ("||www.example.org^$dnsrewrite=192.0.2.80", 0)],
    ids=["said", "made"],
)
async def test_a_flow_of_our_own_making_is_not_remembered_as_what_an_upstream_said(
    upstream: ScriptedUpstream, rules: str, remembered: int
) -> None:
    """Or it would be given when the rule is gone and upstreams fail."""
    served = snapshot(lists=(listed("ours", rules + "\n", rewrites=True),))
    async with ground(upstream.url, served=served) as on:
        query = make_query("www.example.org").to_wire()
        for _ in range(2):
            await on.octets(query)
        (entry,) = on.pipeline.flows.young.values()
        assert isinstance(entry, Flow)
        on.clock.advance(100_000)
        on.pipeline.resolution.cache.clear()
        on.pipeline.outdated(query[2:], entry)
        assert (len(on.pipeline.flows), len(on.pipeline.resolution.cache)) == (0, remembered)


# Order


async def test_a_block_wins_over_what_is_remembered(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        for _ in range(2):
            assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]
        on.pipeline.swap(snapshot(block=("example.org",), number=2))
        assert len(on.pipeline.flows) == 0 and len(on.pipeline.resolution.cache) == 1
        assert addresses(await on.ask("www.example.org")) == ["0.0.0.0"]
        on.pipeline.swap(snapshot(number=3))
        assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]
        assert on.pipeline.counters.swaps == 2
    assert len(upstream.queries) == 1, "the answer itself was never in doubt"


async def test_a_cached_answer_is_judged_again_for_where_it_leads(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        assert addresses(await on.ask("cloaked.example.org")) == ["192.0.2.66"]
        on.pipeline.swap(SERVED)
        assert addresses(await on.ask("cloaked.example.org")) == ["0.0.0.0"]
        assert on.pipeline.counters.blocked_targets == 1
        on.pipeline.swap(snapshot(block=("bad.example",), allow=("cloaked.example.org",)))
        assert addresses(await on.ask("cloaked.example.org")) == ["192.0.2.66"]
    assert len(upstream.queries) == 1


async def test_another_way_to_ask_the_same_lists_forgets_nothing(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=SERVED) as on:
        for name in ("www.example.org", "bad.example"):
            for _ in range(2):
                await on.ask(name)
        known = dict(on.pipeline.flows.young)
        assert len(known) == 2
        on.pipeline.refine(Snapshot(SERVED.loaded))
        assert dict(on.pipeline.flows.young) == known and on.pipeline.counters.swaps == 0
        assert addresses(await on.ask("bad.example")) == ["0.0.0.0"]
    assert len(upstream.queries) == 1


Swapped = tuple[str, dict[str, Any], list[str]]
SWAPS: list[Swapped] = [
    ("becomes blocked", {"block": ("example.org",)}, ["0.0.0.0"]),
    ("its target becomes blocked", {"block": ("bad.example",)}, ["0.0.0.0"]),
    ("stays free", {"block": ("other.example",)}, ["192.0.2.66"]),
    ("is vouched for", {"block": ("bad.example",), "allow": ("cloaked.example.org",)}, ["192.0.2.66"]),
]


@pytest.mark.parametrize(("lists", "found"), [row[1:] for row in SWAPS], ids=[row[0] for row in SWAPS])
async def test_a_swap_while_a_question_is_in_flight(
    upstream: ScriptedUpstream, lists: dict[str, Any], found: list[str]
) -> None:
    upstream.set("cloaked.example.org", do.after(0.05, SCRIPT["cloaked.example.org"]))
    async with ground(upstream.url) as on:
        peer = object()
        assert on.give(make_query("cloaked.example.org").to_wire(), peer=peer) is None
        await asyncio.to_thread(upstream.wait_for, 1)
        on.pipeline.swap(snapshot(number=2, **lists))
        await until(lambda: on.replies_to(peer))
        assert addresses(dns.message.from_wire(on.replies_to(peer)[0])) == found
        assert len(on.pipeline.flows) == 0


# Merging and bounds


async def test_equal_questions_share_one_exchange(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.after(0.05, do.answer("A 192.0.2.1")))
    async with ground(upstream.url) as on:
        queries = [
            make_query(name, number=n).to_wire()
            for n, name in enumerate(["www.example.org", "WWW.EXAMPLE.org"] * 50)
        ]
        for number, query in enumerate(queries):
            assert on.give(query, peer=number, udp=bool(number % 3)) is None
        await until(lambda: len(on.later) == 100)
        assert {peer for peer, _ in on.later} == set(range(100))
        for peer, reply in on.later:
            assert isinstance(peer, int)
            assert reply[:2] == queries[peer][:2] and reply[12:33] == queries[peer][12:33]
            assert addresses(dns.message.from_wire(reply)) == ["192.0.2.1"]
        assert (on.pipeline.counters.forwarded, on.pipeline.counters.merged) == (1, 99)
        assert not on.pipeline.busy
    assert len(upstream.queries) == 1


@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
async def test_waiters_are_bounded(upstream: ScriptedUpstream, udp: bool) -> None:
    """A further client is dropped over UDP; over TCP it is told, or its connection would wait for ever."""
    upstream.set("www.example.org", do.silence())
    settings = msgspec.structs.replace(SETTINGS, in_flight_client=2 * MAX_WAITERS)
    async with ground(upstream.url, settings=settings) as on:
        query = make_query("www.example.org").to_wire()
        for number in range(MAX_WAITERS):
            assert on.give(query, peer=number) is None
        said = on.give(query, peer="one too many", udp=udp)
        assert on.pipeline.counters.shed == 1
        if udp:
            assert said is None
        else:
            reply = dns.message.from_wire(said or b"")
            assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [14])
        await on.give_up()
        assert len(on.later) == MAX_WAITERS
        assert not on.replies_to("one too many")


async def test_exchanges_are_bounded(upstream: ScriptedUpstream) -> None:
    settings = msgspec.structs.replace(SETTINGS, in_flight=10)
    async with ground(upstream.url, served=SERVED, settings=settings) as on:
        await on.ask("www.example.org")
        for number in range(12):
            upstream.set(f"n{number}.example.org", do.silence())
            on.give(make_query(f"n{number}.example.org").to_wire())
        assert (on.pipeline.counters.forwarded, on.pipeline.counters.shed) == (11, 2)
        # What is known is answered all the same.
        assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]
        assert addresses(await on.ask("bad.example")) == ["0.0.0.0"]
        said = on.give(make_query("n99.example.org").to_wire(), udp=False)
        assert said is not None and dns.message.from_wire(said).rcode() == dns.rcode.SERVFAIL
        # And when the wait is over there is room again.
        await on.give_up()
        upstream.set("n99.example.org", do.answer("A 192.0.2.99"))
        assert addresses(await on.ask("n99.example.org")) == ["192.0.2.99"]


async def test_one_client_leaves_room_for_others(upstream: ScriptedUpstream) -> None:
    settings = msgspec.structs.replace(SETTINGS, in_flight_client=3)
    async with ground(upstream.url, settings=settings) as on:
        for number in range(5):
            upstream.set(f"n{number}.example.org", do.silence())
            on.give(make_query(f"n{number}.example.org").to_wire())
        assert (on.pipeline.counters.forwarded, on.pipeline.counters.shed) == (3, 2)
        assert addresses(await on.ask("www.example.org", host="127.0.0.2")) == ["192.0.2.1"]
        await on.give_up()
        on.clock.advance(2)
        assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]


async def test_without_any_upstream_everyone_is_told(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.silence())
    async with ground(upstream.url) as on:
        for number in range(3):
            on.give(make_query("www.example.org").to_wire(), peer=number, udp=number != 1)
        await on.give_up()
        assert len(on.later) == 3
        for _, octets in on.later:
            reply = dns.message.from_wire(octets)
            assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])
        assert on.pipeline.counters.failed == 3 and not on.pipeline.busy


async def test_closing_ends_what_is_under_way_without_a_word(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.silence())
    async with ground(upstream.url) as on:
        on.give(make_query("www.example.org").to_wire())
        assert on.pipeline.busy
        on.pipeline.close()
        on.clock.advance(10)
        await turns()
        assert not on.later


# Hostile octets


def _near_queries() -> st.SearchStrategy[bytes]:
    """Octets that pass some of the ladder: a header that is nearly right, then anything."""
    header = st.builds(
        lambda flags, counts: b"\0\7" + bytes(flags) + b"".join(n.to_bytes(2, "big") for n in counts),
        st.tuples(st.sampled_from([0, 1, 0x80, 0x28]), st.sampled_from([0, 0x10, 0x20])),
        st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 1), st.integers(0, 3)),
    )
    label = st.binary(min_size=1, max_size=8).map(lambda text: bytes((len(text),)) + text)
    name = st.lists(label, max_size=4).map(lambda parts: b"".join(parts) + b"\0")
    question = st.tuples(name, st.sampled_from([1, 28, 41, 65, 252, 255]), st.sampled_from([1, 3, 255])).map(
        lambda parts: parts[0] + parts[1].to_bytes(2, "big") + parts[2].to_bytes(2, "big")
    )
    return st.tuples(header, question, st.binary(max_size=60)).map(b"".join)


@given(packets=st.lists(st.one_of(st.binary(max_size=300), _near_queries()), max_size=30), udp=st.booleans())
def test_no_octets_raise(packets: list[bytes], udp: bool) -> None:
    async def give_all() -> None:
        async with ground(served=SERVED) as on:
            for packet in packets:
                reply = on.give(packet, udp=udp)
                assert reply is None or (reply[:2] == packet[:2] and reply[2] & 0x80)
            counted = on.pipeline.counters
            assert counted.queries == len(packets)
            # Silence is for what is no query, and for what waits for the upstream.
            assert counted.failed + counted.shed == 0

    asyncio.run(give_all())


@pytest.mark.parametrize("size", [512, 4096, 65_535])
async def test_a_packet_full_of_pointers_is_refused(size: int) -> None:
    async with ground(served=SERVED) as on:
        head = b"\0\7\1\0\0\1\0\0\0\0\0\x10\3bad\7example\0\0\1\0\1"
        for filler in (b"\xc0\x0c", b"\x01a", b"\0\0\x29\xff\xff\0\0\0\0\0\0", b"\x3f" + b"a" * 63):
            reply = on.give((head + filler * size)[:size], udp=False)
            assert reply is not None and dns.message.from_wire(reply).rcode() == dns.rcode.FORMERR
