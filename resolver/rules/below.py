"""Which names lie above and below another, asked of keys and of sorted runs of keys.

A key is a reversed wire name (`resolver.rules.model`), so everything below a name begins with the name's
key, and stands in one run of the keys in ascending order. The run can hold a little more: a length octet
of 45 to 57 or 95 may as well be a hyphen, a digit or an underscore of a longer label, and so whoever needs
certainty asks `is_below` of each. The last octet of a key is the length of its first label, which is
what makes the way up cheap: no label has to be looked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence


def parent(key: bytes) -> bytes:
    """The key of the name one label up; b"" (the root) for a single label, and for the root."""
    return key[: -key[-1] - 1] if key else key


def above(key: bytes) -> Iterator[bytes]:
    """The names above this one, the nearest first, without the root."""
    while key := parent(key):
        yield key


def is_single(key: bytes) -> bool:
    """Whether the name has one label."""
    return bool(key) and key[-1] == len(key) - 1


def lies_under(key: bytes, name: bytes) -> bool:
    """Whether the key is that of the name itself or of one below it."""
    if not key.startswith(name):
        return False
    end = len(key)
    while end > len(name):  # as `parent` does, without making keys: this is asked for questions
        end -= key[end - 1] + 1
    return end == len(name)


def is_below(key: bytes, name: bytes) -> bool:
    """Whether the key is really below the name, neither the name itself nor a longer label."""
    return len(key) > len(name) and lies_under(key, name)


def run(keys: Sequence[bytes], name: bytes) -> tuple[int, int]:
    """Where the keys that begin with the name's key stand, the name itself included: from, and up to.

    `keys` ascend. The name is not the root.
    """
    start = bisect_left(keys, name)
    # No length octet is larger than 63, so the next greater prefix is one octet away.
    return start, bisect_left(keys, name[:-1] + bytes((name[-1] + 1,)), start)


def children(keys: Sequence[bytes], name: bytes) -> list[bytes]:
    """The keys of names exactly one label below this one. Exact: lengths leave no other reading."""
    start, end = run(keys, name)
    size = len(name) + 1
    return [key for key in keys[start:end] if len(key) - key[-1] == size]
