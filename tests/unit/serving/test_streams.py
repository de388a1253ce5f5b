"""Streams: one connection for many questions, and all that a server can do to it.

Time is virtual: it passes when a test says so. Sockets are real.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from struct import Struct

import pytest

from resolver.dns import registry
from resolver.dns.answers import upstream_query
from resolver.dns.query import Query
from resolver.serving import streams
from resolver.serving.chance import numbers
from resolver.serving.streams import Stream
from resolver.serving.wheel import TICK, Wheel
from resolver.upstreams import parse_upstream
from tests.support.streams import Authority, Behaviour, Peer, StreamServer, echo, reply_to, silent
from tests.unit.serving.ground import Clock, until

QUESTION = b"\3www\7example\0" + Struct(">HH").pack(registry.A, registry.CLASS_IN)
AUTHORITY = Authority()


def message(number: int) -> bytes:
    """A question as upstreams are asked it."""
    return upstream_query(
        Query(0, registry.RD, QUESTION, QUESTION[:-4], registry.A, registry.CLASS_IN), number
    )


class Ticking(Clock):
    """No two things happen at the same moment."""

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


class Stage:
    """A stream to a server, a clock, and what came of each question."""

    def __init__(self, server: StreamServer, scheme: str = "tcp", chance: Iterator[int] | None = None):
        self.server = server
        self.clock = Ticking()
        self.wheel = Wheel(self.clock)
        self.stream = Stream(parse_upstream(server.url(scheme)), chance or numbers(), self.clock, self.wheel)
        self.ends: list[bytes | None] = []

    def ask(self, times: int = 1) -> list[list[bytes | None]]:
        """Ask so often; each gets a list that will hold its reply."""
        asked: list[list[bytes | None]] = []
        for _ in range(times):
            reply: list[bytes | None] = []
            self.stream.ask(message, reply.append)
            assert reply == [], "told from inside the call"
            asked.append(reply)
        return asked

    async def replies(self, asked: list[list[bytes | None]]) -> list[bytes | None]:
        """What came of these questions, once something has come of each."""
        await until(lambda: all(asked), "all replies")
        assert all(len(one) == 1 for one in asked)
        return [one[0] for one in asked]

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and the wheel see it."""
        self.clock.advance(seconds + 2 * TICK)
        await asyncio.sleep(2 * TICK)


@asynccontextmanager
async def stage(
    behaviour: Behaviour, scheme: str = "tcp", chance: Iterator[int] | None = None
) -> AsyncIterator[Stage]:
    context = AUTHORITY.server("127.0.0.1")[0] if scheme == "tls" else None
    async with StreamServer(behaviour, context) as server:
        made = Stage(server, scheme, chance)
        raised: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        try:
            yield made
        finally:
            made.stream.close()
            made.wheel.close()
        assert not raised, "nothing that a server sends may raise"


@pytest.fixture
def trusted(tmp_path: Path) -> Iterator[None]:
    with AUTHORITY.trusted(tmp_path):
        yield


# What it is for


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["tcp", "tls"])
async def test_many_questions_use_one_connection(scheme: str) -> None:
    async with stage(echo, scheme) as ground:
        for _ in range(4):
            replies = await ground.replies(ground.ask(50))
            assert all(reply and reply[12 : 12 + len(QUESTION)] == QUESTION for reply in replies)
        assert ground.server.connections == 1
        assert len(ground.server.queries) == 200


async def test_no_connection_is_opened_before_it_is_needed() -> None:
    async with stage(echo) as ground:
        await asyncio.sleep(0.01)
        assert ground.server.connections == 0


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("scheme", "padded"), [("tcp", False), ("tls", True)])
async def test_lengths_are_hidden_where_nobody_can_read(scheme: str, padded: bool) -> None:
    async with stage(echo, scheme) as ground:
        await ground.replies(ground.ask())
        assert (len(ground.server.queries[0]) % streams.PADDING == 0) is padded


async def test_replies_come_in_any_order() -> None:
    async def backwards(peer: Peer) -> None:
        for query in reversed([await peer.query() for _ in range(10)]):
            peer.send(reply_to(query, query[:2]))
        await silent(peer)

    async with stage(backwards) as ground:
        replies = await ground.replies(ground.ask(10))
        assert all(reply and reply[-2:] == reply[:2] for reply in replies)
        assert [reply[:2] for reply in replies if reply] == [query[:2] for query in ground.server.queries]


