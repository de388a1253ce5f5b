"""Lists of every kind for tests of the base: mixed flags, side rules at keys, ordered ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from resolver.rules.base import Base
from resolver.rules.compiled import CompiledList
from resolver.rules.merge import merge
from resolver.rules.side import BLOCK, SideRule
from tests.unit.rules.shorthand import NAMES, RULES, compiled_rules, key

SIDES = st.lists(NAMES.map(lambda name: SideRule(action=BLOCK, key=key(name), types=(28,))), max_size=3)

LISTS: st.SearchStrategy[CompiledList] = st.builds(
    lambda rules, sides, ordered: compiled_rules(rules, *sides, ordered=ordered), RULES, SIDES, st.booleans()
)


def base_of(lists: Iterable[CompiledList]) -> Base:
    """These lists merged, the file read back and checked."""
    return Base(merge({one.digest: one for one in lists}), verify=True)


def pairs(lists: Iterable[CompiledList]) -> list[tuple[str, CompiledList]]:
    """What a matcher is made for."""
    return [(one.digest, one) for one in lists]


def in_turn(lists: Sequence[CompiledList], asked: bytes) -> int:
    """What all of them say together, each asked by itself."""
    verdict = 0
    for one in lists:
        verdict |= one.match(asked)
    return verdict
