"""The grammar of zone files (RFC 1035 5.1): lines in, entries out.

    entry = [owner] [TTL] [class] type rdata       both orders of TTL and class
    ;       begins a comment                        "..."  one word, blanks and all, as is key="..."
    ( )     an entry that goes on over several lines \\.  \\DDD  escapes, left to whoever reads the word

`ZoneLines` is told one physical line after the other and gives an entry when it is whole. An open
parenthesis is the only thing that it remembers, and it does not wait for its end for ever: a zone
whose end is missing would otherwise swallow a million lines in silence. This module knows no name and no
type's data; what the words mean is the business of `resolver.dns.zone_data`, of `resolver.dns.zonefile`
for own records, and of `resolver.rules.formats.rpz` for policy zones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.names import Fault

MAX_CONTINUED: Final = 100
"""Lines that an entry in parentheses may span. The longest in use are keys of a dozen lines."""
MAX_WORDS: Final = 2000
"""Words of one entry."""

QUOTE: Final = '"'
"""A quoted word keeps its first quotation mark, so that `"@"` is never taken for `@`."""

# The alternatives begin with different characters and do not give back: the time is that of one pass.
_TOKEN: Final = re.compile(
    r'(?P<gap>[ \t\r\f\v]++|;.*+)|(?P<mark>[()])|(?P<quoted>"(?:[^"\\]|\\.)*+)"'
    r'|(?P<word>(?:[^ \t\r\f\v;()"\\]|\\.)++(?:(?<==)"(?:[^"\\]|\\.)*+")?+)'
).match

# Most lines are words and blanks and nothing else: a quotation mark, a parenthesis, a comment or an escape is
# what makes reading slow.
_SIMPLE: Final = re.compile(r"[!#-'*-:<-\[\]-~ \t]*+").fullmatch

_TTL: Final = re.compile(r"[0-9]{1,10}+(?:[smhdw][0-9]{1,10}+){0,4}+[smhdw]?", re.I).fullmatch
_TTL_PART: Final = re.compile(r"([0-9]+)([smhdw]?)", re.I).findall
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLASSES: Final = frozenset(("IN", "CH", "HS"))

_NOT_ZONE: Final = Fault(
    "not-zone", "This is no line of a zone file: a quotation mark or a parenthesis has no partner."
)
_UNCLOSED: Final = Fault("unclosed-parenthesis", "A parenthesis is opened here and not closed soon enough.")


class Entry(NamedTuple):
    """A record or a directive: the line it begins on, whether blanks stand before it, and its words."""

    line: int
    indented: bool
    words: tuple[str, ...]


class Record(NamedTuple):
    """The parts of an entry that is a record. No owner: that of the entry before. `ttl`: None if unsaid."""

    owner: str | None
    ttl: int | None
    rtype: str
    words: tuple[str, ...]
    rclass: str = "IN"


class ZoneLines:
    """Physical lines → entries."""

    def __init__(self) -> None:
        self._open: Entry | None = None
        self._depth = 0
        self._faults: list[tuple[int, Fault]] = []

    def take(self, line: str, number: int) -> Entry | Fault | None:
        """An entry that this line ends; why the line is none; None if the entry goes on.

        A line of blanks and comments is an entry without words.
        """
        if self._open is not None and number - self._open.line >= MAX_CONTINUED:
            self._give_up()
        words: list[str] = []
        depth = _split(line, self._depth, words)
        if depth is None or (depth and len(words) > MAX_WORDS):
            self._open, self._depth = None, 0
            return _NOT_ZONE
        opened = self._open or Entry(number, line[:1].isspace(), ())
        entry = opened._replace(words=(*opened.words, *words))
        self._open, self._depth = (entry, depth) if depth else (None, 0)
        if depth:
            if len(entry.words) > MAX_WORDS:
                self._give_up()
            return None
        return entry

    def finish(self) -> Iterable[tuple[int, Fault]]:
        """The parentheses that were never closed, each with the line that opened it."""
        if self._open is not None:
            self._give_up()
        return self._faults

    def _give_up(self) -> None:
        """The entry that is open has gone on for too long: a fault of the line that opened it."""
        if self._open is not None:
            self._faults.append((self._open.line, _UNCLOSED))
        self._open, self._depth = None, 0


def _split(line: str, depth: int, words: list[str]) -> int | None:
    """Append the words of a line; returns how many parentheses are open then. None: this is no zone line."""
    if _SIMPLE(line):
        words += line.split()
        return depth
    at = 0
    while at < len(line):
        token = _TOKEN(line, at)
        if token is None:  # a quotation mark without its end, or a backslash before nothing
            return None
        at = token.end()
        if token["mark"]:
            depth += 1 if token["mark"] == "(" else -1
            if depth < 0:
                return None
        elif token.lastgroup != "gap":
            words.append(token[token.lastgroup or 0])
    return depth


def read_ttl(word: str) -> int | None:
    """`300` or `1h30m` (BIND's units) → seconds. None: no TTL."""
    if word.isdecimal() and word.isascii() and len(word) <= 10:
        return int(word)
    if not _TTL(word):
        return None
    return sum(int(count) * _UNITS[unit.lower()] for count, unit in _TTL_PART(word))


def is_type(word: str) -> bool:
    """Whether this is the name of a record type, or its number as `TYPE65280` (RFC 3597 5)."""
    return registry.type_number(word) is not None


def read_record(entry: Entry) -> Record | None:
    """The parts of a record; blanks before it say that it has no owner. None: this is none."""
    return _read_parts(entry.words, 0 if entry.indented else 1) if entry.words else None


def _read_parts(words: Sequence[str], at: int) -> Record | None:
    """The record whose TTL, class and type begin at a word; one word before it is its owner."""
    owner, ttl = (words[0] if at else None), None
    rclass = ""
    for word in words[at : at + 3]:
        seconds = read_ttl(word)
        if seconds is not None and ttl is None:
            ttl = seconds
        elif not rclass and word.upper() in _CLASSES:
            rclass = word.upper()
        elif is_type(word) and at + 1 < len(words):
            return Record(owner, ttl, word.upper(), tuple(words[at + 1 :]), rclass or "IN")
        else:
            return None
        at += 1
    return None
