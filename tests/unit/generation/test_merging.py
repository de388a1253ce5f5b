"""The child's work on a base: what stands there afterwards is whole, and what was there is not done again."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from resolver.errors import CorruptFile
from resolver.generation import limits, merging
from resolver.generation.bases import Bases
from resolver.generation.blobs import Blobs
from resolver.generation.first import run_job
from resolver.generation.jobs import COMMAND, Job, encode
from resolver.generation.loader import load
from resolver.generation.merging import merge_lists
from tests.unit.generation.made import data_folder, list_entry, put_in_force, wire

NAMES = [[f"n{number}.l{which}.example" for number in range(50)] for which in range(4)]


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture(autouse=True)
def stay_as_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs in this process must not make it humble for the tests after it."""
    monkeypatch.setattr(merging, "_give_way", lambda: None)


def lists(blobs: Blobs) -> dict[str, int]:
    """Some lists, compiled and stored: digest and entries."""
    entries = [list_entry(blobs, *names) for names in NAMES]
    return {entry.rules: entry.entries for entry in entries if entry.rules}


def test_a_base_is_built(blobs: Blobs) -> None:
    sizes = lists(blobs)
    outcome = merge_lists(blobs, list(sizes))
    base = Bases.beside(blobs).best(sizes)
    assert base is not None
    assert (outcome.rules, outcome.entries) == (base.name, 200)
    assert outcome.octets == Bases.beside(blobs).path(base.name).stat().st_size
    assert outcome.build_seconds > 0


def test_one_that_stands_there_is_left_alone_unless_it_is_damaged(blobs: Blobs) -> None:
    digests = list(lists(blobs))
    bases = Bases.beside(blobs)
    first = merge_lists(blobs, digests)
    assert first.rules is not None
    path = bases.path(first.rules)
    before = path.stat().st_ino
    assert merge_lists(blobs, digests[::-1]).rules == first.rules
    assert path.stat().st_ino == before
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] + b"???")
    merge_lists(blobs, digests)
    assert path.read_bytes() == whole


def test_those_before_go(blobs: Blobs) -> None:
    digests = list(lists(blobs))
    merge_lists(blobs, digests[:3])
    last = merge_lists(blobs, digests)
    assert [path.stem for path in Bases.beside(blobs).folder.iterdir()] == [last.rules]


def test_a_list_that_is_missing_is_named(blobs: Blobs) -> None:
    digests = list(lists(blobs))
    blobs.path(digests[1]).unlink()
    with pytest.raises(CorruptFile, match=f"{digests[1]}.rules is missing"):
        merge_lists(blobs, digests)


def test_the_child_does_it_and_does_not_stay(blobs: Blobs) -> None:
    sizes = lists(blobs)
    outcome = run_job(Job(str(blobs.folder), merge=tuple(sizes)))
    assert outcome.failure == "" and outcome.refused is None
    assert Bases.beside(blobs).best(sizes) is not None


def test_memory_that_is_not_there_is_noticed_before_the_library_does(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(octets: int) -> None:
        assert octets > 100 * 200
        raise MemoryError

    monkeypatch.setattr(limits, "need", refuse)
    sizes = lists(blobs)
    with pytest.raises(MemoryError):
        merge_lists(blobs, list(sizes))
    assert Bases.beside(blobs).best(sizes) is None


@pytest.mark.parametrize("memory_mb", [1, 60])
def test_a_child_without_memory_ends_in_words(blobs: Blobs, memory_mb: int) -> None:
    outcome = run_job(Job(str(blobs.folder), merge=tuple(lists(blobs)), memory_mb=memory_mb))
    assert outcome.rules or outcome.failure or outcome.refused


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_everything_working(tmp_path: Path) -> None:
    store, blobs = data_folder(tmp_path)
    many = [[f"n{number}.l{which}.example" for number in range(3_000)] for which in range(4)]
    entries = {f"l{which}": list_entry(blobs, *names) for which, names in enumerate(many)}
    number = put_in_force(store, **entries)
    digests = tuple(entry.rules for entry in entries.values() if entry.rules)
    verdicts = {name: 1 for names in many for name in names[::500]} | {"n1.other.example": 0}
    bases = Bases.beside(blobs)
    for turn in range(12):
        with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin
            child.stdin.write(encode(Job(str(blobs.folder), merge=digests)) + b"\n")
            child.stdin.flush()
            time.sleep(0.02 * turn)
            child.send_signal(signal.SIGKILL)
        loaded = load(store, blobs, number, verify=True)
        assert {name: loaded.ruleset.verdict(wire(name)) for name in verdicts} == verdicts
        bases.keep()
    merge_lists(blobs, digests)
    assert load(store, blobs, number, verify=True).base is not None
    assert not list(bases.folder.glob("*.tmp"))
    store.close()
