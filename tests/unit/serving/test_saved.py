"""The saved cache: what comes back, with which age, and that no file can do harm."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.answers import Relay
from resolver.dns.names import from_text, to_text
from resolver.dns.records import walk
from resolver.serving.cache import AnswerCache, Key
from resolver.serving.saved import MAGIC, SavedCache
from resolver.settings import Dns, Settings
from resolver.upstreams import Upstream
from tests.support import behaviours as do
from tests.support.behaviours import Behaviour
from tests.unit.serving.ground import query_of, reply_to

DAY = 86_400.0
STOPPED = 1_800_000_000.0
"""Seconds of the wall clock when everything here is saved."""

GOOD = do.answer("A 192.0.2.1", ttl=600)


class Machine:
    """A data folder, its wall clock, and the runs of one worker in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall = STOPPED
        self.dns = Dns(cache_mb=1)
        self.upstream = Settings().upstream
        self.boot: bytes | None = bytes(15) + b"\1"

    def saved(self, worker: int = 0) -> SavedCache:
        settings = Settings(data_dir=str(self.folder), dns=self.dns, upstream=self.upstream)
        return SavedCache(settings, worker, lambda: self.wall, self.boot)

    def stop(self, cache: AnswerCache, now: float, seconds: float = 60.0) -> int:
        """Save what a run knew at `now` on its own clock."""
        return self.saved().save(cache, now, seconds)

    def start(self, now: float = 5.0, stale: float = DAY, octets: int = 1 << 20) -> AnswerCache:
        """What the next run knows; its clock began somewhere else."""
        cache = AnswerCache(octets, stale)
        asyncio.run(self.saved().load(cache, lambda: now))
        return cache

    @property
    def file(self) -> Path:
        return self.folder / "cache-0.bin"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def key(name: str, qtype: int = 1, flags: int = 0) -> Key:
    return (from_text(name), qtype, 1, flags)


def relay(behaviour: Behaviour = GOOD, stored: float = 0.0, name: str = "www.example.org") -> Relay:
    return Relay(walk(reply_to(query_of(name), behaviour)), stored)


def cache_of(*entries: tuple[Key, Relay], octets: int = 1 << 20) -> AnswerCache:
    cache = AnswerCache(octets, DAY)
    for one, answer in entries:
        cache.put(one, answer)
    return cache


