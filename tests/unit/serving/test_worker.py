"""A worker as a real process: it serves the last good generation at once, whatever else is broken.

Invariant: with a damaged store, a damaged list, no store or no admin process, questions are answered.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from resolver.generation.bases import Bases
from resolver.generation.mapped import open_list
from resolver.generation.messages import Commit, Committed, Hello, Ping, Prepare, Prepared, Refresh, Stats
from resolver.generation.store import FILE_NAME
from resolver.rules.base_layout import name_of_base
from resolver.rules.merge import merge
from tests.support import behaviours as do
from tests.support.client import Connection, ask, make_query, rdatas
from tests.support.upstream import ScriptedUpstream
from tests.unit.generation.made import data_folder, list_entry, put_in_force
from tests.unit.serving.child import SECONDS, WorkerProcess
from tests.unit.serving.ground import extended_errors

pytestmark = pytest.mark.slow


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=do.answer("A 192.0.2.1", ttl=60)) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def push(data: Path, *names: str) -> int:
    """Put a generation in force whose one list blocks these names."""
    store, blobs = data_folder(data)
    with closing(store):
        return put_in_force(store, bad=list_entry(blobs, *names))


def spoil(data: Path, number: int) -> str:
    """Damage the compiled list of a generation; its digest."""
    store, blobs = data_folder(data)
    with closing(store):
        digest = store.manifest(number)[0].lists["bad"].rules
    assert digest is not None
    path = blobs.path(digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return digest


def found(worker: WorkerProcess, name: str, tcp: bool = False) -> set[str]:
    return rdatas(ask(worker.address, name, tcp=tcp, timeout=SECONDS))


BLOCKED, OPEN = {"0.0.0.0"}, {"192.0.2.1"}


def test_the_last_good_generation_is_served_to_the_first_packet(
    data: Path, upstream: ScriptedUpstream
) -> None:
    number = push(data, "bad.example")
    worker = WorkerProcess(data, upstream.url)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        # A packet that is there before the process is.
        client.settimeout(SECONDS)
        client.sendto(make_query("bad.example").to_wire(), worker.address)
        with worker:
            assert rdatas(dns.message.from_wire(client.recv(4096))) == BLOCKED
            hello = worker.hear(Hello)
            assert worker.process is not None
            assert hello == Hello(0, worker.process.pid, number)
            for tcp in (False, True):
                assert found(worker, "bad.example", tcp) == BLOCKED
                assert found(worker, "www.example.org", tcp) == OPEN


def test_swaps_are_seen_by_the_next_question(data: Path, upstream: ScriptedUpstream) -> None:
    push(data, "bad.example")
    with WorkerProcess(data, upstream.url) as worker:
        worker.hear(Hello)
        for turn in range(4):
            names = ("bad.example",) if turn % 2 else ("worse.example",)
            number = push(data, *names)
            worker.say(Prepare(number))
            assert worker.hear(Prepared) == Prepared(number)
            assert found(worker, "bad.example") == (OPEN if turn % 2 else BLOCKED), "not before the commit"
            worker.say(Commit(number))
            assert worker.hear(Committed) == Committed(number)
            assert found(worker, "bad.example") == (BLOCKED if turn % 2 else OPEN)
        worker.say(Ping(7))
        assert worker.hear(Hello).ping == 7
        assert worker.hear(Stats).counters["swaps"] == 4


def test_a_damaged_newest_generation_makes_way_for_the_one_before(
    data: Path, upstream: ScriptedUpstream
) -> None:
    good = push(data, "bad.example")
    bad = push(data, "bad.example", "worse.example")
    digest = spoil(data, bad)
    with WorkerProcess(data, upstream.url) as worker:
        hello = worker.hear(Hello)
        assert hello.generation == good and digest in hello.trouble
        assert found(worker, "bad.example") == BLOCKED
        # A new push mends it.
        mended = push(data, "worse.example")
        worker.say(Commit(mended))
        assert worker.hear(Committed) == Committed(mended)
        assert found(worker, "worse.example") == BLOCKED
        worker.say(Ping(1))
        assert worker.hear(Hello) == Hello(0, hello.pid, mended, 1)
    assert any(event["event"] == "not the generation that should serve" for event in worker.events())


def test_a_generation_that_cannot_be_prepared_leaves_the_old_one(
    data: Path, upstream: ScriptedUpstream
) -> None:
    push(data, "bad.example")
    with WorkerProcess(data, upstream.url) as worker:
        worker.hear(Hello)
        bad = push(data, "worse.example")
        digest = spoil(data, bad)
        worker.say(Prepare(bad))
        assert digest in worker.hear(Prepared).trouble
        assert found(worker, "bad.example") == BLOCKED


def _no_store(data: Path) -> None:
    """Nothing there yet."""


def _empty_store(data: Path) -> None:
    data_folder(data)[0].close()


def _damaged_store(data: Path) -> None:
    push(data, "bad.example")
    (data / FILE_NAME).write_bytes(b"not a database at all" * 500)


def _all_damaged(data: Path) -> None:
    spoil(data, push(data, "bad.example"))


def _no_folder(data: Path) -> None:
    data.rmdir()
    data.write_text("a file where the folder should be")


def _no_blobs(data: Path) -> None:
    """The folder of compiled files cannot be made: something else has its name."""
    data_folder(data)[0].close()
    (data / "blobs").rmdir()
    (data / "blobs").write_text("a file where the folder should be")


@pytest.mark.parametrize(
    "broken", [_no_store, _empty_store, _damaged_store, _all_damaged, _no_folder, _no_blobs]
)
def test_without_rules_it_serves_open_and_says_so(
    data: Path, upstream: ScriptedUpstream, broken: object
) -> None:
    assert callable(broken)
    broken(data)
    with WorkerProcess(data, upstream.url) as worker:
        hello = worker.hear(Hello)
        assert hello.generation == 0 and hello.trouble
        assert found(worker, "bad.example") == OPEN
        assert found(worker, "localhost") == {"127.0.0.1"}


def test_a_store_that_appears_later_is_served(data: Path, upstream: ScriptedUpstream) -> None:
    with WorkerProcess(data, upstream.url) as worker:
        assert worker.hear(Hello).generation == 0
        number = push(data, "bad.example")
        worker.say(Commit(number))
        assert worker.hear(Committed) == Committed(number)
        assert found(worker, "bad.example") == BLOCKED


def test_a_killed_worker_comes_back_to_the_packets_that_waited(
    data: Path, upstream: ScriptedUpstream
) -> None:
    push(data, "bad.example")
    with WorkerProcess(data, upstream.url) as worker:
        worker.hear(Hello)
        assert worker.process is not None
        worker.process.kill()
        worker.process.wait()
        number = push(data, "worse.example")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(SECONDS)
            client.sendto(make_query("worse.example").to_wire(), worker.address)
            worker.start()
            assert rdatas(dns.message.from_wire(client.recv(4096))) == BLOCKED
        assert worker.hear(Hello).generation == number


# The end


def test_sigterm_is_an_orderly_end(data: Path, upstream: ScriptedUpstream) -> None:
    push(data, "bad.example")
    with WorkerProcess(data, upstream.url) as worker:
        worker.hear(Hello)
        assert worker.process is not None
        with Connection(worker.address, SECONDS) as idle:
            idle.send(make_query("bad.example").to_wire())
            idle.receive()
            worker.process.send_signal(signal.SIGTERM)
            assert worker.wait() == 0
            assert idle.hung_up()
    assert [event["level"] for event in worker.events()] == ["info"] * 2, "it serves; it saves what it knows"


def test_a_question_in_flight_is_answered_before_the_end(data: Path, upstream: ScriptedUpstream) -> None:
    upstream.set("slow.example.org", do.after(0.1, do.answer("A 192.0.2.7")))
    with (
        WorkerProcess(data, upstream.url) as worker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        worker.hear(Hello)
        client.settimeout(SECONDS)
        client.sendto(make_query("slow.example.org").to_wire(), worker.address)
        upstream.wait_for(1, SECONDS)
        assert worker.process is not None
        worker.process.terminate()
        assert rdatas(dns.message.from_wire(client.recv(4096))) == {"192.0.2.7"}
        assert worker.wait() == 0


def test_when_the_supervisor_is_gone_it_goes_too(data: Path) -> None:
    with WorkerProcess(data) as worker:
        worker.hear(Hello)
        worker.cut_lifeline()
        assert worker.wait() == 0


def test_it_needs_no_admin_process(data: Path, upstream: ScriptedUpstream) -> None:
    """Nobody reads the channel, until it is full and beyond: answers do not wait for it."""
    push(data, "bad.example")
    with WorkerProcess(data, upstream.url) as worker:
        worker.channel.setblocking(False)
        for number in range(2_000):
            try:
                worker.say(Ping(number))
            except BlockingIOError:
                assert found(worker, "bad.example") == BLOCKED
        assert found(worker, "bad.example") == BLOCKED
        assert found(worker, "www.example.org") == OPEN


def test_no_upstream_answers(data: Path) -> None:
    with WorkerProcess(data) as worker:
        reply = ask(worker.address, "www.example.org", timeout=SECONDS)
        assert (reply.rcode(), extended_errors(reply)) == (dns.rcode.SERVFAIL, [22])


# The base


def merge_in_force(data: Path, *, leave: int = 0) -> None:
    """Build a base of the lists in force but for some, as the compiler would."""
    store, blobs = data_folder(data)
    with closing(store):
        manifest, _ = store.manifest(store.current() or 0)
    digests = sorted(entry.rules for entry in manifest.lists.values() if entry.rules)[leave:]
    bases = Bases.beside(blobs)
    bases.write(name_of_base(digests), merge({digest: open_list(blobs, digest) for digest in digests}))
    bases.keep(name_of_base(digests))


def push_five(data: Path, first: str) -> int:
    """Put a generation of five overlapping lists in force."""
    store, blobs = data_folder(data)
    with closing(store):
        entries = {f"l{n}": list_entry(blobs, f"n{n}.example", "all.example") for n in range(3)}
        entries |= {"free": list_entry(blobs, "free.n1.example", kind="allow")}
        return put_in_force(store, **entries, first=list_entry(blobs, first))


FIVE = {
    "first.example": BLOCKED,
    "n0.example": BLOCKED,
    "www.n1.example": BLOCKED,
    "free.n1.example": OPEN,
    "all.example": BLOCKED,
    "example": OPEN,
    "n3.example": OPEN,
}


def _wait_for_bases(worker: WorkerProcess, count: int) -> list[object]:
    """Wait until the worker has taken so many bases; the generations that it took them for."""
    deadline = time.monotonic() + SECONDS
    while True:
        events = [one for one in worker.events() if one["event"] == "lists are asked through a base"]
        if len(events) >= count:
            return [one["generation"] for one in events]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_building_the_base_anew_changes_no_verdict(data: Path, upstream: ScriptedUpstream) -> None:
    """One generation, its lists asked in turn and through bases of more and more of them."""
    number = push_five(data, "first.example")
    with WorkerProcess(data, upstream.url) as worker:
        worker.hear(Hello)
        for turn, leave in enumerate((5, 2, 1, 0), 1):
            if leave < 5:
                merge_in_force(data, leave=leave)
            for _ in range(2):
                worker.say(Refresh())
            used = _wait_for_bases(worker, turn - 1)
            for tcp in (False, True):
                assert {name: found(worker, name, tcp) for name in FIVE} == FIVE
            worker.say(Ping(turn))  # UDP is answered from flows that lived on, TCP is judged anew
            hello = worker.hear(Hello)
            assert (hello.generation, hello.ping, hello.trouble) == (number, turn, "")
        counters = worker.hear(Stats).counters
        assert counters["swaps"] == 0, "the same generation is no swap"
    assert used == [number] * 3


def test_a_worker_finds_the_base_by_itself_and_a_push_changes_beside_it(
    data: Path, upstream: ScriptedUpstream
) -> None:
    push_five(data, "first.example")
    merge_in_force(data)
    with WorkerProcess(data, upstream.url) as worker:
        worker.hear(Hello)
        assert {name: found(worker, name) for name in FIVE} == FIVE
        number = push_five(data, "other.example")
        worker.say(Prepare(number))
        worker.say(Commit(number))
        assert worker.hear(Committed) == Committed(number)
        changed = FIVE | {"first.example": OPEN, "other.example": BLOCKED}
        assert {name: found(worker, name) for name in changed} == changed


def test_a_damaged_base_is_left_aside(data: Path, upstream: ScriptedUpstream) -> None:
    push_five(data, "first.example")
    merge_in_force(data)
    (path,) = (data / "base").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with WorkerProcess(data, upstream.url) as worker:
        assert worker.hear(Hello).trouble == ""
        assert {name: found(worker, name) for name in FIVE} == FIVE
    left = [event for event in worker.events() if str(event["event"]).startswith("base left aside")]
    assert [event["file"] for event in left] == [str(path)]
