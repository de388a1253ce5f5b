"""`compare` says of a compiled list what `diff` says of its rules; that is its whole specification."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.generation.compare import compare
from resolver.rules.compile import canonical_keys, compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.diff import Diff, diff
from resolver.rules.model import ALLOW_BOTH, BLOCK_APEX, BLOCK_BOTH, LINE_SHIFT, Content, Rules, key_of
from tests.support.contents import SEEDS, Made
from tests.unit.generation.made import wire

names = st.sampled_from(
    [f"{label}.{top}" for label in ("a", "b", "a.b", "b.a", "zz") for top in ("example", "test")]
)
values = st.builds(lambda flags, line: flags | line << LINE_SHIFT, st.integers(1, 15), st.integers(0, 9))
any_rules = st.dictionaries(names.map(lambda name: key_of(wire(name))), values, max_size=10)


def compared(old: Rules, new: Rules) -> Diff:
    return compare(CompiledList(compile_content(Content(old))), Content(new), canonical_keys(new))


def in_key_order(rules: Rules) -> Rules:
    return {key: rules[key] for key in sorted(rules)}


@given(any_rules, any_rules)
def test_it_agrees_with_diff(old: Rules, new: Rules) -> None:
    assert compared(old, new) == diff(Content(in_key_order(old)), Content(in_key_order(new)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, (0, 0, 0, 0)),
        ({}, {"a.example": BLOCK_BOTH}, (1, 0, 0, 0)),
        ({"a.example": BLOCK_BOTH}, {}, (0, 1, 0, 0)),
        ({"a.example": BLOCK_BOTH}, {"a.example": BLOCK_BOTH | 7 << LINE_SHIFT}, (0, 0, 0, 1)),
        ({"a.example": BLOCK_BOTH}, {"a.example": BLOCK_APEX}, (0, 0, 1, 0)),
        ({"a.example": BLOCK_BOTH}, {"a.example": ALLOW_BOTH, "b.example": BLOCK_BOTH}, (1, 0, 1, 0)),
        ({"b.example": BLOCK_BOTH}, {"a.example": BLOCK_BOTH, "c.example": BLOCK_BOTH}, (2, 1, 0, 0)),
    ],
)
def test_what_is_counted(
    old: dict[str, int], new: dict[str, int], expected: tuple[int, int, int, int]
) -> None:
    found = compared(*({key_of(wire(name)): value for name, value in rules.items()} for rules in (old, new)))
    assert msgspec.structs.astuple(found)[:4] == expected


@given(SEEDS)
def test_it_agrees_with_diff_about_side_rules(seed: int) -> None:
    lists = Made(seed).lists
    old, new = lists[0], lists[-1]
    found = compare(CompiledList(compile_content(old)), new, canonical_keys(new.names))
    in_order = (Content(in_key_order(one.names), one.sides) for one in (old, new))
    assert found == diff(*in_order)