def warnings(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged above level info."""
    events = [msgspec.json.decode(line) for line in capsys.readouterr().err.splitlines()]
    return [event for event in events if event["level"] != "info"]


BEHAVIOURS: dict[str, Behaviour] = {
    "address": GOOD,
    "chain": do.answer("CNAME b.example.org.", "b.example.org. 70 IN A 192.0.2.7"),
    "NXDOMAIN": do.nxdomain(),
    "NODATA": do.nodata(),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_an_answer_comes_back_as_it_was_and_a_minute_older(machine: Machine, behaviour: Behaviour) -> None:
    query = query_of()
    before = relay(behaviour, 940.0)
    assert machine.stop(cache_of((query.cache_key, before)), 950.0) == 1
    machine.wall += 10.0
    after = machine.start(now=5.0).get(query.cache_key, 5.0)
    assert after is not None
    assert after.stored == pytest.approx(5.0 - 20.0)
    assert after.render(query, 20) == before.render(query, 20)
    assert (after.targets, after.negative, after.lifetime) == (
        before.targets,
        before.negative,
        before.lifetime,
    )


def test_keys_come_back_as_they_were(machine: Machine) -> None:
    keys = [key("www.example.org"), key("www.example.org", 1, 17), key(r"a\.b\000.example.org"), key(".")]
    machine.stop(cache_of(*((one, relay(name=to_text(one[0]))) for one in keys)), 1.0)
    assert {one for one, _ in machine.start().entries()} == set(keys)


# Ages

AGES: list[tuple[str, float, float, bool]] = [
    ("at once", 0.0, 0.0, True),
    ("within its lifetime", 500.0, 0.0, True),
    ("at the end of its lifetime", 600.0, 0.0, False),
    ("stale", 600.0, DAY, True),
    ("too stale", 600.0 + DAY, DAY, False),
    ("a week", 604_800.0, 10 * DAY, False),
    ("the clock went back", -1.0, DAY, False),
    ("the clock went back for years", -1e9, DAY, False),
]


@pytest.mark.parametrize(("off", "stale", "known"), [row[1:] for row in AGES], ids=[row[0] for row in AGES])
def test_what_time_does_to_it(machine: Machine, off: float, stale: float, known: bool) -> None:
    machine.stop(cache_of((key("www.example.org"), relay())), 0.0)
    machine.wall += off
    cache = machine.start(now=5.0, stale=stale)
    assert len(cache) == known
    found = cache.get(key("www.example.org"), 5.0)
    if found is not None:
        assert 5.0 - found.stored == pytest.approx(off)


def test_no_number_of_restarts_makes_an_answer_younger(machine: Machine) -> None:
    machine.stop(cache_of((key("www.example.org"), relay())), 0.0)
    for restart in range(1, 7):
        machine.wall += 100.0
        cache = machine.start(now=5.0)
        found = cache.get(key("www.example.org"), 5.0)
        assert found is not None and 5.0 - found.stored == pytest.approx(100.0 * restart)
        machine.stop(cache, 5.0)
    assert machine.start(stale=0.0).get(key("www.example.org"), 5.0) is None


def test_an_answer_from_the_future_is_dropped_alone(machine: Machine) -> None:
    machine.stop(cache_of((key("a.example"), relay(stored=10.0)), (key("b.example"), relay())), 5.0)
    machine.wall += 1.0
    assert [one for one, _ in machine.start().entries()] == [key("b.example")]


def test_what_is_too_old_is_not_saved(machine: Machine) -> None:
    cache = cache_of((key("a.example"), relay()), (key("b.example"), relay(stored=1_000.0)))
    assert machine.stop(cache, 600.0 + DAY) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [(bytes(15) + b"\1", bytes(15) + b"\2"), (bytes(15) + b"\1", bytes(16)), (bytes(16), bytes(16))],
    ids=["another boot", "not named", "never named"],
)
def test_after_a_reboot_answers_are_there_for_when_upstreams_fail(
    machine: Machine, before: bytes, after: bytes
) -> None:
    one, other = relay(), relay(do.answer("A 192.0.2.9", ttl=60), stored=-100.0)
    machine.boot = before
    machine.stop(cache_of((key("a.example"), one), (key("b.example"), other)), 0.0)
    machine.boot = after
    known = machine.start(now=5.0)
    for name, expected in (("a.example", 600.0), ("b.example", 100.0)):
        found = known.get(key(name), 5.0)
        assert found is not None and 5.0 - found.stored == pytest.approx(expected), "past its time"
    machine.stop(known, 5.0)
    assert len(machine.start(stale=0.0)) == 0


def test_the_kernel_names_the_boot(machine: Machine) -> None:
    machine.boot = None
    machine.stop(cache_of((key("a.example"), relay())), 0.0)
    found = machine.start(now=5.0).get(key("a.example"), 5.0)
    assert found is not None and 5.0 - found.stored < found.lifetime


# The file


def test_only_the_owner_reads_the_file_and_it_goes_when_it_was_read(machine: Machine) -> None:
    machine.stop(cache_of((key("www.example.org"), relay())), 0.0)
    assert [path.name for path in machine.folder.iterdir()] == ["cache-0.bin"]
    assert machine.file.stat().st_mode & 0o777 == 0o600
    machine.start()
    assert list(machine.folder.iterdir()) == []


def test_an_older_file_is_replaced_and_so_is_half_a_file(machine: Machine) -> None:
    (machine.folder / "cache-0.bin.tmp").write_bytes(b"x" * 100_000)
    machine.stop(cache_of((key("a.example"), relay())), 0.0)
    machine.stop(cache_of((key("b.example"), relay())), 0.0)
    assert [one for one, _ in machine.start().entries()] == [key("b.example")]


def test_files_that_nobody_will_read_are_deleted(machine: Machine) -> None:
    for name in ("cache-1.bin", "cache-7.bin", "cache-0.bin.tmp", "cache-1.bin.tmp", "cache-x.bin"):
        (machine.folder / name).write_bytes(b"")
    (machine.folder / "generations.db").write_bytes(b"")
    machine.dns = msgspec.structs.replace(machine.dns, workers=2)
    machine.start()
    left = {"cache-1.bin", "cache-1.bin.tmp", "generations.db"}
    assert {path.name for path in machine.folder.iterdir()} == left


def test_without_the_setting_nothing_is_saved_and_what_was_is_deleted(machine: Machine) -> None:
    cache = cache_of((key("www.example.org"), relay()))
    machine.stop(cache, 0.0)
    machine.dns = msgspec.structs.replace(machine.dns, save_cache=False)
    assert len(machine.start()) == 0 and not machine.file.exists()
    assert machine.stop(cache, 0.0) == 0 and not machine.file.exists()


def test_answers_of_other_upstreams_do_not_come_back(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.stop(cache_of((key("www.example.org"), relay())), 0.0)
    machine.upstream = (Upstream("udp://192.0.2.53"),)
    assert len(machine.start()) == 0
    assert warnings(capsys) == [], "somebody wanted it so"


def test_the_first_start_is_silent(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(machine.start()) == 0
    assert capsys.readouterr().err == ""


def test_each_worker_has_its_own(machine: Machine) -> None:
    machine.saved(0).save(cache_of((key("a.example"), relay())), 0.0)
    machine.saved(1).save(cache_of((key("b.example"), relay())), 0.0)
    machine.dns = msgspec.structs.replace(machine.dns, workers=2)
    assert [one for one, _ in machine.start().entries()] == [key("a.example")]


# Bounds


def full(octets: int = 1 << 20) -> AnswerCache:
    """A cache that is full, numbers ascending; the first ten were asked for all the time."""
    cache = AnswerCache(octets, DAY)
    walked = walk(reply_to(query_of("n000000.example"), GOOD))  # all names are equally long, as pointers want
    for number in range(octets // relay().octets + 500):
        cache.put(numbered(number), Relay(walked, 0.0))
        for popular in range(10 if number % 100 == 0 else 0):
            cache.get(numbered(popular), 0.0)
    return cache


def numbered(number: int) -> Key:
    return (b"\x07n%06d\x07example\0" % number, 1, 1, 0)


def test_a_full_cache_comes_back_whole_and_what_was_young_is_young(machine: Machine) -> None:
    cache = full()
    assert cache.old
    assert machine.stop(cache, 1.0) == len(cache)
    assert machine.file.stat().st_size < 1 << 20
    after = machine.start()
    assert set(after.young) | set(after.old) == set(cache.young) | set(cache.old)
    assert set(cache.young) <= set(after.young)


def test_when_time_is_over_the_popular_ones_are_saved(machine: Machine) -> None:
    cache = full(4 << 20)
    machine.dns = msgspec.structs.replace(machine.dns, cache_mb=4)
    saved = machine.stop(cache, 1.0, seconds=0.0)
    assert 10 < saved < len(cache)
    after = machine.start(octets=4 << 20)
    assert len(after) == saved and numbered(0) in after.young


def test_a_smaller_cache_takes_what_fits(machine: Machine) -> None:
    machine.stop(full(), 1.0)
    after = machine.start(octets=100_000)
    assert 100 < len(after) * relay().octets / 500 <= 200
    assert numbered(0) in after.young


def test_the_file_is_not_larger_than_the_cache_may_be(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    query = query_of(qtype="TXT")
    large = [(key(f"n{n}.example", 16), Relay(walk(reply_to(query, do.big(60_000))), 0.0)) for n in range(30)]
    cache = cache_of(*large, octets=8 << 20)
    assert 5 < machine.stop(cache, 1.0) < 30
    assert machine.file.stat().st_size <= 1 << 20
    machine.file.write_bytes(bytes((1 << 20) + 1))
    capsys.readouterr()
    assert len(machine.start()) == 0
    assert len(warnings(capsys)) == 1


def test_what_was_learnt_since_is_newer(machine: Machine) -> None:
    machine.stop(cache_of((key("a.example"), relay()), (key("b.example"), relay())), 0.0)
    cache, newer = AnswerCache(1 << 20, DAY), relay(stored=1_000.0)
    cache.put(key("a.example"), newer)
    asyncio.run(machine.saved().load(cache, lambda: 1_000.0))
    assert cache.get(key("a.example"), 1_000.0) is newer
    assert cache.get(key("b.example"), 1_000.0) is not None


async def test_packets_come_between_and_a_flush_ends_it(machine: Machine) -> None:
    machine.stop(full(), 1.0)
    cache = AnswerCache(1 << 20, DAY)
    loading = asyncio.ensure_future(machine.saved().load(cache, lambda: 5.0))
    sizes = []
    while len(cache) < 500:
        await asyncio.sleep(0)
        sizes.append(len(cache))
    assert all(after - before <= 25 for before, after in pairwise(sizes))
    cache.flush(from_text("example"), below=True)
    assert await loading <= 525 and len(cache) == 0


# Whatever stands in the file

DIGEST = 32
HEADER = 72


def sealed(octets: bytes) -> bytes:
    """With the digest that belongs to it."""
    return octets + hashlib.sha256(octets).digest()


def entry(
    name: bytes = b"\1a\0", stored: float = 0.0, length: int | None = None, octets: bytes = b""
) -> bytes:
    head = Struct(">BHHHdI").pack(
        len(name) & 0xFF, 1, 1, 0, stored, len(octets) if length is None else length
    )
    return head + name + octets


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "one octet": lambda data: data[:1],
    "header alone": lambda data: data[:HEADER],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "one octet short": lambda data: data[:-1],
    "one octet more": lambda data: data + b"x",
    "digest of something else": lambda data: data[:-DIGEST] + bytes(DIGEST),
    "a flipped bit": lambda data: data[:99] + bytes((data[99] ^ 1,)) + data[100:],
    "another version": lambda data: sealed(MAGIC[:-1] + b"\7" + data[16:-DIGEST]),
    "an older program's": lambda data: b"SQLite format 3\0" * 20,
    "saved tomorrow": lambda data: sealed(data[:64] + Struct(">d").pack(STOPPED + DAY) + data[72:-DIGEST]),
    "saved at no time": lambda data: sealed(data[:64] + Struct(">d").pack(float("nan")) + data[72:-DIGEST]),
    "half an answer": lambda data: sealed(data[:HEADER] + entry()[:9]),
    "octets that are not there": lambda data: sealed(data[:HEADER] + entry(length=1 << 31)),
    "no name": lambda data: sealed(data[:HEADER] + entry(b"\5a\0", octets=bytes(12))),
    "a name in capitals": lambda data: sealed(data[:HEADER] + entry(b"\1A\0", octets=bytes(12))),
    "no answer": lambda data: sealed(data[:HEADER] + entry(octets=b"\0\0\x80\0\0\1\0\1" + bytes(4))),
    "less than a header": lambda data: sealed(data[:HEADER] + entry(octets=bytes(11))),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_event_and_nothing_else(
    machine: Machine, capsys: pytest.CaptureFixture[str], broken: Callable[[bytes], bytes]
) -> None:
    machine.stop(cache_of((key("www.example.org"), relay())), 0.0)
    machine.file.write_bytes(broken(machine.file.read_bytes()))
    capsys.readouterr()
    machine.wall += 1.0
    assert len(machine.start()) == 0
    events = warnings(capsys)
    assert len(events) == 1 and events[0]["path"] == str(machine.file) and events[0]["reason"]
    assert not machine.file.exists()


@pytest.mark.parametrize("stored", [float("nan"), float("inf"), float("-inf"), -1e300, 1e300])
def test_times_that_are_none(machine: Machine, stored: float) -> None:
    machine.stop(cache_of(), 0.0)
    packed = relay(name="a").pack()
    machine.file.write_bytes(sealed(machine.file.read_bytes()[:HEADER] + entry(stored=stored, octets=packed)))
    assert len(machine.start()) == 0


@given(octets=st.binary(max_size=300), at=st.integers(0, 400))
def test_no_octets_raise_or_make_an_answer_live_longer(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes, at: int
) -> None:
    machine = Machine(tmp_path_factory.mktemp("data"))
    machine.stop(cache_of((key("www.example.org"), relay()), (key("b.example"), relay())), 0.0)
    whole = machine.file.read_bytes()[:-DIGEST]
    at = min(HEADER + at, len(whole))
    machine.file.write_bytes(sealed(whole[:at] + octets + whole[at:]))
    for one, answer in machine.start(now=5.0).entries():
        assert 0 < answer.lifetime <= 604_800 and answer.stored <= 5.0
        assert one[0] == one[0].lower()


# A disk that fails


def test_a_file_that_cannot_be_written_or_read_is_one_event(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.file.mkdir()
    assert machine.stop(cache_of((key("www.example.org"), relay())), 0.0) == 0
    assert len(warnings(capsys)) == 1
    assert [path.name for path in machine.folder.iterdir()] == ["cache-0.bin"]
    assert len(machine.start()) == 0
    assert len(warnings(capsys)) == 1


def test_a_full_disk_leaves_nothing_half(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    assert machine.stop(cache_of((key("www.example.org"), relay())), 0.0) == 0
    assert "the disk is full" in warnings(capsys)[0]["reason"]
    assert list(machine.folder.iterdir()) == []


def test_a_folder_that_is_gone(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.folder = machine.folder / "gone"
    assert machine.stop(cache_of(), 0.0) == 0
    assert len(machine.start()) == 0
    assert len(warnings(capsys)) == 1
