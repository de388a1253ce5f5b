"""Lines in, rules and counts out: the loop of every reading.

A long list is nearly all of one shape, so it is cut into pieces of some 256 KB at line ends and the
format's fast pattern is run over each piece by the regex engine; per name there remain one split, one
join and one look into the dict, about 1.3 µs. Lines that the pattern leaves go to the format's reader
one by one. Memory beyond the rules is one piece, whatever the length of the list or of a line.

This module counts and never judges: what a line means is said in the formats, whether a list may be
put in force in `resolver.rules.parse`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from resolver.dns.names import MAX_TEXT
from resolver.rules.codes import MAX_LINE, SENTENCES
from resolver.rules.formats.table import ListFormat
from resolver.rules.lines import Item, Outcome, Rule, Skip
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BOTH,
    FLAGS_MASK,
    LINE_SHIFT,
    Kind,
    Match,
    Rules,
    key_of,
)
from resolver.rules.report import MAX_SAMPLES, BadLine, safe_text

_PIECE: Final = 1 << 18
"""Octets that are read at a time."""

# A label, reversed, is closed by its length octet.
_LENGTH: Final = [bytes((length,)) for length in range(256)]


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


class Collector:
    """Rules and counts of one reading. Feed it with `read`, then look at its attributes."""

    def __init__(self, list_format: ListFormat, match: Match, kind: Kind) -> None:
        self.rules: Rules = {}
        self.lines = 0
        """Lines begun so far, which is the number of the line being read."""
        self.blanks = 0
        self.found = 0
        """Rules that lines gave, the same name counted each time."""
        self.counts: dict[Outcome, Counter[str]] = {
            outcome: Counter() for outcome in ("comment", "ignored", "not-dns", "invalid", "refused", "note")
        }
        self.invalid: list[BadLine] = []
        self.too_wide: list[BadLine] = []
        """The first of each, as the report and the refusal show them."""
        self.last_skip = Skip("comment")
        """The item that was counted last and was no rule."""
        self._read_line = list_format.read
        self._flags = flag_table(match, kind)
        self._fast_flags = self._flags[list_format.fast_flags]
        self._find = re.compile(b"(?:" + list_format.fast + rb")|([^\n]*+)\n").findall

    def read(self, data: bytes, start: int = 0) -> None:
        """Read every line from octet `start` on."""
        size = len(data)
        while start < size:
            end = data.rfind(b"\n", start, start + _PIECE) + 1
            if end:
                self._read_piece(data[start:end])
            elif start + _PIECE >= size:  # the last line, with no newline behind it
                end = size
                self._read_piece(data[start:] + b"\n")
            else:  # one line that is longer than a piece
                end = data.find(b"\n", start) + 1 or size
                self.lines += 1
                self._slow(data[start : min(end, start + MAX_LINE + 1)])
            start = end

    def _read_piece(self, piece: bytes) -> None:
        """Read whole lines. The hot loop: nothing here may be a call that is not needed."""
        setdefault, flags, length, line = self.rules.setdefault, self._fast_flags, _LENGTH, self.lines
        for name, other in self._find(piece):
            line += 1
            if not name:
                self.lines = line
                self._slow(other)
                continue
            if len(name) > MAX_TEXT:
                self.lines = line
                self._skip(Skip("invalid", "name-too-long"), name.decode("ascii"))
                continue
            labels = name.lower()[::-1].split(b".")
            key = b"".join([label + length[len(label)] for label in labels])
            value = line << LINE_SHIFT | flags
            self.found += 1
            # Two lines never make the same value, so "is not" tells a name that stood there before.
            standing = setdefault(key, value)
            if standing is not value and standing & flags != flags:
                self.rules[key] = standing | flags
        self.lines = line

    def read_line(self, text: str) -> list[Rule]:
        """Read one line that comes alone: count it, and return its rules instead of keeping them."""
        self.lines += 1
        self.last_skip = Skip("comment")
        line = text.strip()
        if len(line.splitlines()) > 1:
            items: list[Item] = [Skip("invalid", "several-words")]
        elif len(line) > MAX_LINE:
            items = [Skip("invalid", "line-too-long")]
        else:
            items = self._items(line) if line else [Skip("invalid", "name-empty")]
        for item in items:
            if isinstance(item, Skip):
                self._skip(item, text)
        return [item for item in items if isinstance(item, Rule)]

    def _slow(self, octets: bytes) -> None:
        """Read the line that `self.lines` stands at by the format's reader."""
        if len(octets) > MAX_LINE:
            self._skip(Skip("invalid", "line-too-long"), octets[:MAX_LINE].decode("utf-8", "replace"))
            return
        text = octets.decode("utf-8", "replace").strip()
        if not text:
            self.blanks += 1
            return
        for item in self._items(text):
            if isinstance(item, Rule):
                self._take(item)
            else:
                self._skip(item, text)

    def _items(self, text: str) -> list[Item]:
        """What a stripped line says, with this list's flags."""
        return [
            Rule(item.wire, self._flags[item.flags]) if isinstance(item, Rule) else item
            for item in self._read_line(text)
        ]

    def _take(self, rule: Rule) -> None:
        """Add one rule; whoever named the key first keeps its line number."""
        key = key_of(rule.wire)
        self.found += 1
        self.rules[key] = self.rules.get(key, self.lines << LINE_SHIFT) | rule.flags

    def _skip(self, item: Skip, text: str) -> None:
        """Count a line that is no rule, and keep it as a sample if it is a fault."""
        self.last_skip = item
        self.counts[item.outcome][item.code] += 1
        samples = {"invalid": self.invalid, "refused": self.too_wide}.get(item.outcome)
        if samples is not None and len(samples) < MAX_SAMPLES:
            samples.append(BadLine(self.lines, safe_text(text), item.code, SENTENCES[item.code]))
