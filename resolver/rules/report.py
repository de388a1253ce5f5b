"""What a reading of a list found: counts, the first faults with their lines, the list's own header.

The report is the answer to whoever pushed the list, so it is JSON-ready and of bounded size
whatever the list holds: samples are cut in number and in length, and made safe to print on a
terminal. It must not influence what is in force; the rules alone do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from resolver.rules import side
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    FLAGS_MASK,
    Rules,
)
from resolver.rules.overlap import Comparison
from resolver.rules.side import SideRule

MAX_SAMPLES: Final = 100
"""Offending lines that a report names; the counts go on."""

MAX_SAMPLE_TEXT: Final = 200
"""Characters of an offending line that a report repeats."""


class BadLine(msgspec.Struct, frozen=True):
    """One offending line: its number from 1, its text (cut), a code and a sentence."""

    number: int
    text: str
    code: str
    message: str


class RuleCounts(msgspec.Struct, frozen=True):
    """Rules by what they do and how far they reach; a name that is blocked and allowed counts twice."""

    block_exact: int = 0
    block_suffix: int = 0
    block_below: int = 0
    allow_exact: int = 0
    allow_suffix: int = 0
    allow_below: int = 0


class SideCounts(msgspec.Struct, frozen=True):
    """Side rules by what they do (each once), and how many of them have which peculiarity."""

    block: int = 0
    allow: int = 0
    answer: int = 0
    cancel: int = 0
    important: int = 0
    expressions: int = 0
    by_type: int = 0
    by_client: int = 0
    by_address: int = 0


class Header(msgspec.Struct, frozen=True):
    """What the list says of itself in its first comments; None where it says nothing."""

    title: str | None = None
    expires: str | None = None
    version: str | None = None
    last_modified: str | None = None
    number_of_entries: int | None = None


class Report(msgspec.Struct, frozen=True):
    """The outcome of a reading.

    format, detected, confidence
                the notation that was used; the one the content looks like, and how surely (0 to 1)
    lines, blanks, comments
                all lines; those with nothing on them; those for people
    entries     distinct names with a rule, `rules` by kind
    duplicates  rules that named a name that stood there already
    ignored     no fault and nothing to do: localhost, options of another server; by code
    not_dns     rules for browsers: cosmetic, paths, ports; by code
    invalid_total, invalid_by_code, invalid
                faults, counted; the first hundred with their lines
    unenforceable, unenforceable_by_code, unenforceable_lines
                rules that are understood and cannot, or may not, be obeyed here
    held, held_by_code, held_lines
                rules that the guard held back because they cover too much; they are not in force
    side_rules  rules with a condition, an expression or an answer of their own, by kind
    ordered     inside this list the most specific rule counts alone
    notes       lines that are obeyed but not as their writer may think, by code
    header      what the list says of itself
    comparison  what it shares with the other lists in force, and which of its rules are idle; null where it
                was read by itself
    warnings    plain sentences worth showing to whoever pushed the list
    """

    format: str
    detected: str
    confidence: float
    lines: int = 0
    blanks: int = 0
    comments: int = 0
    entries: int = 0
    rules: RuleCounts = msgspec.field(default_factory=RuleCounts)
    duplicates: int = 0
    ignored: int = 0
    ignored_by_code: dict[str, int] = msgspec.field(default_factory=dict)
    not_dns: int = 0
    not_dns_by_code: dict[str, int] = msgspec.field(default_factory=dict)
    invalid_total: int = 0
    invalid_by_code: dict[str, int] = msgspec.field(default_factory=dict)
    invalid: list[BadLine] = msgspec.field(default_factory=list)
    unenforceable: int = 0
    unenforceable_by_code: dict[str, int] = msgspec.field(default_factory=dict)
    unenforceable_lines: list[BadLine] = msgspec.field(default_factory=list)
    held: int = 0
    held_by_code: dict[str, int] = msgspec.field(default_factory=dict)
    held_lines: list[BadLine] = msgspec.field(default_factory=list)
    side_rules: SideCounts = msgspec.field(default_factory=SideCounts)
    ordered: bool = False
    notes: dict[str, int] = msgspec.field(default_factory=dict)
    header: Header = msgspec.field(default_factory=Header)
    comparison: Comparison | None = None
    warnings: list[str] = msgspec.field(default_factory=list)


def count_rules(rules: Rules) -> RuleCounts:
    """Count rules by kind: one pass over the flags."""
    by_flags = Counter(map(FLAGS_MASK.__and__, rules.values()))

    def having(mask: int, wanted: int) -> int:
        return sum(count for flags, count in by_flags.items() if flags & mask == wanted)

    return RuleCounts(
        block_exact=having(BLOCK_BOTH, BLOCK_APEX),
        block_suffix=having(BLOCK_BOTH, BLOCK_BOTH),
        block_below=having(BLOCK_BOTH, BLOCK_BELOW),
        allow_exact=having(ALLOW_BOTH, ALLOW_APEX),
        allow_suffix=having(ALLOW_BOTH, ALLOW_BOTH),
        allow_below=having(ALLOW_BOTH, ALLOW_BELOW),
    )


def count_sides(sides: Sequence[SideRule]) -> SideCounts:
    """Count side rules by kind."""
    actions = Counter(rule.action for rule in sides)
    return SideCounts(
        block=actions[side.BLOCK],
        allow=actions[side.ALLOW],
        answer=actions[side.ANSWER],
        cancel=actions[side.CANCEL],
        important=sum(rule.important for rule in sides),
        expressions=sum(bool(rule.expression) for rule in sides),
        by_type=sum(bool(rule.types or rule.not_types) for rule in sides),
        by_client=sum(rule.for_some for rule in sides),
        by_address=sum(bool(rule.addresses) for rule in sides),
    )


def safe_text(text: str) -> str:
    """A line as it may be shown: cut, and without control characters or changes of direction."""
    cut = text if len(text) <= MAX_SAMPLE_TEXT else text[: MAX_SAMPLE_TEXT - 1] + "…"
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in cut)


def by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    """The same counts, the most frequent first, so that a person reads the reason first."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
