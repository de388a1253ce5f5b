"""The pipeline when rules answer themselves, lead elsewhere, or are meant for some clients.

Invariants: a client gets what is its own, whoever asked before and whatever is remembered; what a rule
leads to is asked for once and never judged; everyone who waits is told, or is meant not to be.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterator, Sequence

import dns.message
import dns.rcode
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.policy.decide import PolicyList
from resolver.serving.snapshot import Snapshot
from resolver.serving.waiter import SILENCE
from tests.support import behaviours as do
from tests.support.client import Address, Connection, make_query
from tests.support.rules import listed
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import (
    SETTINGS,
    Ground,
    addresses,
    extended_errors,
    ground,
    listening,
    snapshot,
    until,
)

RULES = """
||games.example^$client=127.0.0.2
||chat.example^$client=~127.0.0.2
||six.example^$dnstype=AAAA
||shop.example^$dnsrewrite=192.0.2.80
||gone.example^$dnsrewrite=NXDOMAIN
||search.example^$dnsrewrite=safe.example.org
||mine.example^$client=127.0.0.2,dnsrewrite=safe.example.org
||target.example^$client=127.0.0.2
"""
ZONE = """
drop.example CNAME rpz-drop.
tcp.example CNAME rpz-tcp-only.
24.0.113.0.203.rpz-ip CNAME .
32.3.0.0.127.rpz-client-ip CNAME *.
"""


def served(rules: str = RULES, zone: str = "", number: int = 1) -> Snapshot:
    lists: list[PolicyList] = [listed("ours", rules, rewrites=True)] if rules else []
    if zone:
        lists.append(listed("zone", zone, "rpz", rewrites=True))
    return snapshot(number=number, lists=lists)


SERVED = served()
ZONED = served(zone=ZONE)

ANSWER = do.answer("A 192.0.2.1", ttl=60)
TO_TARGET = do.answer("CNAME target.example.", "target.example. 60 IN A 192.0.2.6")


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    script: dict[str | tuple[str, str], do.Behaviour] = {
        "alias.example.org": TO_TARGET,
        "bad.example.org": do.answer("A 203.0.113.5", ttl=60),
    }
    with ScriptedUpstream(script, default=ANSWER) as running:
        yield running


async def through(on: Ground, query: bytes, host: str) -> bytes:
    """The reply as a UDP listener gives it: a known flow first (`resolver.serving.udp`)."""
    flows = on.pipeline.flows
    entry = flows.young.get(query[2:]) or flows.promote(query[2:])
    if isinstance(entry, tuple):
        head, end, tail = entry
        return query[:2] + head + query[12:end] + tail
    if entry is not None:
        return query[:2] + entry.tail
    return await on.octets(query, host=host)


# What becomes a flow

NAMES = (
    "games.example", "chat.example", "six.example", "shop.example", "gone.example", "search.example",
    "mine.example", "alias.example.org", "bad.example.org", "drop.example", "tcp.example", "www.example.org",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["A", "AAAA"]), st.integers(1, 3)), max_size=25
)


@given(steps=STEPS, zoned=st.booleans())
@settings(max_examples=25, deadline=None)
def test_everybody_gets_what_is_theirs_whatever_is_remembered(
    steps: list[tuple[str, str, int]], zoned: bool
) -> None:
    """Asked in any order, with flows and cache warm, it is what a pipeline without memory says."""

    async def play(upstream: ScriptedUpstream) -> None:
        rules = ZONED if zoned else SERVED
        async with ground(upstream.url, served=rules) as on:
            for name, qtype, client in steps:
                query = make_query(name, qtype, number=7).to_wire()
                host = f"127.0.0.{client}"
                said = await through(on, query, host)
                async with ground(upstream.url, served=rules) as fresh:
                    assert said == await fresh.octets(query, host=host), f"{name} {qtype} {host}"

    with ScriptedUpstream(
        {"alias.example.org": TO_TARGET, "bad.example.org": do.answer("A 203.0.113.5", ttl=60)},
        default=ANSWER,
    ) as upstream:
        asyncio.run(play(upstream))


async def test_what_only_some_get_is_no_flow(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=SERVED) as on:
        for name in ("games.example", "chat.example", "mine.example", "alias.example.org"):
            for host in ("127.0.0.1", "127.0.0.2"):
                for _ in range(3):
                    await on.ask(name, host=host)
        assert len(on.pipeline.flows) == 0
        for name in ("six.example", "shop.example", "gone.example", "search.example", "www.example.org"):
            for _ in range(2):
                await on.ask(name)
        assert len(on.pipeline.flows) == 5


async def test_a_rule_about_a_client_somewhere_leaves_other_names_alone(upstream: ScriptedUpstream) -> None:
    """A rule on every name for one client makes every ruling that client's own; a named one does not."""
    async with ground(upstream.url, served=served("", ZONE)) as on:
        for _ in range(3):
            await on.ask("www.example.org")
        assert len(on.pipeline.flows) == 0


