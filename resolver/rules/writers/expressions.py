"""Expressions: notations that have no plain names.

    regex          /expression/   @@/expression/
    pihole-regex   expression;querytype=A,!AAAA;invert;reply=nxdomain

A plain name could be written as `^name$`, and a million of them would be a million expressions, more than
any list may have. So plain names are losses; they belong in a list of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from resolver.dns import rdata, registry
from resolver.dns.registry import type_name
from resolver.rules.model import ALLOW_BOTH, BLOCK_BOTH
from resolver.rules.side import ALLOW, Answer, SideRule
from resolver.rules.writers.writer import Writer

_NO_NAMES: Final = (
    BLOCK_BOTH | ALLOW_BOTH,
    "The notation has expressions only; write plain names to a list of their own.",
)


def _regex_side(rule: SideRule) -> list[str]:
    """An expression without conditions."""
    if not rule.expression:
        return []
    mark = "@@" if rule.action == ALLOW else ""
    return [f"{mark}/{rule.expression}/"]


def _pihole_side(rule: SideRule) -> list[str]:
    """An expression and its extensions."""
    return [";".join((rule.expression, *_extensions(rule)))] if rule.expression else []


def _extensions(rule: SideRule) -> Iterator[str]:
    """What stands behind the semicolons; what has no extension does not read back."""
    types = [*map(type_name, rule.types), *(f"!{type_name(one)}" for one in rule.not_types)]
    if types:
        yield "querytype=" + ",".join(types)
    if rule.invert:
        yield "invert"
    if rule.answer in _REPLIES:
        yield f"reply={_REPLIES[rule.answer]}"
    elif rule.answer is not None:
        for record in rule.answer.records:
            yield "reply=" + " ".join(rdata.to_words(record.rtype, record.rdata) or ())


_REPLIES: Final[dict[Answer | None, str]] = {
    Answer(): "nodata",
    Answer(registry.NXDOMAIN): "nxdomain",
    Answer(registry.REFUSED): "refused",
    Answer(silent=True): "none",
}

REGEX: Final = Writer(
    "regex", "#", {}, (_NO_NAMES,), _regex_side,
    "The notation has expressions that block or allow, and no conditions or answers.",
)  # fmt: skip

PIHOLE_REGEX: Final = Writer(
    "pihole-regex", "#", {}, (_NO_NAMES,), _pihole_side,
    "The notation has expressions that block or answer; no exceptions, and no conditions but query types.",
)  # fmt: skip
