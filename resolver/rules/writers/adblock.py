"""Adblock: the notation with a form for nearly everything (`resolver.rules.render`).

What it cannot say comes from policy zones: silence, TCP only, the address of an answer, TTLs.
"""

from __future__ import annotations

from typing import Final

from resolver.dns.names import from_host
from resolver.rules.model import FLAGS_MASK, key_of
from resolver.rules.render import render_rule, render_side
from resolver.rules.side import SideRule
from resolver.rules.writers.writer import Writer

_ANY: Final = "any.example"
_FORMS: Final = {
    flags: tuple(line.replace(_ANY, "{}") for line in render_rule(key_of(from_host(_ANY)), flags))
    for flags in range(1, FLAGS_MASK + 1)
}
"""The forms of `render_rule`, with a place for the name."""


def _side(rule: SideRule) -> list[str]:
    """Every condition is a modifier; what has none does not read back."""
    return [render_side(rule)]


ADBLOCK: Final = Writer(
    "adblock", "!", _FORMS, (), _side,
    "The notation has no modifier that says this (silence, TCP only, a TTL, the address of an answer).",
)  # fmt: skip
