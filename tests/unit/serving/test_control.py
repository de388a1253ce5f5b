"""The worker's end of the control channel, against a scripted admin process on a real SEQPACKET pair.

Invariants: no message raises or waits; what is confirmed is what is served; a message that is stale,
repeated or rubbish changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from resolver.errors import StoreError
from resolver.generation.blobs import Blobs
from resolver.generation.loader import Loaded, load
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
    decode_for_admin,
    encode,
)
from resolver.generation.store import Store
from resolver.serving.control import Control
from tests.unit.generation.made import data_folder, following, list_entry, put_in_force
from tests.unit.serving.ground import nothing_raises, turns, until


class Serving:
    """What the channel needs of a worker, over a real store; it notes what it is told to serve."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self.store, self.blobs = store, blobs
        self.number = 0
        self.trouble = ""
        self.pointer: int | None = None
        self.served: list[int] = []
        self.loads: list[int] = []
        self.fault: Exception | None = None
        self.better: list[Loaded] = []
        self.refined: list[int] = []
        self.flushed: list[tuple[bytes | None, bool]] = []

    def in_force(self) -> int | None:
        return self.pointer if self.pointer is not None else self.store.current()

    def load(self, number: int) -> Loaded:
        self.loads.append(number)
        if self.fault:
            raise self.fault
        return load(self.store, self.blobs, number, verify=True)

    def serve(self, loaded: Loaded) -> None:
        self.number = loaded.number
        self.served.append(loaded.number)

    def improve(self) -> Loaded | None:
        if self.fault:
            raise self.fault
        return self.better.pop(0) if self.better else None

    def refine(self, better: Loaded) -> bool:
        self.refined.append(better.number)
        return better.number == self.number

    def flush(self, name: bytes | None, below: bool) -> int:
        self.flushed.append((name, below))
        return 12

    def counters(self) -> dict[str, int]:
        return {"queries": 5}


class Admin:
    """The far end: says what a test says, keeps what it hears."""

    def __init__(self, sock: socket.socket, control: Control) -> None:
        self.sock = sock
        self.control = control
        self.heard: list[ToAdmin] = []

    def say(self, *messages: ToWorker | bytes) -> None:
        for message in messages:
            self.sock.send(message if isinstance(message, bytes) else encode(message))

    def listen(self) -> list[ToAdmin]:
        while True:
            try:
                self.heard.append(decode_for_admin(self.sock.recv(MAX_MESSAGE)))
            except BlockingIOError:
                return self.heard

    async def hear(self, count: int) -> list[ToAdmin]:
        """The next so many messages."""
        await until(lambda: len(self.listen()) >= count, f"{count} messages, heard {self.heard}")
        heard, self.heard = self.heard[:count], self.heard[count:]
        return heard


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    store, blobs = data_folder(tmp_path)
    yield Serving(store, blobs)
    store.close()


@asynccontextmanager
async def channel(serving: Serving, start: bool = True) -> AsyncIterator[Admin]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    control = Control(ours, 3, 4711, serving)
    admin = Admin(theirs, control)
    with nothing_raises():
        try:
            if start:
                control.start()
                assert await admin.hear(1) == [Hello(3, 4711, serving.number)]
            yield admin
        finally:
            control.close()
            await turns()
            theirs.close()


def push(serving: Serving, *names: str) -> int:
    return put_in_force(serving.store, bad=list_entry(serving.blobs, *names))


async def test_hello_says_who_and_what(serving: Serving) -> None:
    serving.number, serving.trouble = 4, "x" * 5_000
    async with channel(serving, start=False) as admin:
        admin.control.start()
        (hello,) = await admin.hear(1)
        assert hello == Hello(3, 4711, 4, 0, "x" * 1_000), "a trouble text is bounded"


async def test_a_ping_is_answered_with_its_number(serving: Serving) -> None:
    async with channel(serving) as admin:
        admin.say(Ping(77), Ping(78))
        assert await admin.hear(2) == [Hello(3, 4711, 0, 77), Hello(3, 4711, 0, 78)]


