"""Wildcards: `*.name` covers the name and all below it, as blocky and dnscrypt-proxy read it.

A bare name, or `=name`, covers itself alone. Other masks (`ads.*`, `*word*`, `ad[0-9]`) and schedules
are not supported: a mask that is no plain name cannot stand in an index of names, and obeying a
part of it would block something else. Nothing here knows the other formats.
"""

from __future__ import annotations

import re
from typing import Final

from resolver.dns.names import ROOT
from resolver.rules.lines import COMMENT, FAST_END, FAST_NAME, Item, Rule, Skip, read_name, url_part
from resolver.rules.model import BLOCK_APEX, BLOCK_BOTH

FAST: Final = rb"\*\." + FAST_NAME + FAST_END
FAST_FLAGS: Final = BLOCK_BOTH

_MASK: Final = re.compile(r"[*?\[\]]").search


def read(line: str) -> list[Item]:
    """One line of a wildcard list."""
    if line.startswith(("#", "!", ";")):
        return COMMENT
    words = line.partition("#")[0].split()
    if len(words) != 1:
        return [Skip("invalid", "several-words")]
    return [_read_word(words[0])]


def _read_word(word: str) -> Item:
    """The only word of a line."""
    if word in ("*", "*."):  # everything there is
        return Rule(ROOT, BLOCK_BOTH)
    if word.startswith("="):
        return read_name(word[1:], BLOCK_APEX)
    name, flags = (word[2:], BLOCK_BOTH) if word.startswith("*.") else (word, BLOCK_APEX)
    if _MASK(name):
        return Skip("invalid", "unsupported-pattern")
    return url_part(name) or read_name(name, flags)
