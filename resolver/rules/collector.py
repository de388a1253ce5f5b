"""Lines in, rules and counts out: the loop of every reading.

A long list is nearly all of one or two shapes, so it is cut into pieces of some 256 KB at line ends and
the format's fast patterns are run over each piece by the regex engine; per name there remain one split,
one join and one look into the dict, about 1.3 µs. Lines that no pattern takes go to the format's reader
one by one. Memory beyond the rules is one piece, whatever the length of the list or of a line.

This module counts and never judges: what a line means is said in the formats, whether a rule reaches too
far in `resolver.rules.guard`, whether a list may be put in force in `resolver.rules.parse`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from resolver.dns.names import MAX_TEXT
from resolver.rules.below import is_single
from resolver.rules.codes import MAX_LINE, SENTENCES
from resolver.rules.formats.table import ListFormat
from resolver.rules.lines import NO_OPTIONS, Item, Options, Outcome, Rule, Skip, Void
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BOTH,
    FLAGS_MASK,
    LINE_SHIFT,
    Content,
    Kind,
    Match,
    Rules,
    key_of,
)
from resolver.rules.report import MAX_SAMPLES, BadLine, safe_text
from resolver.rules.side import ALLOW, APEX, BLOCK, BOTH, SideRule, canonical, meaning

_PIECE: Final = 1 << 18
"""Octets that are read at a time."""

MAX_SIDES: Final = 500_000
"""Side rules of one list, and rules that take one back; a further one is counted and left out. Plain names
have no bound of their own."""

MAX_AT_NAME: Final = 1000
MAX_EVERYWHERE: Final = 10_000
"""Of those, such as stand at one name, and such as every question must be held to (expressions are counted
elsewhere). Whoever asks pays for each of them: some microsecond."""

_NEVER: Final = rb"((?!))"
"""A pattern that matches nothing and has one group, so that every format has two."""

# A label, reversed, is closed by its length octet.
_LENGTH: Final = [bytes((length,)) for length in range(256)]


def _finder(fast: Sequence[bytes]) -> Callable[[bytes], list[tuple[bytes, bytes, bytes]]]:
    """What cuts a piece into lines: the name of each that a fast pattern takes, or else the line."""
    return re.compile(b"(?:" + b"|".join(fast) + rb")|([^\n]*+)\n").findall


def flag_table(match: Match, kind: Kind) -> tuple[int, ...]:
    """For each of the 16 flag sets a line can give, the set that the list's settings make of it.

    "exact" turns every rule to the name alone, "suffix" to the name and all below, also where the
    line itself said otherwise. Every rule of an "allow" list allows.
    """
    return tuple(_set_flags(flags, match, kind) for flags in range(FLAGS_MASK + 1))


def _set_flags(flags: int, match: Match, kind: Kind) -> int:
    block, allow = flags & BLOCK_BOTH, flags & ALLOW_BOTH
    if match != "auto":
        block = block and (BLOCK_APEX if match == "exact" else BLOCK_BOTH)
        allow = allow and (ALLOW_APEX if match == "exact" else ALLOW_BOTH)
    if kind == "allow":
        block, allow = 0, allow | block * (ALLOW_APEX // BLOCK_APEX)
    return block | allow


def _set_side(rule: SideRule, match: Match, kind: Kind) -> SideRule | Skip:
    """The same for a side rule. An allow list allows; it cannot also say what is answered."""
    reach, action = rule.reach, rule.action
    if match != "auto" and not rule.everywhere:
        reach = APEX if match == "exact" else BOTH
    if kind == "allow":
        if action not in (BLOCK, ALLOW):
            return Skip("unenforceable", "answer-in-allow-list")
        action = ALLOW
    if (reach, action) == (rule.reach, rule.action):
        return rule
    return msgspec.structs.replace(rule, reach=reach, action=action)


def _rooted(rule: Rule) -> SideRule | Rule:
    """A rule on the root speaks of every name, which no key can: it is a side rule."""
    if len(rule.wire) > 1:
        return rule
    action, reach = (ALLOW, rule.flags // ALLOW_APEX) if rule.flags & ALLOW_BOTH else (BLOCK, rule.flags)
    return SideRule(action=action, reach=reach)


class Collector:
    """The state of one reading.

    `rules` and `sides` are what was found, `found` how many rules there were with repetitions; `counts`
    the other lines by outcome and code; `invalid` and `unenforceable` the first of those, with their lines.
    """

    def __init__(
        self, list_format: ListFormat, match: Match, kind: Kind, options: Options = NO_OPTIONS
    ) -> None:
        self.rules: Rules = {}
        self.sides: list[SideRule] = []
        self.lines = self.blanks = self.found = 0
        self.counts: dict[Outcome, Counter[str]] = {
            outcome: Counter()
            for outcome in ("comment", "ignored", "not-dns", "invalid", "unenforceable", "note")
        }
        self.samples: dict[Outcome, list[BadLine]] = {"invalid": [], "unenforceable": []}
        self.last_skip = Skip("comment")
        """What the line was that was read last and was no rule."""
        self.singles: set[bytes] = set()
        """The keys of one label. No fast pattern takes such a name, so none of them is missed."""
        self._ordered = list_format.ordered
        self._make = list_format.make
        self._options = options
        self._reader = self._make(options)
        self._match: Match = match
        self._kind: Kind = kind
        self._flags = flag_table(match, kind)
        self._voids: list[Rule | SideRule] = []
        self._at: Counter[bytes] = Counter()
        fast = [*list_format.fast, (_NEVER, 0), (_NEVER, 0)][:2]
        self._fast_flags = tuple(self._flags[flags] for _, flags in fast)
        self._fast_if = list_format.fast_if
        self._strip = str.rstrip if list_format.continues else str.strip
        self._continues = list_format.continues
        self._find = _finder(tuple(one for one, _ in fast))

    def read(self, data: bytes, start: int = 0, progress: Callable[[int], None] | None = None) -> None:
        """Read every line from octet `start` on, to the end of the list.

        `progress` is told now and then how many octets have been read.
        """
        size = len(data)
        if self._fast_if is not None and not self._fast_if(data[start:] if start else data):
            self._find = _finder((_NEVER, _NEVER))
        while start < size:
            end = data.rfind(b"\n", start, start + _PIECE) + 1
            if end:
                end = self._with_tail(data, end)
                piece = data[start:end]
                self._read_piece(piece if piece.endswith(b"\n") else piece + b"\n")
            elif start + _PIECE >= size:  # the last line, with no newline behind it
                end = size
                self._read_piece(data[start:] + b"\n")
            else:  # one line that is longer than a piece
                end = data.find(b"\n", start) + 1 or size
                self.lines += 1
                self._slow(data[start : min(end, start + MAX_LINE + 1)])
            start = end
            if progress is not None:
                progress(start)
        self._finish()

    def _with_tail(self, data: bytes, end: int) -> int:
        """The end of a piece behind a line that continues its last one, where a format has such lines:
        whether a fast pattern may take a line depends on the one below it. One is enough, since none that
        continues another is for a fast pattern; a list of nothing else is still read in pieces."""
        if end < len(data) and data[end] in self._continues:
            end = data.find(b"\n", end) + 1 or len(data)
        return end

    def content(self) -> Content:
        """What was found, each rule once."""
        return Content(self.rules, canonical(self.sides), self._ordered)

    def _read_piece(self, piece: bytes) -> None:
        """Read whole lines. The hot loop: nothing here may be a call that is not needed."""
        setdefault, length, line = self.rules.setdefault, _LENGTH, self.lines
        first_flags, second_flags = self._fast_flags
        for first, second, other in self._find(piece):
            line += 1
            name = first or second
            if not name:
                self.lines = line
                self._slow(other)
                continue
            if len(name) > MAX_TEXT:
                self.lines = line
                self._skip(Skip("invalid", "name-too-long"), name.decode("ascii"), line)
                continue
            flags = first_flags if first else second_flags
            labels = name.lower()[::-1].split(b".")
            key = b"".join([label + length[len(label)] for label in labels])
            value = line << LINE_SHIFT | flags
            self.found += 1
            # Two lines never make the same value, so "is not" tells a name that stood there before.
            standing = setdefault(key, value)
            if standing is not value and standing & flags != flags:
                self.rules[key] = standing | flags
        self.lines = line

    def read_line(self, text: str) -> list[Rule | SideRule]:
        """Read one line that comes alone: count it, and return its rules instead of keeping them."""
        self.lines += 1
        self.last_skip = Skip("comment")
        line = text.strip()
        if len(line.splitlines()) > 1:
            items: list[Item] = [Skip("invalid", "several-words")]
        elif len(line) > MAX_LINE:
            items = [Skip("invalid", "line-too-long")]
        elif not line:
            items = [Skip("invalid", "name-empty")]
        else:
            reader = self._make(self._options)
            items = [*reader.read(line, 1), *(item for _, item in reader.finish())]
        rules: list[Rule | SideRule] = []
        for item in self._shaped(items):
            if isinstance(item, Skip):
                self._skip(item, text, self.lines)
            elif isinstance(item, Void):
                self._skip(Skip("invalid", "nothing-to-void"), text, self.lines)
            else:
                rules.append(item)
        return rules

    def _slow(self, octets: bytes) -> None:
        """Read the line that `self.lines` stands at by the format's reader."""
        if len(octets) > MAX_LINE:
            text = octets[:MAX_LINE].decode("utf-8", "replace")
            self._skip(Skip("invalid", "line-too-long"), text, self.lines)
            return
        text = self._strip(octets.decode("utf-8", "replace"))
        if not text:
            self.blanks += 1
            return
        for item in self._shaped(self._reader.read(text, self.lines)):
            self._keep(item, text, self.lines)

    def _finish(self) -> None:
        """The end of the list: what the reader held back, and the rules that others took back."""
        for line, item in self._reader.finish():
            for shaped in self._shaped([item]):
                self._keep(shaped, "", line)
        for rule in self._voids:
            if isinstance(rule, Rule):
                self._take_back(rule)
        void = {meaning(rule) for rule in self._voids if isinstance(rule, SideRule)}
        if void:
            left = [rule for rule in self.sides if meaning(rule) not in void]
            self.found -= len(self.sides) - len(left)
            self.sides = left
        self._voids.clear()
        self._at.clear()

    def _shaped(self, items: Iterable[Item]) -> list[Item]:
        """What a line says, as this list's description has it."""
        shaped: list[Item] = []
        for item in items:
            if isinstance(item, Void):
                inner = self._shape(item.rule)
                shaped.append(inner if isinstance(inner, Skip) else Void(inner))
            else:
                shaped.append(item if isinstance(item, Skip) else self._shape(item))
        return shaped

    def _shape(self, rule: Rule | SideRule) -> Rule | SideRule | Skip:
        """One rule, as this list's description has it."""
        if isinstance(rule, Rule):
            return _rooted(Rule(rule.wire, self._flags[rule.flags]))
        return _set_side(rule, self._match, self._kind)

    def _keep(self, item: Item, text: str, line: int) -> None:
        """Add what one line said."""
        if isinstance(item, Skip):
            self._skip(item, text, line)
        elif isinstance(item, Rule):
            # Whoever named the key first keeps its line number.
            key = key_of(item.wire)
            self.found += 1
            self.rules[key] = self.rules.get(key, line << LINE_SHIFT) | item.flags
            if is_single(key):
                self.singles.add(key)
        elif not self._has_room(item):
            self._skip(Skip("unenforceable", "too-many-side-rules"), text, line)
        elif isinstance(item, Void):
            self._voids.append(item.rule)
        else:
            self.found += 1
            self.sides.append(msgspec.structs.replace(item, line=line))

    def _has_room(self, item: SideRule | Void) -> bool:
        """Whether one more may be kept."""
        if isinstance(item, Void):
            return len(self._voids) < MAX_SIDES
        if not item.expression:
            self._at[item.key] += 1
            if self._at[item.key] > (MAX_AT_NAME if item.key else MAX_EVERYWHERE):
                return False
        return len(self.sides) < MAX_SIDES

    def _take_back(self, rule: Rule) -> None:
        """Remove the flags of one plain rule."""
        key = key_of(rule.wire)
        standing = self.rules.get(key, 0)
        left = standing & ~rule.flags
        self.found -= left != standing
        if left & FLAGS_MASK:
            self.rules[key] = left
        else:
            self.rules.pop(key, None)

    def _skip(self, item: Skip, text: str, line: int) -> None:
        """Count a line that is no rule, and keep it as a sample if somebody should look at it."""
        self.last_skip = item
        self.counts[item.outcome][item.code] += 1
        samples = self.samples.get(item.outcome)
        if samples is not None and len(samples) < MAX_SAMPLES:
            samples.append(BadLine(line, safe_text(text), item.code, SENTENCES[item.code]))
