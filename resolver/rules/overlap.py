"""What a list shares with others, and which of its rules can never matter: for the report, not for answers.

    same      the other list does the same (block or allow) at the same name
    covered   the other list does the same from a name above, down to this one
    shadowed  an allow rule, of this list or another one, is met wherever the block rule would be: it is idle

Only plain rules are compared; what a condition or an expression does is known when somebody asks. Of two
lists the shorter one is looked up in the longer one, so one name beside five million costs next to nothing.
How many steps a comparison takes (of 0.6 µs, and 2.8 where every name is found) is known before any is taken,
so that whoever has little time can leave the long ones out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from resolver.rules.below import above, is_below, run
from resolver.rules.compiled import CompiledList
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    FLAGS_MASK,
    Rules,
)
from resolver.rules.render import render_rule

MAX_SAMPLES: Final = 20
"""Idle rules that are shown."""

_FEW: Final = 1_000
"""Names that are looked at one by one without looking for a shorter way."""

_BELOW: Final = BLOCK_BELOW | ALLOW_BELOW


class Overlap(msgspec.Struct, frozen=True):
    """What one other list has in common with this one: rules of this list, counted."""

    list: str
    same: int = 0
    covered: int = 0


class Comparison(msgspec.Struct, frozen=True):
    """A list beside others.

    overlaps         one for each list it was compared with, the most in common first
    shadowed         block rules of this list that allow rules make idle; the first of them as text
    not_compared     lists that were too long to look at now; their allow rules are not counted either
    """

    overlaps: list[Overlap] = msgspec.field(default_factory=list)
    shadowed: int = 0
    shadowed_sample: list[str] = msgspec.field(default_factory=list)
    not_compared: list[str] = msgspec.field(default_factory=list)


class Side(NamedTuple):
    """What is compared.

    names   plain rules: those of a whole list, or those that a change adds to it
    keys    their keys in ascending order
    whole   the plain rules of the whole list
    mixed   whether there are both block and allow rules in it
    """

    names: Rules
    keys: Sequence[bytes]
    whole: Rules
    mixed: bool = True


_THEIRS: Final = 3
"""Steps for each name of the other list: what lies below it among mine must be searched for."""


def steps(mine: int, theirs: int) -> int:
    """How many steps a comparison takes, from the numbers of names."""
    return min(mine, _THEIRS * theirs)


def compare_with(
    mine: Side, others: Iterable[tuple[str, CompiledList]], not_compared: Sequence[str] = ()
) -> Comparison:
    """Compare a list with others, one after the other, so that only one of them need be open."""
    idle = set(_idle_by_itself(mine))
    overlaps = [_overlap(mine, name, other, idle) for name, other in others]
    overlaps.sort(key=lambda one: (-one.same - one.covered, one.list))
    shown = sorted(idle)[:MAX_SAMPLES]
    return Comparison(
        overlaps,
        len(idle),
        [" ".join(render_rule(key, mine.names[key] & BLOCK_BOTH)) for key in shown],
        sorted(not_compared),
    )


def _overlap(mine: Side, name: str, other: CompiledList, idle: set[bytes]) -> Overlap:
    """Compare with one list; adds to `idle` what its allow rules make so."""
    walk = _by_my_names if len(mine.keys) <= _THEIRS * len(other) else _by_their_names
    same = covered = 0
    for key, own, higher in walk(mine, other):
        flags = mine.names[key]
        wanted = _actions(flags)
        if _actions(own) & wanted:
            same += 1
        elif _actions(higher & _BELOW) & wanted:
            covered += 1
        if flags & BLOCK_BOTH and (own | higher) & ALLOW_BOTH and _is_idle(flags, own, higher):
            idle.add(key)
    return Overlap(name, same, covered)


def _actions(flags: int) -> int:
    """1: it blocks, 2: it allows."""
    return bool(flags & BLOCK_BOTH) | bool(flags & ALLOW_BOTH) << 1


def _is_idle(flags: int, own: int, higher: int) -> bool:
    """Whether allow rules at the name (`own`) and above it (`higher`) are met wherever the block rule is."""
    below = BLOCK_BELOW if (own | higher) & ALLOW_BELOW else 0
    apex = BLOCK_APEX if own & ALLOW_APEX or higher & ALLOW_BELOW else 0
    return not flags & BLOCK_BOTH & ~(below | apex)


def _by_my_names(mine: Side, other: CompiledList) -> Iterator[tuple[bytes, int, int]]:
    """My names that the other list speaks of: with its flags at the name, and those that reach down to it."""
    standing = other.standing
    for key in mine.keys:
        own, higher = standing(key)
        if own or higher:
            yield key, own, higher


def _by_their_names(mine: Side, other: CompiledList) -> Iterator[tuple[bytes, int, int]]:
    """The same when the other list is the shorter one: its names are looked up among mine."""
    names, keys = mine.names, mine.keys
    found: dict[bytes, list[int]] = {}
    at, end = 0, len(keys)
    for key, flags in other.flags():
        flags &= FLAGS_MASK
        if key in names:
            found.setdefault(key, [0, 0])[0] = flags
        at = bisect_left(keys, key, at)  # theirs ascend as well
        place = at
        while flags & _BELOW and place < end and keys[place].startswith(key):
            if is_below(keys[place], key):
                found.setdefault(keys[place], [0, 0])[1] |= flags & _BELOW
            place += 1
    for key, (own, higher) in found.items():
        yield key, own, higher


def _idle_by_itself(mine: Side) -> Iterator[bytes]:
    """Block rules that allow rules of the same list make idle. One may come more than once."""
    if not mine.mixed:
        return
    names, whole = mine.names, mine.whole
    for key in _near_allowed(mine):
        if names[key] & BLOCK_BOTH and _is_idle(names[key], whole.get(key, 0), _reaching(whole, key)):
            yield key


def _near_allowed(mine: Side) -> Iterable[bytes]:
    """The names that allow rules of the list speak of, or the blocked names if those are few or fewer."""
    blocking = [key for key, flags in mine.names.items() if flags & BLOCK_BOTH]
    if len(blocking) < _FEW:
        return blocking
    allowing = [key for key, flags in mine.whole.items() if flags & ALLOW_BOTH]
    if len(blocking) <= len(allowing):
        return blocking
    runs = (run(mine.keys, key) for key in allowing)
    return (key for start, end in runs for key in mine.keys[start:end])


def _reaching(names: Mapping[bytes, int], key: bytes) -> int:
    """The flags with which rules above this name reach down to it."""
    found = 0
    for higher in above(key):
        found |= names.get(higher, 0) & _BELOW
    return found
