"""Merging: every name once, its set right, the same file whatever the order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules import base_layout, merge
from resolver.rules.base import Base
from resolver.rules.compiled import CompiledList
from resolver.rules.model import BLOCK_APEX, BLOCK_BOTH, BLOCKED
from tests.unit.rules.bases import LISTS, base_of
from tests.unit.rules.shorthand import compiled_rules, key, rules_of


@given(pool=st.lists(LISTS, max_size=5), chance=st.randoms(use_true_random=False))
def test_the_same_lists_make_the_same_file(pool: list[CompiledList], chance: random.Random) -> None:
    lists = {one.digest: one for one in pool}
    again = dict(chance.sample(sorted(lists.items()), len(lists)))
    assert merge.merge(lists) == merge.merge(again)


@given(pool=st.lists(LISTS, max_size=5))
def test_every_name_stands_there_once(pool: list[CompiledList]) -> None:
    base = base_of(pool)
    assert len(base) == len({found for one in pool for found, _ in one.flags()})
    assert base.lists == {one.digest: len(one) for one in pool}
    assert base.name == base_layout.name_of_base(one.digest for one in pool)


def test_names_with_the_same_members_share_a_set() -> None:
    one = compiled_rules(rules_of("a.example", "b.example", "c.example"))
    two = compiled_rules(rules_of("b.example", "c.example", flags=BLOCK_APEX) | rules_of("d.example"))
    three = compiled_rules(rules_of("c.example"))
    lists = {rules.digest: rules for rules in (one, two, three)}
    header = base_layout.read_header(memoryview(merge.merge(lists)))
    # {one}, {one, two apex}, {one, two apex, three}, {two}; the steps on the way to them are not sets.
    assert (header.names, header.sets, header.members, header.lists) == (4, 4, 4, 3)


def test_steps_that_no_name_stops_at_are_dropped() -> None:
    lists = [compiled_rules(rules_of("a.example", flags=flags)) for flags in range(1, 9)]
    header = base_layout.read_header(memoryview(merge.merge({one.digest: one for one in lists})))
    assert (header.sets, header.members) == (1, 8)


def test_names_are_told_apart_by_their_own_set() -> None:
    """Numbers of sets are given in the order of names, and kept by the trie's ids: they must meet."""
    chance = random.Random(7)
    rules = {key(f"n{number}.example"): chance.choice((BLOCK_APEX, BLOCK_BOTH)) for number in range(5_000)}
    one = compiled_rules(rules)
    match = base_of([one]).matcher([(one.digest, one)])
    for name, flags in rules.items():
        assert match(name) == BLOCKED
        assert match(name + b"www\3") == (BLOCKED if flags == BLOCK_BOTH else 0)


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [compiled_rules(rules_of(f"n{number}.example")) for number in range(3)]
    monkeypatch.setattr(merge, "MAX_LISTS", 2)
    merge.merge({one.digest: one for one in lists[:2]})
    with pytest.raises(ValueError, match="holds 2 lists, and these are 3"):
        merge.merge({one.digest: one for one in lists})


def test_a_base_is_small() -> None:
    """No more than the trie and one octet for each name, whatever the overlap."""
    names = [f"name{number}.example" for number in range(2_000)]
    lists = [compiled_rules(rules_of(*names[start:])) for start in range(0, 500, 100)]
    data = merge.merge({one.digest: one for one in lists})
    trie, numbers = base_layout.read_header(memoryview(data)).sections[:2]
    assert numbers.length == len(names)
    assert len(data) - trie.length - numbers.length < 600
    assert len(Base(data)) == len(names)
