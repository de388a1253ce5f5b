"""Which lists are compared with a push, and which are left out for want of time or because of damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.generation import neighbours
from resolver.generation.blobs import Blobs
from resolver.generation.jobs import Neighbour
from resolver.generation.neighbours import LEAST_STEPS, compare_in_force
from resolver.rules.overlap import Overlap, Side
from tests.unit.generation.made import list_entry
from tests.unit.rules.shorthand import rules_of


@pytest.fixture(autouse=True)
def nothing_checked() -> Iterator[None]:
    """A process that has checked no file yet."""
    neighbours._checked.clear()
    yield
    neighbours._checked.clear()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def neighbour(blobs: Blobs, list_id: str, *names: str, entries: int | None = None) -> Neighbour:
    """A list in force; `entries` is what the manifest claims."""
    entry = list_entry(blobs, *names)
    assert entry.rules is not None
    return Neighbour(list_id, entry.rules, entry.entries if entries is None else entries)


def mine(*names: str) -> Side:
    rules = rules_of(*names)
    return Side(rules, sorted(rules), rules)


def test_lists_in_force_are_compared(blobs: Blobs) -> None:
    others = [
        neighbour(blobs, "one", "a.example", "c.example"),
        neighbour(blobs, "two", "a.example", "b.example"),
    ]
    found = compare_in_force(blobs, mine("a.example", "b.example", "x.b.example"), others)
    assert found.overlaps == [Overlap("two", 2, 1), Overlap("one", 1, 0)]
    assert found.not_compared == []


def test_no_list_beside_it(blobs: Blobs) -> None:
    assert compare_in_force(blobs, mine("a.example"), ()).overlaps == []


def test_the_long_ones_are_left_out(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_STEPS", 7)
    names = [f"n{number}.example" for number in range(5)]
    others = [
        neighbour(blobs, "long", *names, "more.example", entries=1000),
        neighbour(blobs, "short", *names[:1], entries=1),
    ]
    for other in others:
        neighbours._checked.add(other.rules)
    found = compare_in_force(blobs, mine(*names), others)
    assert ([one.list for one in found.overlaps], found.not_compared) == (["short"], ["long"])
    whole = compare_in_force(blobs, mine(*names), others, bounded=False)
    assert ([one.list for one in whole.overlaps], whole.not_compared) == (["long", "short"], [])


def test_checking_a_file_takes_steps_once(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_OCTETS_PER_STEP", 0.001)
    other = neighbour(blobs, "one", "a.example")
    assert compare_in_force(blobs, mine("a.example"), [other]).not_compared == ["one"]
    compare_in_force(blobs, mine("a.example"), [other], bounded=False)
    assert compare_in_force(blobs, mine("a.example"), [other]).not_compared == []


def test_one_name_beside_millions_costs_a_step(blobs: Blobs) -> None:
    other = neighbour(blobs, "huge", "a.example", entries=5_000_000)
    assert neighbours._cost(blobs, mine("a.example"), other) < LEAST_STEPS
    assert compare_in_force(blobs, mine("a.example"), [other]).overlaps == [Overlap("huge", 1)]


@pytest.mark.parametrize("damage", ["missing", "changed", "cut"])
def test_a_damaged_file_spoils_nothing(blobs: Blobs, damage: str) -> None:
    good, bad = neighbour(blobs, "good", "a.example"), neighbour(blobs, "bad", "b.example")
    path = blobs.path(bad.rules)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o600)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data if damage == "changed" else data[:-8])
    found = compare_in_force(blobs, mine("a.example"), [bad, good])
    assert (found.overlaps, found.not_compared) == ([Overlap("good", 1)], ["bad"])
