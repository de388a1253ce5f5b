"""Finding upstreams that are named: who is asked, what is kept, what is given meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from resolver.serving import bootstrap
from resolver.serving.bootstrap import Bootstrap
from resolver.serving.chance import numbers
from resolver.serving.streams import Stream
from resolver.serving.wheel import Wheel
from resolver.upstreams import Endpoint, UpstreamAddress, parse_upstream
from tests.support.behaviours import (
    Behaviour,
    Reply,
    Seen,
    answer,
    failed,
    forged_first,
    nodata,
    nxdomain,
    refused,
    silence,
    truncated,
    wrong_question,
)
from tests.support.streams import Authority, StreamServer, echo
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import Clock, until

NAME = "dns.example"
WANTED = parse_upstream(f"tls://{NAME}:8853")
FOUR = Endpoint("192.0.2.53", 8853, 4)
SIX = Endpoint("2001:db8::53", 8853, 6)


def both(ttl: int = 300) -> dict[str | tuple[str, str], Behaviour]:
    """One address of each family."""
    return {
        (NAME, "A"): answer("A 192.0.2.53", ttl=ttl),
        (NAME, "AAAA"): answer("AAAA 2001:db8::53", ttl=ttl),
    }


class Stage:
    """A bootstrap, its clock, and the name that is looked up."""

    def __init__(self, servers: Sequence[UpstreamAddress]) -> None:
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.bootstrap = Bootstrap(servers, numbers(), self.clock, self.wheel)
        places = self.bootstrap.places(WANTED)
        assert places is not None
        self.places = places

    async def found(self) -> list[Endpoint]:
        return list(await self.places())


@asynccontextmanager
async def stage(*servers: ScriptedUpstream, scheme: str = "udp") -> AsyncIterator[Stage]:
    made = Stage([parse_upstream(one.url.replace("udp", scheme)) for one in servers])
    try:
        yield made
    finally:
        made.bootstrap.close()
        made.wheel.close()


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
async def test_addresses_of_both_families_with_the_port_of_the_url(scheme: str) -> None:
    with ScriptedUpstream(both()) as server:
        async with stage(server, scheme=scheme) as ground:
            assert await ground.found() == [FOUR, SIX]
        assert {seen.transport for seen in server.queries} == {scheme}


async def test_an_upstream_with_an_address_is_not_looked_up() -> None:
    with ScriptedUpstream(both()) as server:
        async with stage(server) as ground:
            assert ground.bootstrap.places(parse_upstream("tls://192.0.2.1")) is None


ODD: list[tuple[str, dict[str | tuple[str, str], Behaviour], list[Endpoint]]] = [
    ("one family", {(NAME, "A"): answer("A 192.0.2.53"), (NAME, "AAAA"): nodata()}, [FOUR]),
    ("one answer", {(NAME, "A"): silence(), (NAME, "AAAA"): answer("AAAA 2001:db8::53")}, [SIX]),
    ("a CNAME", {(NAME, "A"): answer("CNAME a.example.", "a.example. 60 IN A 192.0.2.53")}, [FOUR]),
    ("cut over UDP", {(NAME, "A"): truncated(answer("A 192.0.2.53"))}, [FOUR]),
    ("forged", {(NAME, "A"): forged_first(50, answer("A 192.0.2.53"))}, [FOUR]),
    ("another question", {(NAME, "A"): wrong_question(answer("A 192.0.2.66"))}, []),
    ("no such name", {NAME: nxdomain()}, []),
    ("an address with an error", {(NAME, "A"): answer("A 192.0.2.66", rcode="SERVFAIL")}, []),
    ("nothing", {NAME: silence()}, []),
]


@pytest.mark.parametrize(("table", "found"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
async def test_what_servers_say(
    table: dict[str | tuple[str, str], Behaviour], found: list[Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "TIMEOUTS", (0.05, 0.05))
    with ScriptedUpstream(table, default=refused()) as server:
        async with stage(server) as ground:
            search = asyncio.ensure_future(ground.found())
            # Whoever says nothing over TCP either is waited for until its time is over.
            while not search.done():
                ground.clock.advance(0.2)
                await asyncio.sleep(0.02)
            assert search.result() == found


async def test_many_addresses_are_not_all_kept() -> None:
    many = [f"A 192.0.2.{number}" for number in range(1, 30)]
    with ScriptedUpstream({(NAME, "A"): answer(*many)}, default=nodata()) as server:
        async with stage(server) as ground:
            assert len(await ground.found()) == bootstrap.MAX_ADDRESSES


@pytest.mark.parametrize("first", [failed(), nxdomain(), refused(), nodata()])
async def test_the_next_server_is_asked_when_one_knows_nothing(first: Behaviour) -> None:
    with ScriptedUpstream(default=first) as one, ScriptedUpstream(both()) as other:
        async with stage(one, other) as ground:
            assert await ground.found() == [FOUR, SIX]


async def test_a_dead_server_is_passed_by() -> None:
    with ScriptedUpstream(both()) as other:
        dead = ScriptedUpstream()
        dead.start().stop()
        async with stage(dead, other) as ground:
            assert await ground.found() == [FOUR, SIX]


KEPT = [(0, bootstrap.SHORTEST), (300, 300.0), (604_800, bootstrap.LONGEST)]


@pytest.mark.parametrize(("ttl", "seconds"), KEPT)
async def test_addresses_are_kept_for_their_time_within_bounds(ttl: int, seconds: float) -> None:
    with ScriptedUpstream(both(ttl)) as server:
        async with stage(server) as ground:
            await ground.found()
            ground.clock.advance(seconds - 1)
            assert await ground.found() == [FOUR, SIX]
            assert len(server.queries) == 2
            ground.clock.advance(1)
            await ground.found()
            await until(lambda: len(server.queries) == 4)


async def test_old_addresses_are_given_while_new_ones_are_fetched() -> None:
    with ScriptedUpstream(both()) as server:
        async with stage(server) as ground:
            await ground.found()
            server.set(NAME, answer("A 192.0.2.77"), "A")
            server.set(NAME, nodata(), "AAAA")
            ground.clock.advance(300)
            assert await ground.found() == [FOUR, SIX]
            await until(lambda: len(server.queries) == 4)
            await until(lambda: ground.bootstrap._names[NAME].task is None)
            assert await ground.found() == [Endpoint("192.0.2.77", 8853, 4)]


async def test_old_addresses_are_kept_when_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedUpstream(both()) as server:
        async with stage(server) as ground:
            await ground.found()
            server.set(NAME, failed())
            for _ in range(3):
                ground.clock.advance(bootstrap.LONGEST)
                assert await ground.found() == [FOUR, SIX]
                await until(lambda: ground.bootstrap._names[NAME].task is None)
    assert capsys.readouterr().err.count("nobody knows the address of an upstream") == 1


async def test_nobody_is_asked_again_at_once() -> None:
    with ScriptedUpstream(default=nxdomain()) as server:
        async with stage(server) as ground:
            for _ in range(5):
                assert await ground.found() == []
            assert len(server.queries) == 2
            ground.clock.advance(bootstrap.RETRY_SECONDS)
            server.set(NAME, answer("A 192.0.2.53"), "A")
            assert await ground.found() == [FOUR]


async def test_all_who_want_it_share_one_search() -> None:
    with ScriptedUpstream(both()) as server:
        async with stage(server) as ground:
            found = await asyncio.gather(*(ground.found() for _ in range(20)))
            assert found == [[FOUR, SIX]] * 20
            assert len(server.queries) == 2


async def test_whoever_leaves_does_not_end_the_search() -> None:
    held = asyncio.Event()
    loop = asyncio.get_running_loop()

    def late(seen: Seen) -> list[Reply]:
        loop.call_soon_threadsafe(held.set)
        return []

    with ScriptedUpstream(default=late) as server:
        async with stage(server) as ground:
            impatient = asyncio.ensure_future(ground.found())
            await held.wait()
            server.set(NAME, answer("A 192.0.2.53"))
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient
            assert FOUR in await ground.found()


async def test_a_question_over_tls_to_a_server_by_name(tmp_path: Path) -> None:
    authority = Authority()
    context, _ = authority.server(NAME)
    names = ScriptedUpstream({(NAME, "A"): answer("A 127.0.0.1")}, default=nodata())
    with authority.trusted(tmp_path), names:
        async with StreamServer(echo, context) as server, stage(names) as ground:
            address = parse_upstream(f"tls://{NAME}:{server.port}")
            places = ground.bootstrap.places(address)
            stream = Stream(address, numbers(), ground.clock, ground.wheel, places)
            replies: list[bytes | None] = []
            for _ in range(5):
                stream.ask(lambda number: number.to_bytes(2, "big") + bytes(10), replies.append)
            await until(lambda: len(replies) == 5)
            stream.close()
            assert None not in replies
            assert server.connections == 1
