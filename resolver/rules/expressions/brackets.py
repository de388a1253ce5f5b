"""Escapes and bracket expressions: `\\d`, `\\x2d`, `[a-z0-9._-]`, `[^[:alpha:]]`.

POSIX and RE2 disagree about a backslash between brackets (for POSIX it is itself); lists mean an escape by
it, so it is one here. Everything is read from a text and a place in it, and gives an octet set and the
place behind it; faults are raised as `Refused`. This module must not know what stands around a bracket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from resolver.rules.expressions.faults import Refused
from resolver.rules.expressions.octets import ESCAPED, EVERY, NAMED, NONE, span, without_case

_CONTROLS: Final[Mapping[str, int]] = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_HEXADECIMAL: Final = re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{0{0,6}([0-9A-Fa-f]{1,2})\})").match
_NAMED: Final = re.compile(r"\[:(\^?)([a-z]{1,8}):\]").match
_WORD_BOUNDS: Final = "<>"
"""`\\<` and `\\>` are bounds of words for TRE and themselves for RE2: refused rather than guessed."""


def read_escape(text: str, at: int) -> tuple[int, int]:
    """The octets that the backslash at this place stands for with what is behind it. Raises Refused."""
    letter = text[at + 1 : at + 2]
    if letter in ESCAPED:
        return ESCAPED[letter], at + 2
    if letter in _CONTROLS:
        return 1 << _CONTROLS[letter], at + 2
    if letter == "x" and (number := _HEXADECIMAL(text, at)):
        return without_case(1 << int(number[1] or number[2], 16)), number.end()
    if not letter or letter.isalnum() or letter in _WORD_BOUNDS:
        raise Refused("regex-escape", at + 1)
    return 1 << ord(letter), at + 2


def read_brackets(text: str, at: int) -> tuple[int, int]:
    """The octets of the bracket expression that opens at this place. Raises Refused.

    A `]` that stands first is a member; so is a `-` that stands first, last or behind a range.
    """
    start, at = at, at + 1
    negated = text.startswith("^", at)
    at += negated
    found, first = NONE, True
    while first or not text.startswith("]", at):
        if at >= len(text):
            raise Refused("regex-brackets", start + 1)
        octets, at = _read_member(text, at)
        found |= octets
        first = False
    found = without_case(found)
    return (EVERY ^ found if negated else found), at + 1


def _read_member(text: str, at: int) -> tuple[int, int]:
    """One member of a bracket expression, or a range."""
    start = at
    octets, at = _read_atom(text, at)
    if not text.startswith("-", at) or text.startswith("]", at + 1) or at + 1 >= len(text):
        return octets, at
    last, at = _read_atom(text, at + 1)
    # Both ends must be one octet each: their sets have one bit.
    if octets.bit_count() != 1 or last.bit_count() != 1 or last < octets:
        raise Refused("regex-class", start + 1)
    return span(octets.bit_length() - 1, last.bit_length() - 1), at


def _read_atom(text: str, at: int) -> tuple[int, int]:
    """One character, escape or named class between brackets; letters with the case they have."""
    if text[at] == "\\":
        if text.startswith("x", at + 1) and (number := _HEXADECIMAL(text, at)):
            return 1 << int(number[1] or number[2], 16), number.end()
        return read_escape(text, at)
    if text.startswith(("[:", "[=", "[."), at):
        named = _NAMED(text, at)
        if named is None or named[2] not in NAMED:
            raise Refused("regex-class", at + 1)
        octets = NAMED[named[2]]
        return (EVERY ^ octets if named[1] else octets), named.end()
    return 1 << ord(text[at]), at + 1
