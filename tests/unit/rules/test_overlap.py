"""What lists share: a table, and both ways of looking held to a comparison name by name."""

from __future__ import annotations

import pytest
from hypothesis import given

from resolver.rules import overlap
from resolver.rules.compiled import CompiledList
from resolver.rules.model import ALLOW_BELOW, ALLOW_BOTH, BLOCK_BELOW, BLOCK_BOTH, FLAGS_MASK, Content, Rules
from resolver.rules.overlap import MAX_SAMPLES, Comparison, Overlap, Side, compare_with, steps
from resolver.rules.parse import parse_list
from resolver.rules.side import BLOCK, SideRule
from tests.unit.rules.shorthand import RULES, compiled_rules, key, rules_of


def read(text: str) -> Rules:
    return parse_list("\n".join(text.split()).encode(), format="adblock").content.names


def whole(rules: Rules) -> Side:
    return Side(rules, sorted(rules), rules)


def compare(mine: str, *others: str) -> Comparison:
    named = [(f"l{place}", compiled_rules(read(text))) for place, text in enumerate(others)]
    return compare_with(whole(read(mine)), named)


# mine, the other list: same, covered, idle rules of mine
PAIRS: list[tuple[str, str, int, int, list[str]]] = [
    ("||a.test^ ||b.test^", "||a.test^ ||c.test^", 1, 0, []),
    ("|a.test^", "||a.test^", 1, 0, []),
    ("||x.a.test^ ||a.test^", "||a.test^", 1, 1, []),
    ("||x.a.test^", "|a.test^", 0, 0, []),
    ("||x.a.test^ ||x.y.a.test^ ||xa.test^", "||*.a.test^", 0, 2, []),
    ("||a.test^", "||x.a.test^", 0, 0, []),
    ("@@||a.test^", "||a.test^", 0, 0, []),
    ("@@||x.a.test^", "@@||a.test^", 0, 1, []),
    ("||a.test^", "@@||a.test^", 0, 0, ["||a.test^"]),
    ("||x.a.test^ |y.a.test^ ||b.test^", "@@||a.test^", 0, 0, ["||x.a.test^", "|y.a.test^"]),
    # An exception for the name alone leaves what is below, and one for what is below leaves the name.
    ("||a.test^ |b.test^", "@@|a.test^ @@|b.test^", 0, 0, ["|b.test^"]),
    ("||a.test^ ||*.b.test^ |c.test^", "@@||*.a.test^ @@||*.b.test^ @@||*.c.test^", 0, 0, ["||*.b.test^"]),
    # `1…` of fifty octets is no name below `…` of 49.
    (f"||1{'x' * 49}.test^ ||1{'x' * 48}.test^", f"||{'x' * 48}.test^", 0, 0, []),
]


@pytest.mark.parametrize("few", [1, 1000])
@pytest.mark.parametrize(("mine", "other", "same", "covered", "idle"), PAIRS)
def test_two_lists(
    mine: str, other: str, same: int, covered: int, idle: list[str], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "_FEW", few)
    found = compare(mine, other)
    assert found.overlaps == [Overlap("l0", same, covered)]
    assert sorted(found.shadowed_sample) == sorted(idle) and found.shadowed == len(idle)
    # The shorter list is looked up in the longer one: make mine the longer one by far.
    padded = f"{mine} " + " ".join(f"||pad{number}.example^" for number in range(99))
    assert compare(padded, other) == found


def test_idle_by_a_rule_of_the_same_list() -> None:
    found = compare("||x.a.test^ @@||a.test^ ||b.test^ @@|b.test^ |c.test^ @@|c.test^")
    assert (found.shadowed, found.shadowed_sample, found.overlaps) == (2, ["||x.a.test^", "|c.test^"], [])


def test_idle_rules_count_once_and_few_are_shown() -> None:
    mine = " ".join(f"||n{number}.a.test^" for number in range(50))
    found = compare(mine, "@@||a.test^", "@@||a.test^ ||other.test^")
    assert found.shadowed == 50
    assert len(found.shadowed_sample) == MAX_SAMPLES


def test_the_most_in_common_comes_first() -> None:
    found = compare("||a.test^ ||b.test^ ||c.test^", "||a.test^", "||a.test^ ||b.test^", "||d.test^")
    assert [(one.list, one.same) for one in found.overlaps] == [("l1", 2), ("l0", 1), ("l2", 0)]


def test_what_is_added_is_looked_at_alone_and_beside_its_list() -> None:
    added, whole_list = rules_of("x.a.test", "b.test"), read("||x.a.test^ ||b.test^ @@||a.test^ ||c.test^")
    other = compiled_rules(read("||c.test^ ||b.test^"))
    found = compare_with(Side(added, sorted(added), whole_list), [("other", other)])
    assert found == Comparison([Overlap("other", 1)], 1, ["||x.a.test^"])


def test_lists_that_were_left_out_are_named() -> None:
    assert compare_with(whole({}), [], ["b", "a"]) == Comparison(not_compared=["a", "b"])


def test_side_rules_are_not_compared() -> None:
    conditional = SideRule(action=BLOCK, key=key("a.test"), types=(28,))
    other = compiled_rules(rules_of("b.test"), conditional)
    assert compare_with(whole(rules_of("a.test", "b.test")), [("o", other)]).overlaps == [Overlap("o", 1)]


def test_steps_are_those_of_the_cheaper_way() -> None:
    assert steps(1, 5_000_000) == 1
    assert steps(1_000_000, 10) == 30
    assert steps(0, 10) == 0


def by_name(mine: Rules, other: CompiledList) -> tuple[int, int, set[bytes]]:
    """The same, found by asking the other list about each of my names for itself."""
    same = covered = 0
    idle = set()
    for name, value in mine.items():
        own, higher = other.standing(name)
        wants = [mask for mask in (BLOCK_BOTH, ALLOW_BOTH) if value & mask]
        if any(own & mask for mask in wants):
            same += 1
        elif any(higher & mask for mask in wants):
            covered += 1
        allowed = (own & ALLOW_BOTH) | (ALLOW_BOTH if higher & ALLOW_BELOW else 0)
        if value & BLOCK_BOTH and not value & BLOCK_BOTH & ~(allowed >> 2):
            idle.add(name)
    return same, covered, idle


@given(RULES, RULES)
def test_both_ways_of_looking_agree(mine: Rules, theirs: Rules) -> None:
    other = compiled_rules(theirs)
    same, covered, idle = by_name(mine, other)
    alone = Side(mine, sorted(mine), mine, mixed=False)
    found = compare_with(alone, [("o", other)])
    assert found.overlaps == [Overlap("o", same, covered)]
    assert found.shadowed == len(idle)
    ways = [overlap._by_my_names(alone, other), overlap._by_their_names(alone, other)]
    assert len({frozenset(way) for way in ways}) == 1


@given(RULES)
def test_standing_says_what_the_rules_say(rules: Rules) -> None:
    compiled = compiled_rules(rules)
    for name, value in rules.items():
        own, higher = compiled.standing(name)
        assert own == value & FLAGS_MASK
        assert higher & ~(BLOCK_BELOW | ALLOW_BELOW) == 0
    assert compiled.standing(key("nothing.example")) == (0, 0)
    assert Content(rules).names == rules
