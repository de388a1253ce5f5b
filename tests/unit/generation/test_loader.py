"""From a number to verdicts: what is loaded is what the manifest names, or the fault is named.

Invariant of `load_last_good`: it never raises, and whatever it returns answers by exactly one
generation that was once in force.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.errors import CorruptFile, UnknownGeneration
from resolver.generation.bases import Bases
from resolver.generation.blobs import Blobs
from resolver.generation.loader import Loaded, load, load_last_good, with_better_base
from resolver.generation.manifest import ListEntry
from resolver.generation.mapped import open_list
from resolver.generation.store import FILE_NAME, Store
from resolver.policy.decide import NONE
from resolver.rules.base_layout import name_of_base
from resolver.rules.merge import merge
from resolver.rules.model import ALLOWED, BLOCKED
from tests.unit.generation.made import AT, data_folder, following, list_entry, put_in_force, wire


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[Store, Blobs]]:
    store, blobs = data_folder(tmp_path)
    yield store, blobs
    store.close()


def spoil(blobs: Blobs, digest: str | None, *, position: int = -1) -> None:
    """Flip one bit of a compiled file."""
    assert digest is not None
    path = blobs.path(digest)
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize("verify", [True, False])
def test_what_is_loaded_answers(folder: tuple[Store, Blobs], verify: bool) -> None:
    store, blobs = folder
    number = put_in_force(
        store,
        bad=list_entry(blobs, "bad.example", "worse.example"),
        good=list_entry(blobs, "good.bad.example", kind="allow"),
    )
    loaded = load(store, blobs, number, verify=verify)
    assert loaded.number == number
    assert (loaded.manifest, loaded.digest) == store.manifest(number)
    assert [(entry.id, entry.kind) for entry in loaded.lists] == [("bad", "block"), ("good", "allow")]
    verdicts = {
        "bad.example": BLOCKED,
        "www.worse.example": BLOCKED,
        "good.bad.example": ALLOWED,
        "example.org": NONE,
    }
    assert {name: loaded.ruleset.verdict(wire(name)) for name in verdicts} == verdicts


def test_lists_that_are_off_or_empty_take_no_part(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    off = list_entry(blobs, "off.example", enabled=False)
    empty = following(store, empty=list_entry(blobs, "on.example")).lists["empty"]
    number = put_in_force(store, off=off, on=empty)
    assert off.rules is not None
    blobs.path(off.rules).unlink()  # a file that is not needed is not missed
    loaded = load(store, blobs, number, verify=True)
    assert [entry.id for entry in loaded.lists] == ["on"]
    assert loaded.ruleset.verdict(wire("off.example")) == NONE


def test_a_staged_generation_can_be_loaded(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    put_in_force(store)
    staged = following(store, new=list_entry(blobs, "new.example"))
    store.stage(staged)
    assert load(store, blobs, staged.number, verify=True).ruleset.verdict(wire("new.example")) == BLOCKED


def test_unchanged_lists_are_taken_over(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    same = list_entry(blobs, "same.example")
    first = load(store, blobs, put_in_force(store, same=same), verify=True)
    spoil(blobs, same.rules)  # would be found, were the file read again
    second_number = put_in_force(store, renamed=same, new=list_entry(blobs, "new.example"))
    second = load(store, blobs, second_number, verify=True, previous=first)
    rules = {entry.id: entry.rules for entry in second.lists}
    assert rules["renamed"] is first.lists[0].rules
    assert second.ruleset.verdict(wire("new.example")) == BLOCKED
    with pytest.raises(CorruptFile):
        load(store, blobs, second_number, verify=True)


def test_an_unknown_number_is_said(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    with pytest.raises(UnknownGeneration, match="generation 5 "):
        load(store, blobs, 5, verify=True)


def test_a_missing_file_is_named(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    entry = list_entry(blobs, "bad.example")
    number = put_in_force(store, bad=entry)
    assert entry.rules is not None
    blobs.path(entry.rules).unlink()
    with pytest.raises(CorruptFile, match=f"{entry.rules}.rules is missing"):
        load(store, blobs, number, verify=False)


def test_a_flipped_bit_is_found_when_a_generation_is_prepared(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    entry = list_entry(blobs, "bad.example", "worse.example")
    number = put_in_force(store, bad=entry)
    assert entry.rules is not None
    whole = blobs.path(entry.rules).read_bytes()
    for position in range(0, len(whole), 9):
        spoil(blobs, entry.rules, position=position)
        with pytest.raises(CorruptFile, match=entry.rules):
            load(store, blobs, number, verify=True)
        blobs.path(entry.rules).write_bytes(whole)


@pytest.mark.parametrize("verify", [True, False])
def test_a_file_cut_short_anywhere_is_found(folder: tuple[Store, Blobs], verify: bool) -> None:
    store, blobs = folder
    entry = list_entry(blobs, "bad.example", "worse.example")
    number = put_in_force(store, bad=entry)
    assert entry.rules is not None
    whole = blobs.path(entry.rules).read_bytes()
    for length in range(0, len(whole), 9):
        blobs.path(entry.rules).write_bytes(whole[:length])
        with pytest.raises(CorruptFile, match=entry.rules):
            load(store, blobs, number, verify=verify)


@pytest.mark.parametrize("verify", [True, False])
def test_a_file_under_anothers_name_is_found(folder: tuple[Store, Blobs], verify: bool) -> None:
    store, blobs = folder
    mine, other = list_entry(blobs, "mine.example"), list_entry(blobs, "other.example")
    number = put_in_force(store, mine=mine)
    assert mine.rules is not None
    assert other.rules is not None
    blobs.path(other.rules).rename(blobs.path(mine.rules))
    with pytest.raises(CorruptFile, match=mine.rules):
        load(store, blobs, number, verify=verify)


def test_last_good_is_what_is_in_force(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    for name in ("one.example", "two.example"):
        put_in_force(store, only=list_entry(blobs, name))
    store.activate(1, author="bob", reason="", at=AT)
    loaded, trouble = load_last_good(store, blobs)
    assert loaded is not None
    assert (loaded.number, trouble) == (1, "")


def test_last_good_says_that_there_is_none_yet(folder: tuple[Store, Blobs]) -> None:
    assert load_last_good(*folder) == (None, "no generation is in force yet")


def test_last_good_goes_back_as_far_as_it_must(folder: tuple[Store, Blobs], tmp_path: Path) -> None:
    store, blobs = folder
    entries = [list_entry(blobs, f"n{index}.example") for index in range(5)]
    for entry in entries:
        put_in_force(store, only=entry)
    for index in (4, 3):
        digest = entries[index].rules
        assert digest is not None
        blobs.path(digest).unlink()
    store._database.execute("UPDATE generation SET body = X'00' WHERE number = 3")
    loaded, trouble = load_last_good(store, blobs)
    assert loaded is not None
    assert loaded.number == 2
    assert trouble.endswith("; generation 2 serves instead of 5")
    assert f"{entries[4].rules}.rules is missing" in trouble


def test_last_good_skips_what_is_not_kept_and_pages_through_the_rest(
    folder: tuple[Store, Blobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, blobs = folder
    monkeypatch.setattr("resolver.generation.loader._PAGE", 2)
    good = list_entry(blobs, "good.example")
    put_in_force(store, only=good)
    lost = list_entry(blobs, "lost.example")
    for _ in range(6):
        put_in_force(store, only=lost)
    assert lost.rules is not None
    blobs.path(lost.rules).unlink()
    loaded, _ = load_last_good(store, blobs)
    assert loaded is not None
    assert loaded.number == 1
    store.prune(3)
    loaded, trouble = load_last_good(store, blobs)
    assert loaded is None
    assert trouble.endswith("no older generation can be loaded either")


def test_last_good_survives_a_store_that_fails(tmp_path: Path) -> None:
    store, blobs = data_folder(tmp_path)
    put_in_force(store)
    store.close()
    loaded, trouble = load_last_good(store, blobs)
    assert loaded is None
    assert FILE_NAME in trouble


# The base


def merged(blobs: Blobs, *entries: ListEntry) -> None:
    """Build the base of these lists."""
    digests = [entry.rules for entry in entries if entry.rules]
    lists = {digest: open_list(blobs, digest) for digest in digests}
    Bases.beside(blobs).write(name_of_base(digests), merge(lists))


def four(blobs: Blobs) -> dict[str, ListEntry]:
    names = {letter: list_entry(blobs, f"{letter}.example", "all.example") for letter in "abc"}
    return names | {"good": list_entry(blobs, "good.a.example", kind="allow")}


def verdicts(loaded: Loaded) -> dict[str, int]:
    names = ["a.example", "www.b.example", "good.a.example", "all.example", "new.example", "example"]
    return {name: loaded.ruleset.verdict(wire(name)) for name in names}


def test_a_base_is_found_and_changes_no_verdict(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    entries = four(blobs)
    number = put_in_force(store, **entries)
    plain = load(store, blobs, number, verify=True)
    assert plain.base is None
    assert with_better_base(blobs, plain) is None
    merged(blobs, *entries.values())
    fast = load(store, blobs, number, verify=True)
    assert fast.base is not None and verdicts(fast) == verdicts(plain)
    assert BLOCKED in verdicts(fast).values() and ALLOWED in verdicts(fast).values()


def test_a_better_base_gives_the_same_generation(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    entries = four(blobs)
    before = load(store, blobs, put_in_force(store, **entries), verify=True)
    merged(blobs, entries["a"], entries["b"])
    first = with_better_base(blobs, before)
    assert first is not None and first.base is not None
    assert (first.number, first.digest, first.lists) == (before.number, before.digest, before.lists)
    assert with_better_base(blobs, first) is None, "the one it has is the best there is"
    merged(blobs, *entries.values())
    second = with_better_base(blobs, first)
    assert second is not None and second.base is not None and second.base.name != first.base.name
    assert verdicts(before) == verdicts(first) == verdicts(second)


def test_lists_changed_since_are_asked_beside_the_base(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    entries = four(blobs)
    put_in_force(store, **entries)
    merged(blobs, *entries.values())
    changed = entries | {"a": list_entry(blobs, "new.example")}
    loaded = load(store, blobs, put_in_force(store, **changed), verify=True)
    assert loaded.base is not None
    assert verdicts(loaded) == {
        "a.example": NONE,
        "www.b.example": BLOCKED,
        "good.a.example": ALLOWED,
        "all.example": BLOCKED,
        "new.example": BLOCKED,
        "example": NONE,
    }


def test_the_base_is_taken_over_with_the_lists(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    entries = four(blobs)
    number = put_in_force(store, **entries)
    merged(blobs, *entries.values())
    first = load(store, blobs, number, verify=True)
    assert first.base is not None
    path = Bases.beside(blobs).path(first.base.name)
    path.write_bytes(path.read_bytes()[:-1] + b"?")  # would be found, were the file read again
    again = load(
        store,
        blobs,
        put_in_force(store, **entries, more=list_entry(blobs, "new.example")),
        verify=True,
        previous=first,
    )
    assert again.base is first.base and verdicts(again)["new.example"] == BLOCKED
    assert load(store, blobs, number, verify=True).base is None, "damaged: lists are asked in turn"


def test_two_lists_need_no_base(folder: tuple[Store, Blobs]) -> None:
    store, blobs = folder
    entries = four(blobs)
    merged(blobs, *entries.values())
    del entries["a"], entries["good"]
    loaded = load(store, blobs, put_in_force(store, **entries), verify=True)
    assert loaded.base is None and verdicts(loaded)["www.b.example"] == BLOCKED
