"""The base against the lists it was made of.

Invariant: whatever lists a base holds, and whatever lists a generation has, the matcher says of every
key exactly what the generation's lists say when each is asked by itself. So a base changes no verdict,
nor does building it anew.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import from_host
from resolver.errors import CorruptFile
from resolver.rules import base_layout
from resolver.rules.base import Base
from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.merge import merge
from resolver.rules.model import (
    ALLOW_BELOW,
    ALLOWED,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    BLOCKED,
    CONDITIONAL,
    Content,
    Rules,
    key_of,
)
from resolver.rules.side import BLOCK, SideRule
from tests.unit.rules.bases import LISTS, base_of, in_turn, pairs
from tests.unit.rules.shorthand import NAMES, compiled_rules, key, rules_of

POOLS = st.lists(LISTS, min_size=1, max_size=6)


def asked_of(lists: list[CompiledList], names: list[str]) -> list[bytes]:
    """Every listed key, its neighbours above, below and beside, and the names."""
    listed = [found for one in lists for found, _ in one.flags()]
    below = [found + from_host("www")[-2::-1] for found in listed]
    beside = [found[:-2] + b"x" + found[-1:] for found in listed if len(found) > 2]
    return [*listed, *below, *beside, *(key_of(from_host(name)) for name in names), b""]


@given(data=st.data(), pool=POOLS, names=st.lists(NAMES, max_size=10))
def test_the_matcher_says_what_the_lists_say(
    data: st.DataObject, pool: list[CompiledList], names: list[str]
) -> None:
    merged = data.draw(st.lists(st.sampled_from(pool)), "in the base")
    here = data.draw(st.lists(st.sampled_from(pool)), "in the generation")
    match = base_of(merged).matcher(pairs(here))
    for one in asked_of(pool, names):
        assert match(one) == in_turn(here, one), one


@given(pool=POOLS, names=st.lists(NAMES, max_size=10), chance=st.randoms(use_true_random=False))
def test_building_the_base_anew_changes_no_verdict(
    pool: list[CompiledList], names: list[str], chance: random.Random
) -> None:
    """One generation, served by a base after the other, from none of its lists to all of them."""
    verdicts = {one: in_turn(pool, one) for one in asked_of(pool, names)}
    order = chance.sample(pool, len(pool))
    for count in range(len(pool) + 1):
        match = base_of(order[:count]).matcher(pairs(pool))
        assert {one: match(one) for one in verdicts} == verdicts


def many(count: int, seed: int) -> list[CompiledList]:
    """Lists that overlap in many ways."""
    chance = random.Random(seed)
    names = [f"{word}{number}.example" for word in ("a", "b.a", "www.c") for number in range(40)]
    return [
        compiled_rules(
            {key(name): chance.randrange(1, 16) for name in chance.sample(names, chance.randrange(60))},
            ordered=chance.random() < 0.1,
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize(("count", "width"), [(5, 1), (60, 2)])
def test_more_members_than_an_octet_can_tell_apart(count: int, width: int) -> None:
    lists = many(count, count)
    data = merge({one.digest: one for one in lists})
    header = base_layout.read_header(memoryview(data))
    assert (header.members > 256) == (width == 2)
    chance = random.Random(count)
    for here in (lists, chance.sample(lists, count // 2), []):
        match = Base(data).matcher(pairs(here))
        for one in asked_of(lists, ["b.example", "a1.b.example"]):
            assert match(one) == in_turn(here, one)


def test_more_sets_than_an_octet_can_tell_apart() -> None:
    rules: list[Rules] = [{} for _ in range(10)]
    for number in range(1, 700):
        for bit in range(10):
            if number >> bit & 1:
                rules[bit][key(f"n{number}.example")] = BLOCK_BOTH
    lists = [compiled_rules(one) for one in rules]
    data = merge({one.digest: one for one in lists})
    assert base_layout.read_header(memoryview(data)).sets == 699
    for bit, one in enumerate(lists):
        match = Base(data).matcher(pairs([one]))
        for number in range(1, 700):
            assert match(key(f"n{number}.example")) == (BLOCKED if number >> bit & 1 else 0)


# What the octets mean, case by case


def test_flags_reach_as_far_as_in_the_list() -> None:
    lists = [
        compiled_rules(rules_of("one.example", flags=BLOCK_APEX)),
        compiled_rules(rules_of("one.example", "two.example", flags=BLOCK_BELOW)),
        compiled_rules(rules_of("www.one.example", flags=ALLOW_BELOW)),
    ]
    match = base_of(lists).matcher(pairs(lists))
    said = {
        "one.example": BLOCKED,
        "two.example": 0,
        "a.two.example": BLOCKED,
        "www.one.example": BLOCKED,
        "a.www.one.example": BLOCKED | ALLOWED,
        "example": 0,
        "one.example.net": 0,
    }
    assert {name: match(key(name)) for name in said} == said


def test_a_list_that_is_not_in_force_is_masked() -> None:
    old, new, other = (compiled_rules(rules_of(f"{name}.example")) for name in ("old", "new", "other"))
    base = base_of([old, other])
    assert list(base.lists.values()) == [1, 1] and base.lists.keys() == {old.digest, other.digest}
    match = base.matcher(pairs([new, other]))
    assert [match(key(f"{name}.example")) for name in ("old", "new", "other")] == [0, BLOCKED, BLOCKED]


def test_side_rules_at_a_name_are_told() -> None:
    aside = compiled_rules({}, SideRule(action=BLOCK, key=key("a.example"), types=(28,)))
    plain = compiled_rules(rules_of("a.example"))
    match = base_of([aside, plain]).matcher(pairs([aside, plain]))
    assert match(key("a.example")) == match(key("www.a.example")) == BLOCKED | CONDITIONAL
    assert base_of([aside, plain]).matcher(pairs([plain]))(key("a.example")) == BLOCKED


def test_in_an_ordered_list_the_most_specific_rule_counts_alone() -> None:
    rules = rules_of("example") | rules_of("good.example", flags=ALLOW_BELOW | 4)
    ordered, plain = compiled_rules(rules, ordered=True), compiled_rules(rules)
    asked = key("www.good.example")
    assert base_of([ordered]).matcher(pairs([ordered]))(asked) == ALLOWED
    assert base_of([ordered, plain]).matcher(pairs([ordered, plain]))(asked) == ALLOWED | BLOCKED
    assert base_of([ordered, plain]).matcher(pairs([plain]))(asked) == ALLOWED | BLOCKED
    assert base_of([ordered, plain]).matcher([])(asked) == 0


def test_only_ordered_lists_that_have_the_name_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [compiled_rules(rules_of(f"n{number}.example"), ordered=True) for number in range(5)]
    questions: list[str] = []
    honest = CompiledList.match

    def counted(self: CompiledList, asked: bytes) -> int:
        questions.append(self.digest)
        return honest(self, asked)

    monkeypatch.setattr(CompiledList, "match", counted)
    match = base_of(lists).matcher(pairs(lists))
    assert match(key("n3.example")) == BLOCKED
    assert match(key("other.example")) == 0
    assert questions == [lists[3].digest]


# Damage


WHOLE = merge({one.digest: one for one in many(4, 1)})


def test_a_file_cut_short_anywhere_is_found() -> None:
    for length in [*range(0, 400), *range(400, len(WHOLE), 37)]:
        with pytest.raises(CorruptFile):
            Base(WHOLE[:length])


def test_a_changed_octet_anywhere_is_found_when_everything_is_checked() -> None:
    for place in [*range(0, 200), *range(200, len(WHOLE), 11)]:
        damaged = bytearray(WHOLE)
        damaged[place] ^= 0x40
        with pytest.raises(CorruptFile):
            Base(bytes(damaged), verify=True)


@pytest.mark.parametrize(
    "other",
    [b"", b"x" * 500, compile_content(Content(rules_of("a.example")))],
    ids=["empty", "rubbish", "a list"],
)
def test_a_file_of_another_kind_is_found(other: bytes) -> None:
    with pytest.raises(CorruptFile):
        Base(other)


def test_a_base_of_nothing() -> None:
    base = base_of([])
    assert len(base) == 0 and base.matcher([])(key("a.example")) == 0
    empty = compiled_rules({})
    assert base_of([empty]).matcher(pairs([empty]))(b"") == 0
