"""A compiled list: mapped from its file, asked for every first-seen name.

    match       which verdict bits the list has for a name. The hot path, see below
    explain     which of its plain rules speak of a name, with their lines, for people
    asides      which side rules a name leads to; their other conditions are for whoever asks
    found_in    which expressions are found in a name
    met_by      which of the rules that neither leads to a client, or an answer's addresses, may meet
    content     everything back, to take a diff or to change single names

A name is looked up by its key (reversed wire name, `resolver.rules.model`). The trie returns every
stored key that the key begins with, the shortest first; for nearly all names that is none, and the
answer is there after one call. Otherwise each must end where a label of the name ends: reversed, a
length octet stands behind its label, and 0x2D, 0x30 to 0x39 and 0x5F are also the hyphen, the digits
and the underscore. The stored name itself is matched by its APEX bits, a name below it by its BELOW bits.
In an ordered list the longest name that says anything is the only one that counts.

Nothing is copied out of the mapping. The object must not be used after its buffer was closed.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import marisa_trie

from resolver.errors import CorruptFile
from resolver.rules import layout, side
from resolver.rules.below import lies_under
from resolver.rules.expressions.automaton import Matcher
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOWED,
    ASIDE,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCKED,
    CONDITIONAL,
    FLAGS_MASK,
    LINE_SHIFT,
    Content,
    name_of,
)
from resolver.rules.networks import Address, NetworkIndex, network_of
from resolver.rules.side import SideRule, canonical
from resolver.rules.sides import Sides

Match = Callable[[bytes], int]
"""The verdict bits for the key of a lower-cased name: what `CompiledList.match` is."""

_VALUE: Final = struct.Struct("<I")
_DECIDED: Final = BLOCKED | ALLOWED
_FILE_FLAGS: Final = FLAGS_MASK | ASIDE


def _verdicts(block: int, allow: int) -> bytes:
    """Flags of a file -> verdict bits, when these flags are the ones that count."""
    return bytes(
        (BLOCKED if flags & block else 0)
        | (ALLOWED if flags & allow else 0)
        | (CONDITIONAL if flags & ASIDE else 0)
        for flags in range(_FILE_FLAGS + 1)
    )


APEX_VERDICTS: Final = _verdicts(BLOCK_APEX, ALLOW_APEX)
"""Flags -> verdict bits for the name itself."""

BELOW_VERDICTS: Final = _verdicts(BLOCK_BELOW, ALLOW_BELOW)
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
        self.entries: Final[int] = header.rules
        self.digest: Final[str] = header.digest.hex()
        self.ordered: Final[bool] = header.ordered
        self._uniform = header.uniform_flags & _FILE_FLAGS
        self._flags = layout.octets_of(view, header.flags)
        self._values = layout.octets_of(view, header.values)
        self._trie = map_trie(layout.octets_of(view, header.trie), header.entries)
        self._prefixes = self._trie.prefixes
        self._sides = Sides(layout.octets_of(view, header.sides))
        placed = [one for one in enumerate(self._sides.everywhere) if not one[1].expression]
        self._anywhere = [(place, rule) for place, rule in placed if not _leads(rule)]
        self._by_client = NetworkIndex(
            (place, rule, rule.clients) for place, rule in placed if _leads(rule) and not rule.addresses
        )
        self._by_address = NetworkIndex((place, rule, rule.addresses) for place, rule in placed)
        self._expressions = tuple(rule for rule in self._sides.everywhere if rule.expression)
        self._matcher = Matcher(layout.octets_of(view, header.automata)) if self._expressions else None

    def __len__(self) -> int:
        return self.entries

    @property
    def searches(self) -> bool:
        """Whether rules stand here that no name leads to, and that a question may meet."""
        return bool(self._expressions or self._anywhere or self._by_client)

    @property
    def watches(self) -> bool:
        """Whether there are rules for the addresses of answers."""
        return bool(self._by_address)

    @property
    def tells_clients_apart(self) -> bool:
        """Whether there are rules on every name for some clients."""
        return bool(self._by_client)

    def met_by(self, client: Address | None, addresses: Iterable[Address]) -> list[SideRule]:
        """The rules that no name and no expression leads to, and that may apply to this client and to an
        answer with these addresses; in canonical order."""
        found = dict(self._anywhere)
        if client is not None:
            found.update(self._by_client.find(client))
        for address in addresses:
            found.update(self._by_address.find(address))
        return [found[place] for place in sorted(found)] if found else []

    def match(self, key: bytes) -> int:
        """BLOCKED | ALLOWED | CONDITIONAL bits for the key of a lower-cased name; 0 when no rule with a
        key speaks of it. With CONDITIONAL, or when the list `searches`, the rest must be asked."""
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
                verdict |= (APEX_VERDICTS if size == whole else BELOW_VERDICTS)[flags]
                if self.ordered and verdict & _DECIDED:
                    break
        return verdict

    def _ancestors(self, key: bytes) -> Iterator[tuple[bytes, int, bool]]:
        """The same walk for people: stored key, its id, whether it is the name itself; deepest first."""
        for prefix in ancestors(key, self._prefixes(key)):
            yield prefix, self._trie.get(prefix), len(prefix) == len(key)

    def explain(self, key: bytes) -> list[Found]:
        """Every plain rule that speaks of the name, the most specific first."""
        reasons = []
        for prefix, key_id, apex in self._ancestors(key):
            value = self._value(key_id)
            flags = value & (BLOCK_APEX | ALLOW_APEX if apex else BLOCK_BELOW | ALLOW_BELOW)
            if flags:
                reasons.append(Found(name_of(prefix), flags, value >> LINE_SHIFT))
        return reasons

    def standing(self, key: bytes) -> tuple[int, int]:
        """The flags that stand at this very name (0: none), and those of names above it that reach below."""
        own = above = 0
        if self._prefixes(key):
            for _, key_id, apex in self._ancestors(key):
                flags = self._uniform or self._flags[key_id]
                if apex:
                    own = flags & FLAGS_MASK
                else:
                    above |= flags & (BLOCK_BELOW | ALLOW_BELOW)
        return own, above

    def asides(self, key: bytes) -> list[SideRule]:
        """The side rules at this name, or above it and reaching below; the most specific first."""
        return [
            rule
            for _, key_id, apex in self._ancestors(key)
            if self._value(key_id) & ASIDE
            for rule in self._sides.at(key_id)
            if rule.reach & (side.APEX if apex else side.BELOW)
        ]

    def found_in(self, subject: bytes) -> list[SideRule]:
        """The expression rules that speak of a name (`resolver.rules.expressions.subject`)."""
        if self._matcher is None:
            return []
        found = frozenset(self._matcher.find(subject))
        return [rule for place, rule in enumerate(self._expressions) if (place in found) != rule.invert]

    def content(self) -> Content:
        """All rules, names in ascending order of their keys. Needs the memory that compiling needed."""
        return Content(dict(self.items()), canonical(self._sides.all()), self.ordered)

    def sides(self) -> tuple[SideRule, ...]:
        """All side rules, in canonical order."""
        return canonical(self._sides.all())

    def each_side(self) -> Iterator[SideRule]:
        """All side rules, in the order of the file, each decoded when it is taken."""
        return self._sides.all()

    def items(self) -> Iterator[tuple[bytes, int]]:
        """The plain rules in ascending order of their keys: key, and flags | line << LINE_SHIFT."""
        for key, key_id in self._trie.iteritems():
            value = self._value(key_id)
            if value & FLAGS_MASK:
                yield key, value & ~ASIDE

    def flags(self) -> Iterator[tuple[bytes, int]]:
        """What a merged index needs: every key of the trie in ascending order, and its flags with ASIDE."""
        uniform, flags = self._uniform, self._flags
        for key, key_id in self._trie.iteritems():
            yield key, uniform or flags[key_id]

    def _value(self, key_id: int) -> int:
        """Flags and line of the key with this id."""
        value: int = _VALUE.unpack_from(self._values, 4 * key_id)[0]
        return value


def _leads(rule: SideRule) -> bool:
    """Whether networks lead to the rule, and nothing else does."""
    if rule.addresses:
        return True
    return bool(rule.clients) and all(map(network_of, rule.clients))


def together(matchers: Iterable[Match]) -> Match:
    """One function that says of a key what all of these say, bit by bit."""
    asked = tuple(matchers)
    if len(asked) == 1:
        return asked[0]

    def match(key: bytes) -> int:
        verdict = 0
        for ask in asked:
            verdict |= ask(key)
        return verdict

    return match


def ancestors(key: bytes, found: Iterable[bytes]) -> Iterator[bytes]:
    """Of the stored keys that a key begins with (the shortest first) those that end where a label of it
    ends: the key itself and the names above it. The most specific comes first."""
    return (prefix for prefix in reversed(list(found)) if lies_under(key, prefix))


def map_trie(octets: memoryview, entries: int) -> marisa_trie.BinaryTrie:
    """The trie over its section. Raises CorruptFile when the library cannot read it."""
    try:
        trie = marisa_trie.BinaryTrie().map(octets)
    except (RuntimeError, ValueError) as error:
        raise CorruptFile(f"its trie cannot be read: {error}") from error
    if len(trie) != entries:
        raise CorruptFile(f"its trie has {len(trie)} names, and its header says {entries}")
    return trie
