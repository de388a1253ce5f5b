"""A compiled list: mapped from its file, asked for every first-seen name.

    match    which verdict bits the list has for a name. The hot path, see below
    explain  which of its rules speak of a name, with their lines, for people
    rules    everything back, to take a diff or to change single names

A name is looked up by its key (reversed wire name, `resolver.rules.model`). The trie returns every
stored key that the key begins with, the shortest first; for nearly all names that is none, and the
answer is there after one call. Otherwise each must end where a label of the name ends: reversed, a
length octet stands behind its label, and 0x2D, 0x30 to 0x39 and 0x5F are also the hyphen, the digits
and the underscore. The stored name itself is matched by its APEX bits, a name below it by its BELOW bits.

Nothing is copied out of the mapping. The object must not be used after its buffer was closed.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import marisa_trie

from resolver.errors import CorruptFile
from resolver.rules import layout
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOWED,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCKED,
    FLAGS_MASK,
    LINE_SHIFT,
    Rules,
    name_of,
)

_VALUE: Final = struct.Struct("<I")

_APEX: Final = bytes(
    (BLOCKED if flags & BLOCK_APEX else 0) | (ALLOWED if flags & ALLOW_APEX else 0)
    for flags in range(FLAGS_MASK + 1)
)
"""Flags -> verdict bits for the name itself."""

_BELOW: Final = bytes(
    (BLOCKED if flags & BLOCK_BELOW else 0) | (ALLOWED if flags & ALLOW_BELOW else 0)
    for flags in range(FLAGS_MASK + 1)
)
"""Flags -> verdict bits for every name below."""


class Found(NamedTuple):
    """A rule that speaks of a name: its own name on the wire, those of its flags that apply to the
    name asked, and the line that said so (0: none)."""

    name: bytes
    flags: int
    line: int


class CompiledList:
    """One compiled list over a buffer. Raises CorruptFile when the buffer is not one.

    The header is always checked, in constant time, so a truncated file is never read. `verify=True`
    checks every octet (some 20 ms for a million names). Without it, octets changed behind the header's
    back can make answers wrong: say so for files that nothing has checked since they were written.
    """

    def __init__(self, buffer: bytes | mmap.mmap | memoryview, verify: bool = False) -> None:
        view = memoryview(buffer)
        header = layout.read_header(view)
        if verify and layout.checksum(view[layout.HEADER_SIZE :]) != header.checksum:
            raise CorruptFile("its content does not match its checksum")
        self.entries: Final[int] = header.entries
        self.digest: Final[str] = header.digest.hex()
        self._uniform = header.uniform_flags & FLAGS_MASK
        self._flags = _section(view, header.flags)
        self._values = _section(view, header.values)
        self._trie = _map_trie(_section(view, header.trie), header.entries)
        self._prefixes = self._trie.prefixes

    def __len__(self) -> int:
        return self.entries

    def match(self, key: bytes) -> int:
        """BLOCKED | ALLOWED bits for the key of a lower-cased name; 0 when no rule speaks of it."""
        found = self._prefixes(key)
        return self._judge(key, found) if found else 0

    def _judge(self, key: bytes, found: list[bytes]) -> int:
        """The verdict bits of the stored keys that really are ancestors of the key, or the key."""
        verdict = 0
        end = whole = len(key)
        for prefix in reversed(found):
            size = len(prefix)
            while end > size:  # one label up; its length octet stands last
                end -= key[end - 1] + 1
            if end == size:
                flags = self._uniform or self._flags[self._trie.get(prefix)]
                verdict |= (_APEX if size == whole else _BELOW)[flags]
        return verdict

    def explain(self, key: bytes) -> list[Found]:
        """Every rule that speaks of the name, the most specific first."""
        # The same walk as in `_judge`, kept apart from it: that one may not build anything.
        reasons = []
        end = whole = len(key)
        for prefix in reversed(self._prefixes(key)):
            while end > len(prefix):
                end -= key[end - 1] + 1
            if end != len(prefix):
                continue
            value = self._value(self._trie.get(prefix))
            apex = end == whole
            flags = value & (BLOCK_APEX | ALLOW_APEX if apex else BLOCK_BELOW | ALLOW_BELOW)
            if flags:
                reasons.append(Found(name_of(prefix), flags, value >> LINE_SHIFT))
        return reasons

    def rules(self) -> Rules:
        """All rules, in ascending order of their keys. Needs the memory that compiling them needed."""
        return dict(self.items())

    def items(self) -> Iterator[tuple[bytes, int]]:
        """The same, one after the other: key, and flags | line << LINE_SHIFT."""
        for key, key_id in self._trie.iteritems():
            yield key, self._value(key_id)

    def _value(self, key_id: int) -> int:
        """Flags and line of the key with this id."""
        value: int = _VALUE.unpack_from(self._values, 4 * key_id)[0]
        return value


def _section(view: memoryview, section: layout.Section) -> memoryview:
    """The octets of one section, not copied."""
    return view[section.offset : section.offset + section.length]


def _map_trie(octets: memoryview, entries: int) -> marisa_trie.BinaryTrie:
    """The trie over its section. Raises CorruptFile when the library cannot read it."""
    try:
        trie = marisa_trie.BinaryTrie().map(octets)
    except (RuntimeError, ValueError) as error:
        raise CorruptFile(f"its trie cannot be read: {error}") from error
    if len(trie) != entries:
        raise CorruptFile(f"its trie has {len(trie)} names, and its header says {entries}")
    return trie
