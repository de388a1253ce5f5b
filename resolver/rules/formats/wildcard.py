"""Wildcards and globs, as blocky and dnscrypt-proxy read them.

    *.name  *name   the name and all below          ads.*   names that begin so
    name    =name   the name itself                 *ads*   names that hold this text
    /…/             an expression                   ad?[0-9]*.name   a mask for the whole name

A bare name covers itself alone, as in blocky; dnscrypt-proxy, where it covers what is below as well, is
followed by setting the list's `match` to `suffix`. A schedule behind a name (`name @work`) narrows the rule
to some hours, which belong to the policy and not to a list: such a line is left out, since without its
hours it would say something else. Nothing here knows the other formats.
"""

from __future__ import annotations

import re
from typing import Final

from resolver.dns.names import ROOT, Fault
from resolver.rules.expressions.automaton import Allowance, check
from resolver.rules.expressions.masks import from_glob
from resolver.rules.formats.regex import Check, is_slashed, read_bare, read_slashed
from resolver.rules.lines import (
    COMMENT,
    FAST_END,
    FAST_NAME,
    Item,
    LineReader,
    Options,
    Rule,
    Skip,
    read_name,
    url_part,
)
from resolver.rules.model import BLOCK_APEX, BLOCK_BOTH
from resolver.rules.side import BLOCK

FAST: Final = rb"\*\." + FAST_NAME + FAST_END
FAST_FLAGS: Final = BLOCK_BOTH

_MASK: Final = re.compile(r"[*?\[\]]").search


def make(_options: Options) -> LineReader:
    """The reader of one list: all its masks share an allowance."""
    usable = Allowance().check
    return LineReader(lambda line: read(line, usable))


def read(line: str, usable: Check = check) -> list[Item]:
    """One line of a wildcard list."""
    if line.startswith(("#", "!", ";")):
        return COMMENT
    if is_slashed(line):
        return [read_slashed(line, BLOCK, usable)]
    words = line.partition("#")[0].split()
    if len(words) == 2 and words[1].startswith("@"):
        return [Skip("unenforceable", "schedule")]
    if len(words) != 1:
        return [Skip("invalid", "several-words")]
    return [_read_word(words[0], usable)]


def _read_word(word: str, usable: Check) -> Item:
    """The only word of a line."""
    if word in ("*", "*."):  # everything there is
        return Rule(ROOT, BLOCK_BOTH)
    if word.startswith("="):
        return read_name(word[1:], BLOCK_APEX)
    flags = BLOCK_BOTH if word.startswith("*") else BLOCK_APEX
    name = word.removeprefix("*").removeprefix(".") if flags == BLOCK_BOTH else word
    if _MASK(name):
        return url_part(word) or _read_mask(word, usable)
    return url_part(name) or read_name(name, flags)


def _read_mask(word: str, usable: Check) -> Item:
    """What is no plain name in disguise → a rule of an expression."""
    expression = from_glob(word)
    if isinstance(expression, Fault):
        return Skip("invalid", expression.code)
    return read_bare(expression, BLOCK, usable)
