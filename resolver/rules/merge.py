"""Many compiled lists → one base: every name once, with the set of lists that hold it.

The lists give their keys in ascending order, so one walk over all of them side by side (a k-way merge)
meets each name once, with every list that has it. Nothing of a list is held in memory. What is: the keys
of the trie while it is built, and four octets for each name. Measured for a million names in 50 lists:
2.7 s and 160 MB.

A *member* is a list together with the flags that a name has in it; a *set* is the members of one name.
Names with the same members share the number of their set, of which there are few: lists overlap in
few ways. Sets are numbered while they are met, by steps: from no member, with member m, to set s; from
s, with another, to the next. At the end the sets that were only steps on the way are dropped, and those
left are numbered anew, those with most members first (`resolver.rules.base_layout` says why).

The same lists make the same file, whatever their order.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import marisa_trie

from resolver.rules import base_layout
from resolver.rules.compiled import CompiledList
from resolver.rules.model import LINE_SHIFT

_MEMBER_BITS: Final = 16
"""Enough for the members of 2000 lists; no more can there be (32 flags at most each)."""
_MEMBERS: Final = (1 << _MEMBER_BITS) - 1

MAX_LISTS: Final = 2_000
"""Lists that one base can hold; a generation has fewer."""


class _Numbers(dict[int, int]):
    """Numbers things as they are met, counting on from `first`."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def __missing__(self, thing: int) -> int:
        number = self[thing] = len(self) + self._first
        return number


def merge(lists: Mapping[str, CompiledList]) -> bytes:
    """The base of these lists, by their digests; for `resolver.rules.base.Base`.

    Raises ValueError when there are more than `MAX_LISTS`.
    """
    if len(lists) > MAX_LISTS:
        raise ValueError(f"a base holds {MAX_LISTS} lists, and these are {len(lists)}")
    digests = sorted(lists)
    members, steps, met = _Numbers(0), _Numbers(1), array("I")
    streams = [_stream(place, lists[digest], members) for place, digest in enumerate(digests)]
    # In label order the trie gives its keys back in the order in which they were met.
    trie = marisa_trie.BinaryTrie(_names(streams, steps, met), order=marisa_trie.LABEL_ORDER)
    sets = _Sets(steps, set(met))
    numbers = array(base_layout.code_for(len(sets)), bytes(len(met) * array(sets.code).itemsize))
    for (_, key_id), step in zip(trie.iteritems(), met, strict=True):
        numbers[key_id] = sets.numbers[step]
    return base_layout.assemble(
        base_layout.Parts(
            trie.tobytes(),
            numbers,
            sets.columns(base_layout.code_for(len(members))),
            array("I", members),
            [(bytes.fromhex(digest), len(lists[digest])) for digest in digests],
        )
    )


def _stream(place: int, rules: CompiledList, members: _Numbers) -> Iterator[tuple[bytes, int]]:
    """The keys of one list in ascending order, each with the number of its member."""
    start = place << LINE_SHIFT
    for key, flags in rules.flags():
        yield key, members[start | flags]


def _names(
    streams: Sequence[Iterator[tuple[bytes, int]]], steps: _Numbers, met: array[int]
) -> Iterator[bytes]:
    """Each key once, in ascending order; the last step of its set goes into `met`."""
    last: bytes | None = None
    step = 0
    for key, member in heapq.merge(*streams):
        if key != last:
            if last is not None:
                met.append(step)
                yield last
            last, step = key, 0
        # Members of one key come in ascending order, so that one set is reached in one way.
        step = steps[step << _MEMBER_BITS | member]
    if last is not None:
        met.append(step)
        yield last


class _Sets:
    """The sets that names really have, numbered: those with most members first."""

    def __init__(self, steps: _Numbers, used: set[int]) -> None:
        self._members: list[tuple[int, ...]] = [()]
        for way in steps:  # in the order of their numbers, so the set before is known
            before, member = way >> _MEMBER_BITS, way & _MEMBERS
            self._members.append((*self._members[before], member))
        ranked = sorted(used, key=lambda step: (-len(self._members[step]), self._members[step]))
        self.numbers = {step: number for number, step in enumerate(ranked)}
        self.code = base_layout.code_for(len(ranked))

    def __len__(self) -> int:
        return len(self.numbers)

    def columns(self, code: base_layout.Code) -> list[array[int]]:
        """The sets as columns of members."""
        columns: list[array[int]] = []
        for step in self.numbers:
            for place, member in enumerate(self._members[step]):
                if place == len(columns):
                    columns.append(array(code))
                columns[place].append(member)
        return columns
