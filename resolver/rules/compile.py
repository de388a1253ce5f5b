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
from typing import Final

import marisa_trie

from resolver.rules import layout
from resolver.rules.model import FLAGS_MASK, Rules

_CANONICAL: Final = b"belisha rules 1\n"
"""What every digest begins with: another way to write rules down would begin otherwise."""

_BATCH: Final = 1 << 16


def rules_digest(rules: Rules) -> str:
    """SHA-256 of the canonical rules, in hexadecimal.

    Hashed are, for batches of 65536 keys in ascending order: the length octets of the keys, their
    flags, the keys. A name has at most 254 octets without its root, so each length is one octet.
    """
    digest = hashlib.sha256(_CANONICAL)
    kinds = set(map(FLAGS_MASK.__and__, rules.values()))
    only = bytes(kinds) if len(kinds) == 1 else b""  # spares a look-up for each key of most lists
    keys = sorted(rules)
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        digest.update(bytes(map(len, batch)))
        digest.update(only * len(batch) or bytes(rules[key] & FLAGS_MASK for key in batch))
        digest.update(b"".join(batch))
    return digest.hexdigest()


def compile_rules(rules: Rules, digest: str | None = None) -> bytes:
    """The compiled file of these rules, for `CompiledList`.

    `digest` is what `rules_digest` says, for callers that have asked already. A million names take
    some 13 octets each: 9 of trie, 4 of values.
    """
    # Three nested tries (the default) are the smallest; label order makes them give the keys back in
    # ascending order, at no measured cost.
    trie = marisa_trie.BinaryTrie(rules, order=marisa_trie.LABEL_ORDER)
    values = array("I", bytes(4 * len(rules)))
    for key_id, value in zip(map(trie.get, rules), rules.values(), strict=True):
        values[key_id] = value
    flags = bytes(map(FLAGS_MASK.__and__, values))
    uniform = flags[0] if flags and flags.count(flags[0]) == len(flags) else 0
    if sys.byteorder == "big":
        values.byteswap()
    return layout.assemble(
        entries=len(rules),
        uniform_flags=uniform,
        digest=bytes.fromhex(digest if digest is not None else rules_digest(rules)),
        parts=(trie.tobytes(), values.tobytes(), b"" if uniform else flags),
    )