async def test_prepare_then_commit(serving: Serving) -> None:
    number = push(serving, "bad.example")
    async with channel(serving) as admin:
        admin.say(Prepare(number))
        assert await admin.hear(1) == [Prepared(number)]
        assert serving.served == [], "preparing changes no answer"
        admin.say(Commit(number))
        assert await admin.hear(1) == [Committed(number)]
    assert serving.served == [number] and serving.loads == [number]


async def test_a_staged_generation_can_be_prepared(serving: Serving) -> None:
    push(serving, "bad.example")
    staged = following(serving.store, bad=list_entry(serving.blobs, "worse.example"))
    serving.store.stage(staged)
    async with channel(serving) as admin:
        admin.say(Prepare(staged.number))
        assert await admin.hear(1) == [Prepared(staged.number)]


async def test_commit_without_prepare_loads_now(serving: Serving) -> None:
    number = push(serving, "bad.example")
    async with channel(serving) as admin:
        admin.say(Commit(number))
        assert await admin.hear(1) == [Committed(number)]
    assert serving.served == [number]


async def test_commit_of_another_than_was_prepared(serving: Serving) -> None:
    first, second = push(serving, "bad.example"), push(serving, "worse.example")
    async with channel(serving) as admin:
        admin.say(Prepare(first), Commit(second))
        assert await admin.hear(2) == [Prepared(first), Committed(second)]
    assert serving.served == [second]


async def test_a_corrupt_file_is_refused_and_nothing_changes(serving: Serving) -> None:
    good = push(serving, "bad.example")
    bad = push(serving, "worse.example")
    digest = serving.store.manifest(bad)[0].lists["bad"].rules
    assert digest is not None
    path = serving.blobs.path(digest)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    serving.number = good
    async with channel(serving) as admin:
        admin.say(Prepare(bad), Commit(bad))
        prepared, committed = await admin.hear(2)
        assert isinstance(prepared, Prepared) and digest in prepared.trouble
        assert isinstance(committed, Committed) and digest in committed.trouble
    assert serving.served == [] and serving.number == good


UNKNOWN = [99, 0, -1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]


@pytest.mark.parametrize("number", UNKNOWN)
async def test_an_unknown_generation_is_refused(serving: Serving, number: int) -> None:
    push(serving, "bad.example")
    async with channel(serving) as admin:
        admin.say(Prepare(number))
        (prepared,) = await admin.hear(1)
        assert isinstance(prepared, Prepared) and prepared.generation == number and prepared.trouble
        admin.say(Ping(1))
        assert len(await admin.hear(1)) == 1


@pytest.mark.parametrize(
    "fault", [StoreError("the disk is full"), MemoryError(), OSError(5, "input/output error")]
)
async def test_our_own_trouble_is_told(serving: Serving, fault: Exception) -> None:
    async with channel(serving) as admin:
        serving.fault = fault
        admin.say(Prepare(1))
        assert await admin.hear(1) == [Prepared(1, str(fault) or "MemoryError")]


# Stale and repeated messages


async def test_a_stale_commit_does_not_take_us_back(serving: Serving) -> None:
    """It waited in the channel while this worker was dead; the pointer says what is in force."""
    old, new = push(serving, "bad.example"), push(serving, "worse.example")
    serving.number = new
    async with channel(serving) as admin:
        admin.say(Prepare(old), Commit(old))
        prepared, committed = await admin.hear(2)
        assert prepared == Prepared(old)
        assert committed == Committed(old, f"generation {new} is in force by now")
        assert serving.number == new and serving.served == []
        # A rollback is no such thing: the pointer went there first.
        serving.pointer = old
        admin.say(Commit(old))
        assert await admin.hear(1) == [Committed(old)]
    assert serving.number == old


