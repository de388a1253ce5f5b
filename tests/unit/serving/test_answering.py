"""From a ruling to a reply: own records, answers that lead inside, made addresses, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator

import dns.message
import dns.rcode
import msgspec
import pytest

from resolver.generation.loader import Loaded
from resolver.generation.manifest import Manifest
from resolver.policy.decide import Ruleset
from resolver.policy.model import Policy, RebindingPolicy
from resolver.serving.snapshot import Snapshot
from tests.support import behaviours as do
from tests.support.client import make_query
from tests.support.rules import listed, ruleset
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import SETTINGS, addresses, extended_errors, ground, snapshot, until

DNS64 = msgspec.structs.replace(SETTINGS, dns64="2001:db8:64::/96")


AT_HOME = bytes.fromhex("20010db800640000 00000000 c0000201".replace(" ", ""))
"""192.0.2.1 in that prefix."""


def asked(name: str) -> bytes:
    """A question for IPv6 addresses, without OPT."""
    return make_query(name, "AAAA", edns=False).to_wire()


def served(policy: Policy, block: tuple[str, ...] = (), number: int = 1) -> Snapshot:
    """A generation with this policy that blocks these names."""
    manifest = Manifest(number, None, "2026-01-02T03:04:05Z", "ann", "why", policy=policy)
    return Snapshot(Loaded(number, "", manifest, (), Ruleset(ruleset(block).lists)))


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=do.answer("A 192.0.2.1")) as running:
        yield running


OWN = served(
    Policy(
        records=(
            "printer.lan.example. 60 IN A 192.168.7.9",
            "alias.lan.example. 60 IN CNAME www.example.org.",
            "near.lan.example. 60 IN CNAME printer.lan.example.",
            "bad.example. 60 IN A 192.168.7.66",
        )
    ),
    block=("bad.example",),
)


async def test_own_records(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=OWN) as on:
        for _ in range(2):
            assert addresses(await on.ask("printer.lan.example")) == ["192.168.7.9"]
            assert addresses(await on.ask("near.lan.example")) == ["192.168.7.9"]
            assert addresses(await on.ask("bad.example")) == ["0.0.0.0"], "a block wins"
        assert not upstream.queries and len(on.pipeline.flows) == 3
        for _ in range(2):
            assert addresses(await on.ask("alias.lan.example")) == ["192.0.2.1"]
        assert len(upstream.asked("www.example.org")) == len(upstream.queries) == 1
        chaos = await on.ask("printer.lan.example", qclass="CH")
        assert chaos.rcode() == dns.rcode.REFUSED, "they are of class IN"


async def test_an_own_alias_to_nowhere_is_a_failure(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.failed())
    async with ground(upstream.url, served=OWN) as on:
        for _ in range(2):
            reply = await on.ask("alias.lan.example")
            assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])
        assert len(upstream.queries) == 1, "and the failure is remembered"


async def test_a_cached_answer_is_judged_by_the_policy_in_force(upstream: ScriptedUpstream) -> None:
    """An answer from inside: given while nothing is protected, withheld as soon as it is, given for a name
    that may."""
    upstream.set("tv.example.org", do.answer("A 192.168.7.1"))
    open_to_all = served(Policy(rebinding=RebindingPolicy(protect=False)))
    allowed = served(Policy(rebinding=RebindingPolicy(allow=("example.org",))), number=3)
    async with ground(upstream.url, served=open_to_all) as on:
        assert addresses(await on.ask("tv.example.org")) == ["192.168.7.1"]
        on.pipeline.swap(served(Policy(), number=2))
        for _ in range(2):
            reply = await on.ask("tv.example.org")
            assert (addresses(reply), extended_errors(reply), reply.rcode()) == ([], [15], 0)
        on.pipeline.swap(allowed)
        assert addresses(await on.ask("tv.example.org")) == ["192.168.7.1"]
        assert len(upstream.queries) == 1 and on.pipeline.counters.blocked == 2


async def test_a_stale_answer_that_leads_inside_is_withheld_as_well(upstream: ScriptedUpstream) -> None:
    upstream.set("tv.example.org", do.answer("A 10.0.0.1", ttl=30))
    async with ground(upstream.url) as on:
        await on.ask("tv.example.org")
        upstream.set("tv.example.org", do.failed())
        on.clock.advance(31)
        assert extended_errors(await on.ask("tv.example.org")) == [15]


async def test_made_addresses_cost_two_exchanges_and_are_a_flow(upstream: ScriptedUpstream) -> None:
    upstream.set("four.example.org", do.nodata(), "AAAA")
    async with ground(upstream.url, settings=DNS64) as on:
        for _ in range(3):
            assert addresses(await on.ask("four.example.org", "AAAA")) == ["2001:db8:64::c000:201"]
        assert len(upstream.queries) == 2 and len(on.pipeline.flows) == 1


VICES = {"failed": do.failed(), "refused": do.refused(), "silent": do.silence()}


@pytest.mark.parametrize("vice", VICES.values(), ids=VICES)
async def test_a_server_that_knows_no_ipv6_is_no_reason_to_have_none(
    upstream: ScriptedUpstream, vice: do.Behaviour
) -> None:
    """RFC 6147 5.1.2, 5.1.3: an error or silence to the AAAA question counts as an empty answer."""
    upstream.set("four.example.org", vice, "AAAA")
    async with ground(upstream.url, settings=DNS64) as on:
        peer = object()
        on.give(asked("four.example.org"), peer=peer)
        while not on.replies_to(peer):
            await on.pass_time(0.5)
        assert on.replies_to(peer)[0].endswith(AT_HOME)


async def test_no_addresses_are_made_when_there_is_nothing_to_make_them_of(
    upstream: ScriptedUpstream,
) -> None:
    upstream.set("none.example.org", do.nodata())
    async with ground(upstream.url, settings=DNS64) as on:
        reply = await on.ask("none.example.org", "AAAA")
        assert reply.rcode() == 0 and not reply.answer and reply.authority
        upstream.set("ill.example.org", do.nodata(), "AAAA")
        upstream.set("ill.example.org", do.failed(), "A")
        reply = await on.ask("ill.example.org", "AAAA")
        assert reply.rcode() == 0 and not reply.answer, "the answer without addresses stands"


async def test_a_swap_while_addresses_are_made(upstream: ScriptedUpstream) -> None:
    upstream.set("four.example.org", do.nodata(), "AAAA")
    upstream.set("four.example.org", do.after(0.1, do.answer("A 192.0.2.7")), "A")
    async with ground(upstream.url, settings=DNS64) as on:
        peer = object()
        assert on.give(asked("four.example.org"), peer=peer) is None
        await until(lambda: upstream.asked("four.example.org", "A"))
        on.pipeline.swap(served(Policy(), block=("four.example.org",), number=2))
        await until(lambda: on.replies_to(peer))
        assert b"\xc0\0\2\7" not in on.replies_to(peer)[0]


CLOAKED = "CNAME cloak.example.net.", "cloak.example.net. 60 IN A 192.0.2.1"


async def test_made_addresses_that_a_rule_keeps_from_some_are_no_flow_for_all(
    upstream: ScriptedUpstream,
) -> None:
    """Where the name leads is blocked for one client; what another got is not given to it."""
    upstream.set("alias.example.org", do.nodata(), "AAAA")
    upstream.set(
        "alias.example.org",
        do.answer(*CLOAKED),
        "A",
    )
    lists = (listed("ours", "||cloak.example.net^$client=127.0.0.2\n"),)
    async with ground(upstream.url, served=snapshot(lists=lists), settings=DNS64) as on:
        for _ in range(2):
            reply = await on.ask("alias.example.org", "AAAA", host="127.0.0.1")
            assert addresses(reply) == ["2001:db8:64::c000:201"]
        assert len(on.pipeline.flows) == 0
        assert addresses(await on.ask("alias.example.org", "AAAA", host="127.0.0.2")) == ["::"]


@pytest.mark.parametrize(
    ("rules", "allow", "found"),
    [
        ("||cloak.example.net^", ("alias.example.org",), ["2001:db8:64::c000:201"]),
        ("||cloak.example.net^$dnstype=A", (), ["::"]),
    ],
    ids=["allowed", "blocked-for-a"],
)
async def test_where_made_addresses_lead_is_judged_as_for_the_addresses_they_are_made_of(
    upstream: ScriptedUpstream, rules: str, allow: tuple[str, ...], found: list[str]
) -> None:
    upstream.set("alias.example.org", do.nodata(), "AAAA")
    upstream.set(
        "alias.example.org",
        do.answer(*CLOAKED),
        "A",
    )
    served_ = snapshot(allow=allow, lists=(listed("ours", rules + "\n"),))
    async with ground(upstream.url, served=served_, settings=DNS64) as on:
        assert addresses(await on.ask("alias.example.org", "AAAA")) == found


async def test_an_answer_that_may_not_be_kept_is_not_called_stale_for_having_waited(
    upstream: ScriptedUpstream,
) -> None:
    upstream.set("none.example.org", do.nodata(with_soa=False), "AAAA")
    upstream.set("none.example.org", do.after(0.05, do.nodata()), "A")
    async with ground(upstream.url, settings=DNS64) as on:
        peer = object()
        on.give(make_query("none.example.org", "AAAA").to_wire(), peer=peer)
        await until(lambda: upstream.asked("none.example.org", "A"))
        on.clock.advance(0.05)
        await until(lambda: on.replies_to(peer))
        assert extended_errors(dns.message.from_wire(on.replies_to(peer)[0])) == []


LED = "CNAME bad.example.", "bad.example. 60 IN A 192.0.2.66"
WORDS = {
    "leads-to-a-blocked-name": (do.answer(*LED, rcode="SERVFAIL"), False),
    "leads-inside": (do.answer("A 192.168.7.1", rcode="REFUSED"), False),
    "fits-not": (do.answer(*(f'TXT "{n}{"x" * 200}"' for n in range(4)), rcode="SERVFAIL"), False),
    "harmless": (do.answer("A 192.0.2.1", rcode="SERVFAIL"), True),
}


@pytest.mark.parametrize(("word", "whole"), WORDS.values(), ids=WORDS)
async def test_the_records_of_a_failure_are_judged_or_left_out(
    upstream: ScriptedUpstream, word: do.Behaviour, whole: bool
) -> None:
    upstream.set("www.example.org", word)
    async with ground(upstream.url, served=snapshot(block=("bad.example",))) as on:
        for _ in range(2):
            octets = await on.octets(make_query("www.example.org", edns=False).to_wire())
            reply = dns.message.from_wire(octets)
            assert reply.rcode() in (dns.rcode.SERVFAIL, dns.rcode.REFUSED) and len(octets) <= 512
            assert bool(reply.answer) is whole