async def test_the_first_stalls_and_the_others_do_not_wait_for_it() -> None:
    async def stalling(peer: Peer) -> None:
        await peer.query()
        await echo(peer)

    async with stage(stalling) as ground:
        first, *others = ground.ask(100)
        assert None not in await ground.replies(others)
        assert first == []
        await ground.pass_time(streams.ANSWER_SECONDS + streams.OPEN_SECONDS)
        assert await ground.replies([first]) == [None]
        assert await ground.replies(ground.ask()) != [None]
        assert ground.server.connections == 1


async def test_ids_are_taken_from_chance_and_never_twice_at_once() -> None:
    chance = (value & 0xFFFF for value in count(0) for _ in range(3))
    async with stage(silent, chance=chance) as ground:
        ground.ask(20)
        await until(lambda: len(ground.server.queries) == 20)
        assert {query[:2] for query in ground.server.queries} == {n.to_bytes(2, "big") for n in range(20)}


async def test_more_than_fit_wait_for_a_place() -> None:
    async def patient(peer: Peer) -> None:
        first = [await peer.query() for _ in range(streams.MAX_IN_FLIGHT)]
        most.append(len(peer.server.queries))
        for query in first:
            peer.send(reply_to(query))
        await echo(peer)

    most: list[int] = []
    async with stage(patient) as ground:
        replies = await ground.replies(ground.ask(streams.MAX_IN_FLIGHT + 50))
        assert None not in replies
        assert most == [streams.MAX_IN_FLIGHT]
        assert ground.server.connections == 1


async def test_more_than_may_wait_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_WAITING", 10)
    async with stage(echo) as ground:
        replies = await ground.replies(ground.ask(15))
        assert [reply is None for reply in replies] == [False] * 10 + [True] * 5


# Ends


async def test_an_idle_connection_is_closed_and_opened_again_when_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def noting(peer: Peer) -> None:
        try:
            await echo(peer)
        finally:
            ended.append(True)

    ended: list[bool] = []
    monkeypatch.setattr(streams, "IDLE_SECONDS", 0.05)
    async with stage(noting) as ground:
        await ground.replies(ground.ask())
        await ground.pass_time(0.05)
        await until(lambda: ended)
        await until(lambda: ground.stream._current is None)
        assert None not in await ground.replies(ground.ask())
        assert ground.server.connections == 2


async def test_a_connection_that_the_server_closed_when_idle_costs_no_question() -> None:
    """The server hangs up just when the question is under way: it is asked once more."""

    async def hanging_up(peer: Peer) -> None:
        peer.send(reply_to(await peer.query()))
        if peer.server.connections == 1:
            await peer.query()
            return
        await echo(peer)

    async with stage(hanging_up) as ground:
        await ground.replies(ground.ask())
        await ground.pass_time(5)
        assert None not in await ground.replies(ground.ask())
        assert None not in await ground.replies(ground.ask(20))
        assert ground.server.connections == 2, "it was no sign of how many questions the server takes"