async def test_repeats_are_idempotent(serving: Serving) -> None:
    number = push(serving, "bad.example")
    async with channel(serving) as admin:
        admin.say(*[Prepare(number)] * 3, *[Commit(number)] * 3)
        assert await admin.hear(6) == [Prepared(number)] * 3 + [Committed(number)] * 3
        admin.say(Commit(number))
        assert await admin.hear(1) == [Committed(number)]
    assert serving.served == [number], "what is served already is not served again"


async def test_a_prepare_that_is_never_committed_is_replaced(serving: Serving) -> None:
    first, second = push(serving, "bad.example"), push(serving, "worse.example")
    async with channel(serving) as admin:
        for number in (first, second):
            admin.say(Prepare(number))
            assert await admin.hear(1) == [Prepared(number)]
        admin.say(Commit(second))
        await admin.hear(1)
    assert serving.served == [second] and serving.loads == [first, second]


async def test_a_pointer_that_cannot_be_read_stops_no_commit(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = push(serving, "bad.example")
    monkeypatch.setattr(serving, "in_force", lambda: None)
    async with channel(serving) as admin:
        admin.say(Commit(number))
        assert await admin.hear(1) == [Committed(number)]


# A better base


async def test_a_better_base_is_used_and_nothing_is_confirmed(serving: Serving) -> None:
    serving.number = push(serving, "bad.example")
    serving.better = [load(serving.store, serving.blobs, serving.number, verify=True)]
    async with channel(serving) as admin:
        admin.say(Refresh())
        await until(lambda: serving.refined)
        admin.say(Refresh(), Ping(1))
        assert await admin.hear(1) == [Hello(3, 4711, serving.number, 1)]
    assert serving.refined == [serving.number] and serving.served == [], "no swap"


async def test_a_generation_that_came_meanwhile_is_looked_at_as_well(serving: Serving) -> None:
    old, new = push(serving, "bad.example"), push(serving, "worse.example")
    serving.better = [load(serving.store, serving.blobs, one, verify=True) for one in (old, new)]
    serving.number = new
    async with channel(serving) as admin:
        admin.say(Refresh())
        await until(lambda: len(serving.refined) == 2)
    assert serving.refined == [old, new]


async def test_a_base_that_cannot_be_loaded_is_no_trouble(serving: Serving) -> None:
    number = push(serving, "bad.example")
    async with channel(serving) as admin:
        for fault in (StoreError("the disk is full"), MemoryError(), OSError(5, "input/output error")):
            serving.fault = fault
            admin.say(Refresh(), Ping(2))
            assert await admin.hear(1) == [Hello(3, 4711, 0, 2)]
            await turns()
        serving.fault = None
        admin.say(Commit(number))
        assert await admin.hear(1) == [Committed(number)]


async def test_no_change_waits_for_a_base(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    number = push(serving, "bad.example")
    entered, leave = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow() -> Loaded | None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(10)
        return None

    monkeypatch.setattr(serving, "improve", slow)
    async with channel(serving) as admin:
        admin.say(Refresh())
        await entered.wait()
        admin.say(Prepare(number), Commit(number))
        assert await admin.hear(2) == [Prepared(number), Committed(number)]
        leave.set()


# Flushing


@pytest.mark.parametrize("name", [None, b"\x03org\0", b"no name at all"])
@pytest.mark.parametrize("below", [False, True])
async def test_a_flush_is_done_at_once_and_confirmed(
    serving: Serving, name: bytes | None, below: bool
) -> None:
    async with channel(serving) as admin:
        admin.say(Flush(7, name, below), Flush(8, name, below), Ping(2))
        assert await admin.hear(3) == [Flushed(7, 12), Flushed(8, 12), Hello(3, 4711, 0, 2)]
        assert serving.flushed == [(name, below)] * 2


# Rubbish


RUBBISH = [
    b"\xc1",
    b"\x00" * 100,
    b"prepare",
    b"\xff" * MAX_MESSAGE,
    msgspec.msgpack.encode({"type": "prepare"}),
    msgspec.msgpack.encode({"type": "prepare", "generation": "1"}),
    msgspec.msgpack.encode({"type": "prepare", "generation": 1.5}),
    msgspec.msgpack.encode({"type": "erase everything"}),
    msgspec.msgpack.encode({"type": "flush", "number": 1, "name": b"x" * 256}),
    msgspec.msgpack.encode([]),
    b"\x81\xa4type\xa4\xff\xfe\xfd\xfc",
    b"\x81\xa1x" + b"\x91" * 60_000,
    encode(Hello(0, 1, 1)),
]


@pytest.mark.parametrize("octets", RUBBISH, ids=range(len(RUBBISH)))
async def test_rubbish_is_passed_over(serving: Serving, octets: bytes) -> None:
    async with channel(serving) as admin:
        admin.say(octets, Ping(9))
        assert await admin.hear(1) == [Hello(3, 4711, 0, 9)]
        assert serving.loads == []


async def test_a_message_of_no_octets_ends_nothing(serving: Serving) -> None:
    async with channel(serving) as admin:
        admin.say(b"", Ping(9))
        assert await admin.hear(1) == [Hello(3, 4711, 0, 9)]


async def test_a_flood_is_read_in_batches(serving: Serving) -> None:
    async with channel(serving, start=False) as admin:
        admin.say(*[Ping(number) for number in range(40)])
        admin.control.readable()
        assert len(admin.listen()) == 16


# A channel that nobody reads


async def test_nobody_listens_and_nothing_waits(serving: Serving) -> None:
    number = push(serving, "bad.example")
    async with channel(serving) as admin:
        for _ in range(5_000):  # far more than the channel holds
            admin.control.tick()
        admin.say(Commit(number))
        await until(lambda: serving.number == number)
        await turns()
        admin.control.tick()
        heard: list[ToAdmin] = []
        # When somebody reads again the confirmation is there; of the counters only some were kept.
        while Committed(number) not in heard:
            heard += [*admin.listen()]
            admin.heard = []
            admin.control.tick()
        assert sum(isinstance(message, Stats) for message in heard) < 5_000
        assert [m for m in heard if isinstance(m, Committed)] == [Committed(number)]


async def test_what_waits_is_bounded(serving: Serving) -> None:
    async with channel(serving) as admin:
        while admin.control._transmit(encode(Stats({"queries": 1}))):
            pass
        for number in range(100):
            admin.control._hello(number)
        assert len(admin.control._unsent) <= 8
        heard: list[ToAdmin] = []
        for _ in range(10):
            heard += [*admin.listen()]
            admin.heard = []
            admin.control.tick()
        pings = [message.ping for message in heard if isinstance(message, Hello)]
        assert pings == list(range(92, 100)), "the newest, in their order"


async def test_counters_go_out_with_every_tick(serving: Serving) -> None:
    async with channel(serving) as admin:
        admin.control.tick()
        assert await admin.hear(1) == [Stats({"queries": 5})]


async def test_loading_does_not_hold_up_the_loop(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    number = push(serving, "bad.example")
    entered, leave = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    real = serving.load

    def slow(wanted: int) -> Loaded:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(10)
        return real(wanted)

    monkeypatch.setattr(serving, "load", slow)
    async with channel(serving) as admin:
        admin.say(Prepare(number), Commit(number))
        await entered.wait()
        admin.say(Ping(5))
        assert await admin.hear(1) == [Hello(3, 4711, 0, 5)], "pings are answered meanwhile"
        leave.set()
        assert await admin.hear(2) == [Prepared(number), Committed(number)]


async def test_closing_while_something_loads(serving: Serving) -> None:
    number = push(serving, "bad.example")
    async with channel(serving) as admin:
        admin.say(*[Prepare(number)] * 10)
        await until(lambda: serving.loads)
