"""The chain: whatever is changed, dropped, added or swapped in it is found and named by its row."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.generation.journal import JournalRow, broken_links, next_row, row_hash

AT = "2026-01-02T03:04:05Z"
GENERATIONS = {number: f"{number:064x}" for number in range(1, 6)}
PATH = (1, 2, 3, 1, 4, 5)


def chain(path: tuple[int, ...] = PATH) -> list[JournalRow]:
    """A whole journal that puts one generation after the other in force."""
    rows: list[JournalRow] = []
    for number in path:
        entry = (AT, "ann", "why", "push", "192.0.2.7")
        last = rows[-1] if rows else None
        before = last.generation if last else None
        rows.append(next_row(last, entry, number, previous=before, manifest=GENERATIONS[number]))
    return rows


def test_a_whole_chain_has_no_breaks() -> None:
    assert broken_links(chain(), GENERATIONS, 5) == []
    assert broken_links([], {}, None) == []


def test_rows_count_from_one_and_each_hash_is_its_own() -> None:
    rows = chain()
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    assert len({row.hash for row in rows}) == len(rows)


@pytest.mark.parametrize("index", range(len(PATH)))
@pytest.mark.parametrize(
    "change",
    [
        {"at": "2026-01-02T03:04:06Z"},
        {"author": "bob"},
        {"reason": ""},
        {"action": "rollback"},
        {"generation": 2},
        {"previous": 4},
        {"manifest": "f" * 64},
        {"source": ""},
        {"hash": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_field_is_named_by_its_row(index: int, change: dict[str, object]) -> None:
    rows = chain()
    changed = msgspec.structs.replace(rows[index], **change)
    if changed == rows[index]:
        return
    rows[index] = changed
    breaks = broken_links(rows, GENERATIONS, 5)
    assert any(f"row {index + 1} does not match its hash" in text for text in breaks)


@pytest.mark.parametrize("index", range(len(PATH) - 1))
def test_a_missing_row_is_named(index: int) -> None:
    rows = chain()
    del rows[index]
    assert any("missing" in text for text in broken_links(rows, GENERATIONS, 5))


def test_a_missing_last_row_is_seen_by_the_pointer() -> None:
    breaks = broken_links(chain()[:-1], GENERATIONS, 5)
    assert breaks == ["the journal ends with generation 4, but 5 is in force"]


def test_rows_that_changed_places_are_found() -> None:
    rows = chain()
    rows[1], rows[2] = rows[2], rows[1]
    assert broken_links(rows, GENERATIONS, 5)


def test_a_forged_row_that_hashes_right_breaks_the_next_one() -> None:
    rows = chain()
    forged = msgspec.structs.replace(rows[2], author="mallory")
    rows[2] = msgspec.structs.replace(forged, hash=row_hash(rows[1].hash, forged))
    assert broken_links(rows, GENERATIONS, 5) == [
        "journal row 4 does not match its hash: it, or the row before, was changed"
    ]


def test_a_manifest_put_in_anothers_place_is_found() -> None:
    swapped = GENERATIONS | {3: "e" * 64}
    assert broken_links(chain(), swapped, 5) == ["journal row 3 names another manifest than generation 3 has"]


@given(st.lists(st.integers(1, 5), max_size=12).map(tuple))
def test_every_history_verifies(path: tuple[int, ...]) -> None:
    assert broken_links(chain(path), GENERATIONS, path[-1] if path else None) == []


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_text_cannot_move_from_one_field_to_the_next(a: str, b: str, c: str, d: str) -> None:
    first = JournalRow(1, AT, a, b, "push", 1, None, "0" * 64, "")
    second = JournalRow(1, AT, c, d, "push", 1, None, "0" * 64, "")
    assert (row_hash("", first) == row_hash("", second)) == ((a, b) == (c, d))
