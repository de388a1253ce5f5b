"""Differences: counted by name, shown by rule, blind to line numbers."""

from __future__ import annotations

import msgspec
from hypothesis import given

from resolver.rules.diff import MAX_SAMPLES, Diff, diff
from resolver.rules.model import BLOCK_APEX, BLOCK_BOTH, FLAGS_MASK, LINE_SHIFT, Content, Rules
from resolver.rules.render import render_side
from resolver.rules.report import MAX_SAMPLE_TEXT
from resolver.rules.side import BLOCK, SideRule
from tests.support.contents import SEEDS, Made
from tests.unit.rules.shorthand import RULES, key, rules_of


def test_each_kind_of_change() -> None:
    old = {**rules_of("same.example", "gone.example"), key("other.example"): BLOCK_APEX}
    new = {**rules_of("new.example", "same.example"), key("other.example"): BLOCK_BOTH | 4}
    assert diff(Content(old), Content(new)) == Diff(
        added=1,
        removed=1,
        changed=1,
        unchanged=1,
        added_sample=["||new.example^"],
        removed_sample=["||gone.example^"],
        changed_sample=["|other.example^ -> ||other.example^ @@|other.example^"],
    )


def test_another_line_is_no_change() -> None:
    old = rules_of("a.example", "b.example")
    new = {k: value + (5 << LINE_SHIFT) for k, value in old.items()}
    assert diff(Content(old), Content(new)) == Diff(unchanged=2)


def test_samples_are_few_and_json_ready() -> None:
    new = rules_of(*(f"n{n}.example" for n in range(100)))
    found = diff(Content({}), Content(new))
    assert (found.added, len(found.added_sample)) == (100, MAX_SAMPLES)
    assert diff(Content(new), Content({})).removed_sample == found.added_sample
    assert msgspec.json.decode(msgspec.json.encode(found), type=Diff) == found


@given(old=RULES, new=RULES)
def test_counts_add_up_and_turn_round(old: Rules, new: Rules) -> None:
    there, back = diff(Content(old), Content(new)), diff(Content(new), Content(old))
    assert there.added + there.changed + there.unchanged == len(new)
    assert there.removed + there.changed + there.unchanged == len(old)
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
    same = {k: value & FLAGS_MASK for k, value in old.items()} == {
        k: value & FLAGS_MASK for k, value in new.items()
    }
    assert (there.added + there.removed + there.changed == 0) == same


def test_side_rules_are_added_and_removed_whole() -> None:
    one, two, three = (SideRule(action=BLOCK, key=key("a.example"), types=(n,), line=n) for n in (1, 28, 65))
    moved = msgspec.structs.replace(two, line=99)
    found = diff(Content({}, (one, two)), Content(rules_of("b.example"), (moved, three)))
    assert (found.added, found.removed, found.changed, found.unchanged) == (2, 1, 0, 1)
    assert found.added_sample == ["||b.example^", render_side(three)]
    assert found.removed_sample == [render_side(one)]


@given(SEEDS)
def test_counts_of_side_rules_add_up(seed: int) -> None:
    lists = Made(seed).lists
    old, new = lists[0], lists[-1]
    found, back = diff(old, new), diff(new, old)
    assert found.added + found.changed + found.unchanged == new.entries
    assert found.removed + found.changed + found.unchanged == old.entries
    assert (found.added, found.removed) == (back.removed, back.added)


def test_long_side_rule_is_cut() -> None:
    rule = SideRule(
        action=BLOCK, key=key("a.example"), outside=tuple(key(f"{n}.example") for n in range(1000))
    )
    (sample,) = diff(Content({}), Content({}, (rule,))).added_sample
    assert len(sample) == MAX_SAMPLE_TEXT and render_side(rule).startswith(sample[:-1])


def test_samples_of_side_rules_are_few() -> None:
    sides = tuple(SideRule(action=BLOCK, key=key(f"n{n}.example"), types=(1,)) for n in range(100))
    found = diff(Content(rules_of("a.example", "b.example")), Content({}, sides))
    assert (found.added, found.removed, len(found.added_sample)) == (100, 2, MAX_SAMPLES)
