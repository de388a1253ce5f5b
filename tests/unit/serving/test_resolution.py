"""Memory first, then an upstream: stale answers, failures, what is fetched beforehand, and the bounds."""

from __future__ import annotations

from collections.abc import Iterator

import dns.message
import dns.rcode
import msgspec
import pytest

from resolver.dns.names import from_text
from tests.support import behaviours as do
from tests.support.client import make_query
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import SETTINGS, addresses, extended_errors, ground, snapshot, until


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream({"www.example.org": do.answer("A 192.0.2.1", ttl=60)}) as running:
        yield running


async def test_stale_when_upstreams_fail(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        await on.ask("www.example.org")
        upstream.set("www.example.org", do.failed())
        on.clock.advance(61)
        reply = await on.ask("www.example.org")
        assert (addresses(reply), extended_errors(reply), reply.answer[0].ttl) == (["192.0.2.1"], [3], 30)
        seen = len(upstream.queries)
        for _ in range(5):
            assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]
        assert len(upstream.queries) == seen, "the failure is remembered (RFC 8767 5)"
        assert on.pipeline.counters.stale == 6 and on.pipeline.counters.failed == 0
        assert len(on.pipeline.flows) == 0, "what is stale is no flow"


async def test_stale_after_the_client_has_waited_long_enough(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        await on.ask("www.example.org")
        upstream.set("www.example.org", do.silence())
        on.later.clear()
        on.clock.advance(61)
        for number in range(3):
            assert on.give(make_query("www.example.org").to_wire(), peer=number) is None
        await on.pass_time(1.7)
        assert not on.later
        await on.pass_time(0.15)
        await until(lambda: len(on.later) == 3)
        assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"], "nobody waits a second time"
        await on.give_up()
        assert len(on.later) == 3, "once is enough"


async def test_never_stale_for_what_has_become_blocked(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        await on.ask("www.example.org")
        upstream.set("www.example.org", do.silence())
        on.clock.advance(61)
        assert on.give(make_query("www.example.org").to_wire(), peer="waits") is None
        on.pipeline.swap(snapshot(block=("example.org",), number=2))
        await on.pass_time(1.9)
        await until(lambda: on.replies_to("waits"))
        (octets,) = on.replies_to("waits")
        assert addresses(dns.message.from_wire(octets)) == ["0.0.0.0"]
        assert addresses(await on.ask("www.example.org")) == ["0.0.0.0"]


async def test_stale_ends(upstream: ScriptedUpstream) -> None:
    settings = msgspec.structs.replace(SETTINGS, stale=100)
    async with ground(upstream.url, settings=settings) as on:
        await on.ask("www.example.org")
        upstream.set("www.example.org", do.failed())
        on.clock.advance(161)
        assert (await on.ask("www.example.org")).rcode() == dns.rcode.SERVFAIL


async def test_a_failed_fetch_beforehand_hurts_nobody(upstream: ScriptedUpstream) -> None:
    async with ground(upstream.url) as on:
        await on.ask("www.example.org")
        upstream.set("www.example.org", do.failed())
        on.clock.advance(56)
        for _ in range(4):
            assert (await on.ask("www.example.org")).answer[0].ttl == 4
        await until(lambda: not on.pipeline.resolution._in_flight)
        assert (await on.ask("www.example.org")).answer[0].ttl == 4
        assert on.pipeline.counters.prefetched == 1 and on.pipeline.counters.stale == 0


async def test_nothing_is_fetched_beforehand_in_a_crowd(upstream: ScriptedUpstream) -> None:
    settings = msgspec.structs.replace(SETTINGS, in_flight=2)
    async with ground(upstream.url, settings=settings) as on:
        await on.ask("www.example.org")
        for number in range(2):
            upstream.set(f"n{number}.example.org", do.silence())
            on.give(make_query(f"n{number}.example.org").to_wire())
        on.clock.advance(56)
        await on.ask("www.example.org")
        assert on.pipeline.counters.prefetched == 0


async def test_the_crowd_gets_stale_answers_where_there_are_any(upstream: ScriptedUpstream) -> None:
    settings = msgspec.structs.replace(SETTINGS, in_flight=1)
    async with ground(upstream.url, settings=settings) as on:
        await on.ask("www.example.org")
        on.clock.advance(61)
        upstream.set("n.example.org", do.silence())
        on.give(make_query("n.example.org").to_wire())
        assert addresses(await on.ask("www.example.org")) == ["192.0.2.1"]
        assert on.pipeline.counters.shed == 1


FLUSHES = [
    (None, False, 3),
    ("example.org", False, 0),
    ("example.org", True, 2),
    ("www.example.org", False, 1),
]


@pytest.mark.parametrize(("name", "below", "count"), FLUSHES)
async def test_flush(upstream: ScriptedUpstream, name: str | None, below: bool, count: int) -> None:
    for other in ("mail.example.org", "www.example.net"):
        upstream.set(other, do.answer("A 192.0.2.2"))
    async with ground(upstream.url) as on:
        for asked in ("www.example.org", "mail.example.org", "www.example.net"):
            for _ in range(2):
                await on.ask(asked)
        assert len(upstream.queries) == 3 and len(on.pipeline.flows) == 3
        wire = None if name is None else from_text(name)
        assert on.pipeline.flush(wire, below) == count
        assert len(on.pipeline.flows) == 0
        for asked in ("www.example.org", "mail.example.org", "www.example.net"):
            await on.ask(asked)
        assert len(upstream.queries) == 3 + count


async def test_a_failure_can_be_flushed_too(upstream: ScriptedUpstream) -> None:
    upstream.set("www.example.org", do.failed())
    async with ground(upstream.url) as on:
        await on.ask("www.example.org")
        upstream.set("www.example.org", do.answer("A 192.0.2.9"))
        assert (await on.ask("www.example.org")).rcode() == dns.rcode.SERVFAIL
        on.pipeline.flush(from_text("example.org"), True)
        assert addresses(await on.ask("www.example.org")) == ["192.0.2.9"]


async def test_load(upstream: ScriptedUpstream) -> None:
    settings = msgspec.structs.replace(SETTINGS, in_flight=4)
    upstream.set("n.example.org", do.silence())
    async with ground(upstream.url, settings=settings) as on:
        assert on.pipeline.resolution.load == 0 and not on.pipeline.busy
        on.give(make_query("n.example.org").to_wire())
        assert on.pipeline.resolution.load == 0.25 and on.pipeline.busy
