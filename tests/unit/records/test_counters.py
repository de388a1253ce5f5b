"""Counters: the names are a promise of `GET /v1/status`, the values plain integers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import resolver
from resolver.generation.messages import MAX_MESSAGE, Stats, decode_for_admin, encode
from resolver.records.counters import COUNTERS, Counters


def test_every_counter_begins_at_zero() -> None:
    assert Counters().snapshot() == dict.fromkeys(COUNTERS, 0)


@pytest.mark.parametrize("name", COUNTERS)
def test_each_counts_alone(name: str) -> None:
    counters = Counters()
    setattr(counters, name, getattr(counters, name) + 3)
    assert {key: value for key, value in counters.snapshot().items() if value} == {name: 3}


def test_a_snapshot_does_not_move() -> None:
    counters = Counters()
    before = counters.snapshot()
    counters.queries += 1
    assert before["queries"] == 0 and counters.snapshot()["queries"] == 1


def test_a_counter_that_is_not_in_the_table_cannot_be_bumped() -> None:
    with pytest.raises(AttributeError):
        Counters().querys = 1  # type: ignore[attr-defined]


def test_every_name_is_stable_and_explained() -> None:
    assert all(re.fullmatch(r"[a-z_]+", name) and len(text) > 10 for name, text in COUNTERS.items())
    assert set(Counters.__annotations__) == set(COUNTERS)


def test_every_counter_is_counted_somewhere() -> None:
    folder = Path(resolver.__file__).parent / "serving"
    source = "\n".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    assert {name for name in COUNTERS if not re.search(rf"\.{name} \+= ", source)} == set()


def test_all_of_them_fit_into_one_message() -> None:
    full = Stats(dict.fromkeys(COUNTERS, 2**63))
    assert len(encode(full)) < MAX_MESSAGE and decode_for_admin(encode(full)) == full
