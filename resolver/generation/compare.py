"""What a whole new list changes against a compiled one, without reading the old one back into memory.

Both sides can be walked in ascending order of their keys: a compiled list gives them so, and the
keys of the new rules were sorted for their digest. Side by side, one walk finds what differs, and
only that is handed to `resolver.rules.diff`, which knows how to count and show it. For a million
names of which some thousands differ this takes a third of the time of reading the old rules back
and comparing (1.1 s against 3.3 s, measured) and none of the memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from resolver.rules.compiled import CompiledList
from resolver.rules.diff import Diff, diff
from resolver.rules.model import FLAGS_MASK, Content, Rules


def compare(old: CompiledList, new: Content, keys: Sequence[bytes]) -> Diff:
    """The diff from `old` to `new`; `keys` are the `canonical_keys` of the names of `new`.

    Samples come in ascending order of the keys.
    """
    before: Rules = {}
    after: Rules = {}
    names = new.names
    position, end, same = 0, len(keys), 0
    for key, value in old.items():
        while position < end and keys[position] < key:
            after[keys[position]] = names[keys[position]]
            position += 1
        if position == end or keys[position] != key:
            before[key] = value
            continue
        if (names[key] ^ value) & FLAGS_MASK:
            before[key], after[key] = value, names[key]
        else:
            same += 1
        position += 1
    after.update((key, names[key]) for key in keys[position:])
    found = diff(Content(before, old.sides()), Content(after, new.sides))
    return msgspec.structs.replace(found, unchanged=found.unchanged + same)
