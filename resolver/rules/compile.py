"""A list's content → its digest, and → one immutable file that a worker can map and ask.

The digest names the file and is promised for ever: SHA-256 over the canonical rules, that is the
keys in ascending order with their flags, then the side rules. Line numbers are not part of it, since a
comment more in a list changes no answer. So the same rules make the same digest from whatever format,
order or program version; the octets of the file need not be the same (`resolver.rules.layout`).

Building holds the interpreter for some seconds per million names: it belongs into a process of its
own, and `resolver.generation` gives it one.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import marisa_trie

from resolver.rules import layout, sides
from resolver.rules.expressions.automaton import build
from resolver.rules.model import ASIDE, FLAGS_MASK, LINE_SHIFT, Content, Rules
from resolver.rules.side import SideRule, meaning

_CANONICAL: Final = b"belisha rules 1\n"
"""What every digest begins with: another way to write rules down would begin otherwise."""

_BATCH: Final = 1 << 16

_SIDES: Final = b"\0side rules\n"
_ORDERED: Final = b"\0ordered\n"
"""What stands between the parts; no batch of names begins with a key of no octets."""


def canonical_keys(rules: Rules) -> list[bytes]:
    """The keys in ascending order. Sorting is a good part of the work of both functions below, so
    whoever needs both does it once and hands the result to each."""
    return sorted(rules)


def content_digest(content: Content, keys: Sequence[bytes] | None = None) -> str:
    """SHA-256 of the canonical rules, in hexadecimal; `keys` are the `canonical_keys` of the names.

    Hashed are, for batches of 65536 keys: the length octets of the keys, their flags, the keys. A
    name has at most 254 octets without its root, so each length is one octet. Then, if there are any,
    how many side rules there are, and those in their order, each with its length before it.
    """
    rules, others, ordered = content
    digest = hashlib.sha256(_CANONICAL)
    kinds = set(map(FLAGS_MASK.__and__, rules.values()))
    only = bytes(kinds) if len(kinds) == 1 else b""  # spares a look-up for each key of most lists
    keys = canonical_keys(rules) if keys is None else keys
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        digest.update(bytes(map(len, batch)))
        digest.update(only * len(batch) or bytes(rules[key] & FLAGS_MASK for key in batch))
        digest.update(b"".join(batch))
    if others:
        digest.update(_SIDES + len(others).to_bytes(4, "big"))
        for octets in map(meaning, others):
            digest.update(len(octets).to_bytes(4, "big") + octets)
    if ordered:
        digest.update(_ORDERED)
    return digest.hexdigest()


def compile_content(
    content: Content, keys: Sequence[bytes] | None = None, digest: str | None = None, *, consume: bool = False
) -> bytes:
    """The compiled file of this content, for `CompiledList`.

    `keys` are the `canonical_keys` of its names and `digest` its `content_digest`, for whoever has them
    already. A million names take some 13 octets each: 9 of trie, 4 of values. With `consume` the
    content's names, and `keys` if they are a list, are empty afterwards, and what they took is there for
    the trie: a third less memory at the peak. Raises ValueError or KeyError when `keys` are others, or in
    another order.
    """
    count = content.entries
    rules = content.names
    keys = canonical_keys(rules) if keys is None else keys
    digest = digest or content_digest(content, keys)
    keyed, everywhere = _by_key(content.sides)
    given = keys
    if keyed:
        rules = _with_sides(rules, keyed)
        keys = canonical_keys(rules)
    entries, ordered = len(rules), array("I", map(rules.__getitem__, keys))
    names: _Packed | Sequence[bytes] = _Packed(keys) if consume else keys
    if consume:
        for holder in (content.names, rules, given, keys):
            if isinstance(holder, dict | list):
                holder.clear()
    # Three nested tries (the default) are the smallest. In label order the trie gives its keys back in
    # ascending order, at no measured cost.
    trie = marisa_trie.BinaryTrie(names, order=marisa_trie.LABEL_ORDER)
    if not len(trie) == len(names) == entries:
        raise ValueError(f"there are {len(trie)} keys for {entries} rules")
    values = _values(ordered, names, trie)
    flags = bytes(map(_FILE_FLAGS.__and__, values))
    uniform = flags[0] if flags and flags.count(flags[0]) == len(flags) else 0
    if sys.byteorder == "big":
        values.byteswap()
    return layout.assemble(
        layout.Parts(
            trie.tobytes(),
            values.tobytes(),
            b"" if uniform else flags,
            sides.pack({trie.get(key): found for key, found in keyed.items()}, everywhere),
            _automata(everywhere),
        ),
        bytes.fromhex(digest),
        entries=entries,
        rules=count,
        uniform_flags=uniform,
        ordered=content.ordered,
    )


_FILE_FLAGS: Final = FLAGS_MASK | ASIDE


def _by_key(rules: Sequence[SideRule]) -> tuple[dict[bytes, list[SideRule]], list[SideRule]]:
    """Side rules by their key, and those that no key leads to."""
    keyed: dict[bytes, list[SideRule]] = {}
    for rule in rules:
        if not rule.everywhere:
            keyed.setdefault(rule.key, []).append(rule)
    return keyed, [rule for rule in rules if rule.everywhere]


def _with_sides(rules: Rules, keyed: Mapping[bytes, Sequence[SideRule]]) -> Rules:
    """The names of the trie: plain ones, and those at which side rules stand."""
    names = dict(rules)
    for key, found in keyed.items():
        line = min(rule.line for rule in found)
        names[key] = names.get(key, line << LINE_SHIFT) | ASIDE
    return names


def _automata(rules: Sequence[SideRule]) -> bytes:
    """What finds the expressions among these rules, each by its place; empty if there are none."""
    sources = [rule.expression for rule in rules if rule.expression]
    return build(sources) if sources else b""


class _Packed:
    """Keys in a quarter of the memory that as many objects take. Can be walked again and again."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        batches = (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))
        # In batches, as join needs 80 octets more for each key while it works.
        self._batches = [(bytes(map(len, batch)), b"".join(batch)) for batch in batches]

    def __len__(self) -> int:
        return sum(len(sizes) for sizes, _ in self._batches)

    def __iter__(self) -> Iterator[bytes]:
        for sizes, joined in self._batches:
            at = 0
            for size in sizes:
                yield joined[at : at + size]
                at += size


def _values(ordered: array[int], keys: Iterable[bytes], trie: marisa_trie.BinaryTrie) -> array[int]:
    """Flags and line for each id of the trie, from those in the order of the keys. Raises ValueError when
    the keys do not fit."""
    values = array("I", bytes(4 * len(ordered)))
    for (stored, key_id), key, value in zip(trie.iteritems(), keys, ordered, strict=True):
        if stored != key:
            raise ValueError("the keys are not those of the rules in ascending order")
        values[key_id] = value
    return values