@pytest.mark.parametrize("takes", [1, 7])
async def test_a_server_that_takes_few_questions_on_a_connection(takes: int) -> None:
    async def few(peer: Peer) -> None:
        for _ in range(takes):
            peer.send(reply_to(await peer.query()))
        await peer.writer.drain()

    async with stage(few) as ground:
        assert None not in await ground.replies(ground.ask(30))
        sent = len(ground.server.queries)
        assert sent == 30, "what was answered or read"
        assert None not in await ground.replies(ground.ask(30))
        assert ground.server.connections <= 2 * -(-30 // takes) + 1


async def test_a_question_is_sent_twice_at_most() -> None:
    async def unfair(peer: Peer) -> None:
        peer.send(reply_to(await peer.query()))
        await peer.query()

    async with stage(unfair) as ground:
        await ground.replies(ground.ask())
        unlucky = ground.ask()
        assert None not in await ground.replies(unlucky)  # the first on the next connection
        for _ in range(10):
            await ground.pass_time(streams.QUOTA_SECONDS)
            await ground.replies(ground.ask(2))
        questions = 2 + 20
        assert len(ground.server.queries) <= streams.MAX_SENDS * questions


async def half(peer: Peer) -> None:
    """Half a reply, then the end."""
    reply = reply_to(await peer.query())
    peer.raw(len(reply).to_bytes(2, "big") + reply[:20])
    await peer.writer.drain()


async def nothing(peer: Peer) -> None:
    """The end at once."""
    await peer.query()


async def at_once(peer: Peer) -> None:
    """The end before anything was asked."""


@pytest.mark.parametrize("behaviour", [half, nothing, at_once])
async def test_a_server_that_brings_nothing_is_left_alone_for_a_while(behaviour: Behaviour) -> None:
    async with stage(behaviour) as ground:
        assert await ground.replies(ground.ask(3)) == [None] * 3
        before = ground.server.connections
        assert await ground.replies(ground.ask(100)) == [None] * 100
        assert ground.server.connections == before == 1
        ground.server.behaviour = echo
        ground.clock.advance(streams.FIRST_PAUSE)
        assert None not in await ground.replies(ground.ask(3))


async def test_pauses_grow_to_a_bound_and_end_with_the_first_answer() -> None:
    async with stage(echo) as ground:
        await ground.server.stop()
        pauses = []
        for _ in range(8):
            assert await ground.replies(ground.ask()) == [None]
            pauses.append(round(ground.stream._aside - ground.clock.now, 2))
            ground.clock.advance(pauses[-1])
        assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
        await ground.server.start()
        assert None not in await ground.replies(ground.ask())
        assert (ground.stream._pause, ground.stream._aside) == (streams.FIRST_PAUSE, 0.0)


async def test_silence_ends_a_question_and_then_the_connection() -> None:
    async with stage(silent) as ground:
        asked = ground.ask(3)
        await until(lambda: len(ground.server.queries) == 3)
        await ground.pass_time(streams.ANSWER_SECONDS + streams.OPEN_SECONDS)
        assert await ground.replies(asked) == [None] * 3
        await until(lambda: not ground.stream._connections)
        ground.server.behaviour = echo
        ground.clock.advance(streams.LONGEST_PAUSE)
        assert None not in await ground.replies(ground.ask())


async def test_a_way_that_died_silently_costs_one_question() -> None:
    """Address translators forget connections: nothing comes, and no end either."""

    async def dying(peer: Peer) -> None:
        peer.send(reply_to(await peer.query()))
        if peer.server.connections == 1:
            await silent(peer)
        await echo(peer)

    async with stage(dying) as ground:
        await ground.replies(ground.ask())
        lost = ground.ask()
        await ground.pass_time(1.0)
        later = ground.ask()
        await ground.pass_time(1.0)
        assert await ground.replies(lost) == [None]
        assert None not in await ground.replies(later)


async def test_one_octet_at_a_time_ends_nothing_but_the_connection() -> None:
    async def dripping(peer: Peer) -> None:
        reply = reply_to(await peer.query())
        for octet in len(reply).to_bytes(2, "big") + reply:
            peer.raw(bytes((octet,)))
            await peer.writer.drain()
            await asyncio.sleep(0.02)

    async with stage(dripping) as ground:
        asked = ground.ask()
        await until(lambda: ground.server.queries)
        await ground.pass_time(streams.ANSWER_SECONDS + streams.OPEN_SECONDS)
        assert await ground.replies(asked) == [None]
        await until(lambda: not ground.stream._connections)


# Rubbish


def wrong(query: bytes) -> list[bytes]:
    """What answers nothing: another ID, no response, nothing at all, half a header."""
    other = bytes((query[0] ^ 0xFF,)) + query[1:]
    return [reply_to(other), query, b"", query[:1], reply_to(query)[:11]]


async def test_wrong_messages_are_passed_over_and_the_wait_goes_on() -> None:
    async def confused(peer: Peer) -> None:
        while True:
            query = await peer.query()
            for octets in wrong(query):
                peer.send(octets)
            peer.send(reply_to(query))

    async with stage(confused) as ground:
        for _ in range(5):
            assert None not in await ground.replies(ground.ask())
        assert ground.server.connections == 1


async def test_nothing_but_wrong_messages_ends_the_connection() -> None:
    async def rubbish(peer: Peer) -> None:
        query = await peer.query()
        for _ in range(10_000):
            peer.send(wrong(query)[0])
            await peer.writer.drain()

    async with stage(rubbish) as ground:
        assert await ground.replies(ground.ask()) == [None]
        await until(lambda: not ground.stream._connections)


async def test_a_reply_that_comes_twice_counts_once() -> None:
    async def twice(peer: Peer) -> None:
        while True:
            reply = reply_to(await peer.query())
            peer.send(reply)
            peer.send(reply)

    async with stage(twice) as ground:
        for _ in range(20):
            assert None not in await ground.replies(ground.ask())
        assert ground.server.connections == 1


async def test_late_replies_are_no_rubbish() -> None:
    """Nobody waits for them any more, but they were asked for."""

    async def late(peer: Peer) -> None:
        queries = [await peer.query() for _ in range(21)]
        peer.send(reply_to(queries.pop()))
        await gate.wait()
        for query in queries:
            peer.send(reply_to(query))
        await echo(peer)

    gate = asyncio.Event()
    async with stage(late) as ground:
        slow, quick = ground.ask(20), ground.ask()
        await ground.replies(quick)
        await ground.pass_time(streams.ANSWER_SECONDS + streams.OPEN_SECONDS)
        assert await ground.replies(slow) == [None] * 20
        gate.set()
        for _ in range(3):
            assert None not in await ground.replies(ground.ask(30))
        assert ground.server.connections == 1
        (connection,) = ground.stream._connections
        assert (connection.forsaken, connection.wrong, connection.pending) == (0, 0, {})


async def test_a_connection_with_many_forsaken_questions_gets_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def forgetful(peer: Peer) -> None:
        queries = [await peer.query() for _ in range(6)]
        peer.send(reply_to(queries[-1]))
        await silent(peer)

    monkeypatch.setattr(streams, "MAX_FORSAKEN", 5)
    async with stage(forgetful) as ground:
        slow, quick = ground.ask(5), ground.ask()
        await ground.replies(quick)
        await ground.pass_time(streams.ANSWER_SECONDS + streams.OPEN_SECONDS)
        await ground.replies(slow)
        ground.server.behaviour = echo
        assert None not in await ground.replies(ground.ask())
        assert ground.server.connections == 2
        await until(lambda: len(ground.stream._connections) == 1)


async def test_what_waits_on_an_old_connection_does_not_keep_it_for_ever() -> None:
    async def stalling(peer: Peer) -> None:
        await peer.query()
        await echo(peer)

    async with stage(stalling) as ground:
        ground.stream._quota, ground.stream._quota_until = 3, ground.clock.now + 60
        slow, *quick = ground.ask(3)
        assert None not in await ground.replies(quick)
        assert (ground.stream._current, len(ground.stream._connections)) == (None, 1)
        await ground.pass_time(streams.ANSWER_SECONDS + streams.OPEN_SECONDS)
        assert await ground.replies([slow]) == [None]
        await until(lambda: not ground.stream._connections)


# Closing


@pytest.mark.parametrize("behaviour", [silent, echo])
async def test_closing_tells_nobody(behaviour: Behaviour) -> None:
    async with stage(behaviour) as ground:
        asked = ground.ask(3)
        if behaviour is silent:
            await until(lambda: len(ground.server.queries) == 3)
        ground.stream.close()
        await asyncio.sleep(0.02)
        assert asked == [[], [], []]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["tcp", "tls"])
async def test_a_connection_that_ended_is_freed_without_the_collector(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "IDLE_SECONDS", 0.1)  # the last look at it, which holds it till then
    async with stage(echo, scheme) as ground:
        await ground.replies(ground.ask())
        framed = ground.stream._current.framed  # type: ignore[union-attr]
        gone = [weakref.ref(one) for one in (framed, framed._transport, framed._beneath)]
        gc.disable()
        try:
            framed.close()
            del framed
            await until(lambda: [one() for one in gone] == [None] * 3, "the end of what was the connection")
        finally:
            gc.enable()
