"""Sets of octets, as integers of 256 bits: what one place of an expression may hold.

Names are compared without case (RFC 4343), so a set always holds both cases of a letter or neither. What
`\\w`, `[[:alpha:]]` and their like stand for is a table here. This module must not know expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

EVERY: Final = (1 << 256) - 1
"""All octets."""

NONE: Final = 0

_CASE: Final = 32
"""How far a small letter stands behind its capital in ASCII."""


def span(first: int, last: int) -> int:
    """The octets from `first` to `last`, both included."""
    return (1 << last + 1) - (1 << first)


def octets(members: Iterable[int]) -> int:
    """The set of these octets."""
    found = NONE
    for member in members:
        found |= 1 << member
    return found


def members(octet_set: int) -> Iterator[int]:
    """The octets of a set, ascending."""
    while octet_set:
        lowest = octet_set & -octet_set
        yield lowest.bit_length() - 1
        octet_set ^= lowest


_CAPITALS: Final = span(65, 90)
_LETTERS: Final = _CAPITALS | _CAPITALS << _CASE


def without_case(octet_set: int) -> int:
    """The set with both cases of each of its letters."""
    capitals = (octet_set | octet_set >> _CASE) & _CAPITALS
    return octet_set | capitals | capitals << _CASE


_DIGITS: Final = span(48, 57)
_SPACES: Final = octets(b" \t\n\r\f\v")
WORD: Final = _LETTERS | _DIGITS | octets(b"_")
"""What `\\w` matches, and what `\\b` looks for the bounds of."""
OTHER: Final = EVERY ^ WORD

ESCAPED: Final[Mapping[str, int]] = {
    "d": _DIGITS,
    "D": EVERY ^ _DIGITS,
    "w": WORD,
    "W": OTHER,
    "s": _SPACES,
    "S": EVERY ^ _SPACES,
}
"""Letter behind a backslash -> the octets it stands for."""

_GRAPH: Final = span(33, 126)

NAMED: Final[Mapping[str, int]] = {
    "alnum": _LETTERS | _DIGITS,
    "alpha": _LETTERS,
    "ascii": span(0, 127),
    "blank": octets(b" \t"),
    "cntrl": span(0, 31) | 1 << 127,
    "digit": _DIGITS,
    "graph": _GRAPH,
    "lower": _LETTERS,
    "print": _GRAPH | 1 << 32,
    "punct": _GRAPH & ~_LETTERS & ~_DIGITS,
    "space": _SPACES,
    "upper": _LETTERS,
    "word": WORD,
    "xdigit": _DIGITS | without_case(span(97, 102)),
}
"""Name of a POSIX class (`[:alpha:]`) -> its octets in the C locale, both cases of letters."""
