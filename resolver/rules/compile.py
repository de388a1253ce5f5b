"""Rules → their digest, and → one immutable file that a worker can map and ask.

The digest names the file and is promised for ever: SHA-256 over the canonical rules, that is the
keys in ascending order with their flags. Line numbers are not part of it, since a comment more in
a list changes no answer. So the same rules make the same digest from whatever format, order or
program version; the octets of the file need not be the same (`resolver.rules.layout`).

Building holds the interpreter for some seconds per million names: it belongs into a process of its
own, and `resolver.generation` gives it one.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Sequence
from typing import Final

import marisa_trie

from resolver.rules import layout
from resolver.rules.model import FLAGS_MASK, Rules

_CANONICAL: Final = b"belisha rules 1\n"
"""What every digest begins with: another way to write rules down would begin otherwise."""

_BATCH: Final = 1 << 16


def canonical_keys(rules: Rules) -> list[bytes]:
    """The keys in ascending order. Sorting is a good part of the work of both functions below, so
    whoever needs both does it once and hands the result to each."""
    return sorted(rules)


def rules_digest(rules: Rules, keys: Sequence[bytes] | None = None) -> str:
    """SHA-256 of the canonical rules, in hexadecimal; `keys` are their `canonical_keys`.

    Hashed are, for batches of 65536 keys: the length octets of the keys, their flags, the keys. A
    name has at most 254 octets without its root, so each length is one octet.
    """
    digest = hashlib.sha256(_CANONICAL)
    kinds = set(map(FLAGS_MASK.__and__, rules.values()))
    only = bytes(kinds) if len(kinds) == 1 else b""  # spares a look-up for each key of most lists
    keys = canonical_keys(rules) if keys is None else keys
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        digest.update(bytes(map(len, batch)))
        digest.update(only * len(batch) or bytes(rules[key] & FLAGS_MASK for key in batch))
        digest.update(b"".join(batch))
    return digest.hexdigest()


def compile_rules(rules: Rules, keys: Sequence[bytes] | None = None, digest: str | None = None) -> bytes:
    """The compiled file of these rules, for `CompiledList`.

    `keys` are their `canonical_keys` and `digest` their `rules_digest`, for whoever has them already.
    A million names take some 13 octets each: 9 of trie, 4 of values. Raises ValueError or KeyError
    when `keys` are others, or in another order.
    """
    keys = canonical_keys(rules) if keys is None else keys
    # Three nested tries (the default) are the smallest. In label order the trie gives its keys back in
    # ascending order, at no measured cost.
    trie = marisa_trie.BinaryTrie(keys, order=marisa_trie.LABEL_ORDER)
    values = _values(rules, keys, trie)
    flags = bytes(map(FLAGS_MASK.__and__, values))
    uniform = flags[0] if flags and flags.count(flags[0]) == len(flags) else 0
    if sys.byteorder == "big":
        values.byteswap()
    return layout.assemble(
        entries=len(rules),
        uniform_flags=uniform,
        digest=bytes.fromhex(digest or rules_digest(rules, keys)),
        parts=(trie.tobytes(), values.tobytes(), b"" if uniform else flags),
    )


def _values(rules: Rules, keys: Sequence[bytes], trie: marisa_trie.BinaryTrie) -> array[int]:
    """Flags and line for each id of the trie. Raises ValueError when the keys do not fit."""
    if len(trie) != len(rules):
        raise ValueError(f"there are {len(trie)} keys for {len(rules)} rules")
    values = array("I", bytes(4 * len(rules)))
    # The rules are asked by our own keys: their hashes are known, those of fresh copies are not.
    for (stored, key_id), key, value in zip(
        trie.iteritems(), keys, map(rules.__getitem__, keys), strict=True
    ):
        if stored != key:
            raise ValueError("the keys are not those of the rules in ascending order")
        values[key_id] = value
    return values
