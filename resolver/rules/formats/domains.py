"""Plain names: one on each line, the name itself alone (as AdGuard Home, Pi-hole and blocky read it).

Comments begin with `#`, `!`, `;`, `[` or `//`, and may follow a name after `#`. A line of the form `*.name`
is read as in the wildcard format, and `/…/` as an expression: they can mean nothing else. Whoever wants plain
names to cover what is below them, as Technitium and dnscrypt-proxy do, sets the list's `match` to `suffix`.
"""

from __future__ import annotations

from typing import Final

from resolver.rules.expressions.automaton import Allowance, check
from resolver.rules.formats import hosts, wildcard
from resolver.rules.formats.regex import Check, is_slashed, read_slashed
from resolver.rules.lines import (
    COMMENT,
    FAST_END,
    FAST_NAME,
    Item,
    LineReader,
    Options,
    Skip,
    is_address,
    read_name,
    url_part,
)
from resolver.rules.model import BLOCK_APEX
from resolver.rules.side import BLOCK

FAST: Final = FAST_NAME + FAST_END
FAST_FLAGS: Final = BLOCK_APEX


def make(_options: Options) -> LineReader:
    """The reader of one list: all its expressions share an allowance."""
    usable = Allowance().check
    return LineReader(lambda line: read(line, usable))


def read(line: str, usable: Check = check) -> list[Item]:
    """One line of a list of plain names."""
    if line.startswith((*hosts.COMMENT_MARKS, "//")):
        return COMMENT
    if line.startswith("*"):
        return wildcard.read(line, usable)
    if is_slashed(line):
        return [read_slashed(line, BLOCK, usable)]
    words = line.partition("#")[0].split()
    if len(words) > 1:
        return [Skip("invalid", "hosts-line" if is_address(words[0]) else "several-words")]
    return [url_part(words[0]) or read_name(words[0], BLOCK_APEX)]
