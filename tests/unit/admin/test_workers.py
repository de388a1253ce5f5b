"""workers.py against scripted peers on real SEQPACKET pairs: slow, dead, refusing, stale, mad."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

import pytest

from resolver.admin.workers import Workers
from resolver.generation.messages import (
    MAX_MESSAGE,
    Commit,
    Committed,
    Flush,
    Flushed,
    Hello,
    Ping,
    Prepare,
    Prepared,
    Refresh,
    Stats,
    ToAdmin,
    ToWorker,
)
from tests.unit.admin.peers import LONG, SHORT, Peer, dead, good, pairs, playing, settle


async def test_everybody_prepares_and_commits() -> None:
    async with playing(good(0), good(1)) as (workers, peers):
        assert await workers.prepare(7, LONG) == {}
        assert await workers.commit(7, LONG) == []
        assert [state.generation for state in workers.states()] == [7, 7]
        assert peers[0].heard == peers[1].heard == [Prepare(7), Commit(7)]


async def test_no_workers_have_nothing_against_it() -> None:
    async with playing() as (workers, _):
        assert len(workers) == 0
        assert await workers.prepare(1, LONG) == {}
        assert await workers.commit(1, LONG) == []
        assert await workers.ping_all(LONG) == []


async def test_a_refusal_ends_the_wait_at_once_and_is_named() -> None:
    def refusing(message: ToWorker) -> list[ToAdmin]:
        assert isinstance(message, Prepare)
        return [Prepared(message.generation, "blob ab12 is missing")]

    async with playing(dead, refusing) as (workers, _):
        assert await workers.prepare(3, LONG) == {1: "blob ab12 is missing"}


async def test_a_dead_worker_is_absent_from_prepare_and_named_by_commit() -> None:
    async with playing(good(0), dead) as (workers, _):
        assert await workers.prepare(3, SHORT) == {}
        assert await workers.commit(3, SHORT) == [1]
        assert workers.states()[1].seen is None
        assert workers.states()[1].pid == 0


async def test_a_worker_that_cannot_serve_what_was_committed_ends_the_wait() -> None:
    def failing(message: ToWorker) -> list[ToAdmin]:
        assert isinstance(message, Commit)
        return [Committed(message.generation, "out of memory")]

    async with playing(good(0), failing) as (workers, _):
        assert await workers.commit(3, LONG) == [1]
        assert workers.states()[1].trouble == "out of memory"
        assert workers.states()[1].generation == 0


@pytest.mark.parametrize(
    "stale",
    [
        Prepared(2),
        Prepared(2, "no such file"),
        Committed(2),
        Committed(2, "no such file"),
        Committed(3),
        Stats({"queries": 1}),
        Hello(0, 100, 2),
    ],
)
async def test_what_is_stale_does_not_prepare(stale: ToAdmin) -> None:
    def late(message: ToWorker) -> list[ToAdmin]:
        return [stale, stale] if isinstance(message, Prepare) else []

    async with playing(late) as (workers, peers):
        peers[0].say(stale)
        waiting = asyncio.ensure_future(workers.prepare(3, LONG))
        await settle(lambda: Prepare(3) in peers[0].heard)
        await asyncio.sleep(0.02)
        assert not waiting.done()
        peers[0].say(Prepared(3), Prepared(3))
        assert await waiting == {}


@pytest.mark.parametrize(
    "stale",
    [Prepared(3), Committed(2), Committed(2, "trouble"), Hello(0, 100, 2), Hello(0, 100, 0, 0, "no file")],
)
async def test_what_is_stale_does_not_commit(stale: ToAdmin) -> None:
    async with playing(dead) as (workers, peers):
        waiting = asyncio.ensure_future(workers.commit(3, LONG))
        await settle(lambda: Commit(3) in peers[0].heard)
        peers[0].say(stale)
        await asyncio.sleep(0.02)
        assert not waiting.done()
        peers[0].say(Committed(3))
        assert await waiting == []


async def test_hello_with_the_generation_is_a_confirmation() -> None:
    async with playing(dead) as (workers, peers):
        waiting = asyncio.ensure_future(workers.commit(3, LONG))
        await settle(lambda: Commit(3) in peers[0].heard)
        peers[0].say(Hello(0, 501, 3))
        assert await waiting == []


async def test_a_worker_that_started_before_the_pointer_moved_catches_up() -> None:
    async with playing(good(0)) as (workers, peers):
        assert await workers.commit(3, LONG) == []
        peers[0].heard.clear()
        peers[0].say(Hello(0, 777, 2))
        await settle(lambda: peers[0].heard == [Commit(3)])
        await settle(lambda: workers.states()[0].generation == 3)
        assert workers.states()[0].pid == 777


async def test_a_worker_that_stays_behind_is_not_told_at_every_ping() -> None:
    async with playing(good(0)) as (workers, peers):
        assert await workers.commit(3, LONG) == []
        peers[0].script = dead
        peers[0].heard.clear()
        for _ in range(5):
            peers[0].say(Hello(0, 777, 2, 0, "blob ab12 is damaged"))
        await settle(lambda: workers.states()[0].pid == 777)
        peers[0].say(Hello(0, 778, 2))
        await settle(lambda: len(peers[0].heard) == 2)
        assert peers[0].heard == [Commit(3), Commit(3)]


async def test_a_worker_that_knows_the_pointer_before_us_is_not_set_back() -> None:
    async with playing(good(0)) as (workers, peers):
        assert await workers.commit(3, LONG) == []
        assert await workers.prepare(4, LONG) == {}
        peers[0].heard.clear()
        # The pointer has moved, the worker died and read it; commit(4) comes only now.
        peers[0].say(Hello(0, 777, 4))
        await settle(lambda: workers.states()[0].generation == 4)
        assert await workers.commit(4, LONG) == []
        assert peers[0].heard in ([], [Commit(4)])


async def test_after_a_refusal_nobody_may_stay_at_what_was_refused() -> None:
    refuse = True

    def picky(message: ToWorker) -> list[ToAdmin]:
        if isinstance(message, Prepare) and refuse:
            return [Prepared(message.generation, "no")]
        return good(0)(message)

    async with playing(picky) as (workers, peers):
        assert await workers.commit(3, LONG) == []
        assert await workers.prepare(2, LONG) == {0: "no"}
        peers[0].heard.clear()
        peers[0].say(Hello(0, 777, 2))
        await settle(lambda: peers[0].heard == [Commit(3)])


async def test_before_anything_was_committed_a_hello_is_left_alone() -> None:
    async with playing(good(0)) as (workers, peers):
        peers[0].say(Hello(0, 777, 2))
        await settle(lambda: workers.states()[0].generation == 2)
        assert peers[0].heard == []


async def test_a_worker_restarted_while_preparing_is_asked_again() -> None:
    async with playing(dead) as (workers, peers):
        waiting = asyncio.ensure_future(workers.prepare(5, LONG))
        await settle(lambda: Prepare(5) in peers[0].heard)
        peers[0].script = good(0)
        peers[0].say(Hello(0, 900, 4))
        assert await waiting == {}
        assert peers[0].heard == [Prepare(5), Prepare(5)]


async def test_counters_are_those_of_the_process_that_lives() -> None:
    async with playing(dead) as (workers, peers):
        peers[0].say(Hello(0, 1, 2), Stats({"queries": 5}), Stats({"queries": 9}))
        await settle(lambda: workers.states()[0].counters == {"queries": 9})
        peers[0].say(Hello(0, 2, 2))
        await settle(lambda: workers.states()[0].pid == 2)
        assert workers.states()[0].counters == {}


async def test_ping_returns_those_that_answer_this_ping() -> None:
    async with playing(good(0), dead) as (workers, peers):
        first = await workers.ping_all(SHORT)
        assert [state.worker for state in first] == [0]
        last = peers[0].heard[-1]
        assert isinstance(last, Ping)
        peers[0].script = dead
        # Answers to pings of the past and of the future count for nothing.
        peers[0].say(Hello(0, 100, 1, last.number), Hello(0, 100, 1, 2**62))
        assert await workers.ping_all(SHORT) == []


RUBBISH = {
    "no octets": b"",
    "zeros": b"\0" * 40,
    "not msgpack": b"\xc1\xff",
    "unknown tag": b"\x81\xa4type\xa5other",
    "missing field": b"\x81\xa4type\xa5hello",
    "wrong type": b"\x82\xa4type\xa8prepared\xaageneration\xa1x",
    "bad text": b"\x83\xa4type\xa8prepared\xaageneration\x03\xa7trouble\xa2\xff\xfe",
    "deep": b"\x91" * 60_000,
    "too long": b"\x81" * (MAX_MESSAGE + 1),
    "chance": os.urandom(200),
}


@pytest.mark.parametrize("data", RUBBISH.values(), ids=RUBBISH.keys())
async def test_rubbish_is_counted_and_nothing_else(data: bytes) -> None:
    trouble: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: trouble.append(context))
    async with playing(good(0)) as (workers, peers):
        peers[0].socket.send(data)
        assert await workers.prepare(3, LONG) == {}
        assert workers.states()[0].rubbish == 1
    assert trouble == []


async def test_a_flood_does_not_keep_the_loop_from_others() -> None:
    async with playing(good(0), good(1)) as (workers, peers):
        ended = asyncio.Event()

        async def flood() -> None:
            while not ended.is_set():
                with suppress(BlockingIOError):
                    while True:
                        peers[0].say(Hello(0, 100, 1, 5, "x" * 3_000))
                await asyncio.sleep(0)

        flooding = asyncio.ensure_future(flood())
        assert await workers.prepare(3, SHORT) == {}
        # The flooding one's own answer may not fit into its full buffer; the other is heard.
        assert 1 not in await workers.commit(3, 0.5)
        await settle(lambda: len(workers.states()[0].trouble) == 2_000)
        ended.set()
        await flooding


async def test_a_better_base_is_told_to_everyone_and_nobody_answers() -> None:
    async with playing(good(0), dead) as (workers, peers):
        workers.refresh()
        await settle(lambda: all(peer.heard == [Refresh()] for peer in peers))
        assert await workers.prepare(3, SHORT) == {}
        assert await workers.commit(3, SHORT) == [1]


async def test_a_worker_that_never_reads_costs_a_few_messages() -> None:
    with pairs(1) as (near, far):
        near[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        workers = Workers(near)
        workers.start()
        try:
            for number in range(1, 300):
                assert await workers.commit(number, 0) == [0]
                assert await workers.prepare(number + 1, 0) == {}
            channel = workers._channels[0]
            assert set(channel._waiting.values()) == {Commit(299), Prepare(300)}
            # It wakes up, reads what was sent long ago, and is brought up to date at once.
            peer = Peer(far[0], good(0))
            peer.start()
            await settle(lambda: workers.states()[0].generation == 299)
            assert peer.heard[-2:] in ([Commit(299), Prepare(300)], [Prepare(300), Commit(299)])
            assert await workers.prepare(300, LONG) == {}
            peer.stop()
        finally:
            workers.close()


async def test_a_closed_far_end_does_not_spin_or_raise() -> None:
    trouble: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: trouble.append(context))
    async with playing(good(0)) as (workers, peers):
        assert await workers.commit(1, LONG) == []
        peers[0].stop()
        peers[0].socket.shutdown(socket.SHUT_RDWR)
        await settle(lambda: not asyncio.get_running_loop().remove_reader(workers._channels[0]._socket))
        assert await workers.prepare(2, SHORT) == {}
        assert await workers.commit(2, SHORT) == [0]
    assert trouble == []


async def test_after_close_nothing_is_sent_and_nothing_raises() -> None:
    async with playing(good(0)) as (workers, peers):
        workers.close()
        assert await workers.commit(2, 0) == [0]
        assert peers[0].heard == []


# Flushing

NAME = b"\x07example\x03org\0"


async def test_everybody_flushes_and_says_how_much() -> None:
    async with playing(good(0), good(1)) as (workers, peers):
        assert await workers.flush(NAME, True, LONG) == {0: 10, 1: 11}
        (heard,) = peers[0].heard
        assert isinstance(heard, Flush) and (heard.name, heard.below) == (NAME, True)
        assert await workers.flush(None, False, LONG) == {0: 10, 1: 11}


async def test_who_does_not_flush_in_time_is_missing() -> None:
    async with playing(good(0), dead) as (workers, _):
        assert await workers.flush(None, False, SHORT) == {0: 10}
    async with playing() as (workers, _):
        assert await workers.flush(None, False, LONG) == {}


async def test_flushes_at_the_same_time_are_told_apart() -> None:
    async with playing(dead) as (workers, peers):
        first = asyncio.ensure_future(workers.flush(NAME, False, LONG))
        second = asyncio.ensure_future(workers.flush(None, False, LONG))
        await settle(lambda: len(peers[0].heard) == 2)
        one, two = [message.number for message in peers[0].heard if isinstance(message, Flush)]
        peers[0].say(Flushed(two, 2), Flushed(one, 1), Flushed(one, 5))
        assert (await first, await second) == ({0: 5}, {0: 2})


async def test_a_late_or_wrong_confirmation_flushes_nothing() -> None:
    async with playing(dead) as (workers, peers):
        assert await workers.flush(NAME, False, SHORT) == {}
        late = peers[0].heard[0]
        assert isinstance(late, Flush)
        waiting = asyncio.ensure_future(workers.flush(NAME, False, LONG))
        await settle(lambda: len(peers[0].heard) == 2)
        peers[0].say(Flushed(late.number, 9), Flushed(0, 9), Flushed(2**62, 9))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        peers[0].say(Flushed(late.number + 1, 3))
        assert await waiting == {0: 3}


async def test_a_flush_that_was_given_up_leaves_nothing_behind() -> None:
    async with playing(dead) as (workers, _):
        waiting = asyncio.ensure_future(workers.flush(NAME, False, LONG))
        await asyncio.sleep(0)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        assert workers._channels[0].flushing == {}
