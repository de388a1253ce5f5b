"""Masks of two kinds → expressions. Equal masks give equal expressions.

    dnscrypt-proxy    ads.*   a beginning       *word*  a part    ad?[0-9]*.example   the whole name
    adblock           ||ads.  from a label on   -ad-    a part    |ad*.example^       the whole name

`*` is any text, also none and also across labels; `?` any one character; `[0-9]`, `[^a-z]` one of them, or
none of them; `||` the start of any label, `|` the start or the end of the name, `^` the end. Neither kind
knows any other way to write a character, so what names are not made of is a fault. Which masks are a plain
name in disguise, and which are too short to be obeyed, is for the formats to say.
"""

from __future__ import annotations

import re
from typing import Final

from resolver.dns.names import Fault
from resolver.rules.expressions.faults import fault

MAX_MASK: Final = 253
"""Characters of the longest mask, as of the longest name."""

_GLOB_PIECES: Final = re.compile(r"([a-z0-9_-]+)|(\.)|(\*+)|(\?)|(\[\^?[a-z0-9_.-]{1,60}\])")
_BLOCK_PIECES: Final = re.compile(r"([a-z0-9_-]+)|(\.)|(\*+)")

_WRITTEN: Final = (None, r"\.", ".*", ".", None)
"""How a piece is written in an expression, by its group; None: as it stands."""


def from_glob(text: str) -> str | Fault:
    """A mask as dnscrypt-proxy reads it → an expression.

    One star at the end makes a beginning, one at both ends a part; everything else is the whole name. (One
    at the start alone is `*.name`, a plain name, before anybody asks here; as a mask it is an end.)
    """
    text = text.lower()
    plain = not re.search(r"[?\[]|.\*.", text)
    start, end = not (plain and text.startswith("*")), not (plain and text.endswith("*"))
    if plain:
        text = text.strip("*")
    return _joined("^" if start else "", text, "$" if end else "", _GLOB_PIECES)


def from_adblock(pattern: str) -> str | Fault:
    """An adblock mask → an expression. Inside the mask `|` and `^` are no characters of names."""
    text = pattern.lower()
    end = ""
    if text.endswith(("^", "|")):
        text, end = text.removesuffix("|").removesuffix("^"), "$"
    start = ""
    if text.startswith("||"):
        text, start = text[2:], r"(^|\.)"
    elif text.startswith("|"):
        text, start = text[1:], "^"
    # Any text beside a mark takes the meaning from it.
    if text.startswith("*"):
        text, start = text.lstrip("*"), ""
    if text.endswith("*"):
        text, end = text.rstrip("*"), ""
    return _joined(start, text, end, _BLOCK_PIECES)


def _joined(start: str, text: str, end: str, pieces: re.Pattern[str]) -> str | Fault:
    """The expression of a mask whose marks were read."""
    if not text:
        return fault("name-empty")
    if len(text) > MAX_MASK:
        return fault("name-too-long")
    written, at = [start], 0
    while at < len(text):
        piece = pieces.match(text, at)
        if piece is None:
            return fault("regex-class" if text[at] in "[]" else "bad-character", at + 1)
        written.append(_WRITTEN[(piece.lastindex or 1) - 1] or piece[0])
        at = piece.end()
    return "".join((*written, end))