async def test_what_a_rule_answers_counts_down_as_a_flow(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=SERVED) as on:
        query = make_query("shop.example", number=7).to_wire()
        await on.octets(query)
        entry = on.pipeline.flows.young[query[2:]]
        assert not isinstance(entry, tuple)
        on.clock.advance(4)
        assert entry.renew(on.clock())
        assert dns.message.from_wire(b"\0\7" + entry.tail).answer[0].ttl == 6
        on.clock.advance(6)
        assert not entry.renew(on.clock()), "then the rule is asked again"


# Through real sockets


def from_address(host: str, to: Address, query: bytes) -> bytes:
    """One datagram from an address of ours, and the reply."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.settimeout(10)
        sock.sendto(query, to)
        return sock.recv(65_535)


@pytest.mark.parametrize(
    "order", sorted(set(itertools.permutations(["127.0.0.1", "127.0.0.2", "127.0.0.1"])))
)
@pytest.mark.parametrize("name", ["games.example", "chat.example"])
async def test_two_clients_through_one_socket(
    upstream: ScriptedUpstream, name: str, order: Sequence[str]
) -> None:
    blocked = "127.0.0.2" if name == "games.example" else "127.0.0.1"
    query = make_query(name).to_wire()
    async with ground(upstream.url, served=SERVED) as on, listening(on) as at:
        for host in (*order, *order):
            reply = dns.message.from_wire(await asyncio.to_thread(from_address, host, at.address, query))
            assert addresses(reply) == (["0.0.0.0"] if host == blocked else ["192.0.2.1"])


async def test_silence_over_udp_and_tcp(upstream: ScriptedUpstream) -> None:
    """Nothing comes, and whoever else uses the socket or the connection is served."""
    dropped, other = make_query("drop.example", number=1), make_query("www.example.org", number=2)

    def over_udp(to: Address) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            for query in (dropped, dropped, other):
                sock.sendto(query.to_wire(), to)
            return sock.recv(65_535)

    def over_tcp(to: Address) -> tuple[bytes, bool]:
        connection = Connection(to, timeout=10)
        connection.send(*[dropped.to_wire()] * 150, other.to_wire())
        said = connection.receive()
        connection.close()
        return said, True

    async with ground(upstream.url, served=ZONED) as on, listening(on) as at:
        assert (await asyncio.to_thread(over_udp, at.address))[:2] == b"\0\2"
        assert (await asyncio.to_thread(over_tcp, at.address))[0][:2] == b"\0\2"
        assert on.pipeline.counters.answered == 152
    assert not upstream.asked("drop.example")


async def test_a_silent_connection_is_swept_like_an_idle_one(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=ZONED) as on, listening(on) as at:
        connection = await asyncio.to_thread(Connection, at.address, 10)
        connection.send(make_query("drop.example").to_wire())
        await until(lambda: on.pipeline.counters.answered == 1)
        on.clock.advance(60)
        at.tcp.sweep()
        assert await asyncio.to_thread(connection.hung_up)
        connection.close()


async def test_a_target_that_is_dropped_silences_whoever_waited(upstream: ScriptedUpstream) -> None:
    upstream.set("cloaked.example.org", do.answer("CNAME drop.example.", "drop.example. 60 IN A 192.0.2.6"))
    async with ground(upstream.url, served=ZONED) as on, listening(on) as at:
        assert await on.octets(make_query("cloaked.example.org").to_wire(), udp=False) == SILENCE

        def both() -> bytes:
            connection = Connection(at.address, timeout=10)
            for name, number in (("cloaked.example.org", 1), ("www.example.org", 2)):
                connection.send(make_query(name, number=number).to_wire())
            said = connection.receive()
            connection.close()
            return said

        assert (await asyncio.to_thread(both))[:2] == b"\0\2"


# Where a rule leads


async def test_the_target_is_asked_for_once(upstream: ScriptedUpstream) -> None:
    """By those who are led there, for each type, and by those who ask for it themselves."""
    upstream.set("safe.example.org", do.after(0.05, ANSWER))
    async with ground(upstream.url, served=SERVED) as on:
        names = ["search.example", "safe.example.org", "www.search.example"] * 5
        for number, name in enumerate(names):
            assert on.give(make_query(name, number=number).to_wire(), peer=number) is None
        await until(lambda: len(on.later) == len(names))
        for peer, octets in on.later:
            assert isinstance(peer, int)
            reply = dns.message.from_wire(octets)
            assert (reply.id, addresses(reply)) == (peer, ["192.0.2.1"])
            assert extended_errors(reply) == ([] if names[peer].startswith("safe") else [4])
        assert (on.pipeline.counters.forwarded, on.pipeline.counters.answered) == (1, 10)
    assert len(upstream.queries) == 1


@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
async def test_who_is_led_where_there_is_no_room(upstream: ScriptedUpstream, udp: bool) -> None:
    settings = msgspec.structs.replace(SETTINGS, in_flight=0)
    async with ground(upstream.url, served=SERVED, settings=settings) as on:
        said = on.give(make_query("search.example").to_wire(), udp=udp)
        assert on.pipeline.counters.shed == 1
        assert (said is None) == udp
        if said is not None:
            assert extended_errors(dns.message.from_wire(said)) == [14]


async def test_without_any_upstream_who_is_led_is_told(upstream: ScriptedUpstream) -> None:
    upstream.set("safe.example.org", do.silence())
    async with ground(upstream.url, served=SERVED) as on:
        for number in range(3):
            on.give(make_query("search.example").to_wire(), peer=number, udp=number != 1)
        await on.give_up()
        replies = [dns.message.from_wire(octets) for _, octets in on.later]
    assert [(reply.rcode(), extended_errors(reply)) for reply in replies] == [(dns.rcode.SERVFAIL, [22])] * 3


async def test_a_long_answer_is_cut_for_udp(upstream: ScriptedUpstream) -> None:
    upstream.set("safe.example.org", do.big(3000))
    async with ground(upstream.url, served=SERVED) as on:
        for _ in range(2):
            cut = await on.ask("search.example", "TXT")
            assert cut.flags & 0x0200 and not cut.answer
        assert len(on.pipeline.flows) == 0
        whole = await on.ask("search.example", "TXT", udp=False)
        assert len(whole.answer) == 2 and extended_errors(whole) == [4]


# Swaps in flight

SWAPS = [
    ("the rule is gone", served("||other.example^"), ["192.0.2.9"], []),
    ("it is the same rule", served(number=2), ["192.0.2.1"], [4]),
    ("it leads elsewhere", served("||search.example^$dnsrewrite=else.example.org"), ["192.0.2.8"], [4]),
    ("it answers itself", served("||search.example^$dnsrewrite=192.0.2.80"), ["192.0.2.80"], [4]),
    ("it blocks now", served("||search.example^"), ["0.0.0.0"], [15]),
    ("it allows now", served("@@||search.example^"), ["192.0.2.9"], []),
    ("it is for others", served("||search.example^$client=192.0.2.7"), ["192.0.2.9"], []),
]


@pytest.mark.parametrize(("after", "found", "errors"), [row[1:] for row in SWAPS], ids=[r[0] for r in SWAPS])
async def test_a_swap_while_somebody_is_led_elsewhere(
    upstream: ScriptedUpstream, after: Snapshot, found: list[str], errors: list[int]
) -> None:
    upstream.set("safe.example.org", do.after(0.1, ANSWER))
    upstream.set("search.example", do.answer("A 192.0.2.9"))
    upstream.set("else.example.org", do.answer("A 192.0.2.8"))
    async with ground(upstream.url, served=SERVED) as on:
        assert on.give(make_query("search.example").to_wire(), peer="who") is None
        await asyncio.to_thread(upstream.wait_for, 1)
        on.pipeline.swap(after)
        await until(lambda: on.replies_to("who"))
        (reply,) = map(dns.message.from_wire, on.replies_to("who"))
    assert (addresses(reply), extended_errors(reply)) == (found, errors)


async def test_who_joins_after_a_swap_is_judged_by_it(upstream: ScriptedUpstream) -> None:
    """Even when the generation before comes back: each waiter knows which one judged it."""
    upstream.set("games.example", do.after(0.1, ANSWER))
    query = make_query("games.example").to_wire()
    other = served("||games.example^$client=127.0.0.1")
    async with ground(upstream.url, served=SERVED) as on:
        assert on.give(query, peer="first", host="127.0.0.1") is None
        on.pipeline.swap(other)
        assert on.give(query, peer="second", host="127.0.0.2") is None
        on.pipeline.swap(SERVED)
        await until(lambda: len(on.later) == 2)
        found = {peer: addresses(dns.message.from_wire(octets)) for peer, octets in on.later}
    assert found == {"first": ["192.0.2.1"], "second": ["0.0.0.0"]}


# Addresses in answers


async def test_addresses_are_only_looked_at_when_a_rule_wants_them(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url, served=SERVED) as on:
        watched = [SERVED.watches, ZONED.watches]
        assert addresses(await on.ask("bad.example.org")) == ["203.0.113.5"]
        on.pipeline.swap(ZONED)
        for _ in range(2):
            assert addresses(await on.ask("bad.example.org")) == ["0.0.0.0"]
        on.pipeline.swap(SERVED)
        assert addresses(await on.ask("bad.example.org")) == ["203.0.113.5"]
    assert (watched, len(upstream.queries)) == ([False, True], 1)
