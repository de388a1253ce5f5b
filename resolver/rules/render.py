"""Rules → text, in adblock notation, which has a form for every combination of flags.

    |name^     the name itself          @@ before any of them: allowed
    ||name^    the name and all below
    ||*.name^  all below, not the name

`parse_list(render(rules), format="adblock")` gives the same rules back, line numbers aside. A name
that is both blocked and allowed takes two lines. Order is that of the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from resolver.dns.names import to_text
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    FLAGS_MASK,
    Rules,
    name_of,
)
from resolver.rules.side import SideRule

_FORMS: Final = {
    BLOCK_APEX: "|{}^",
    BLOCK_BELOW: "||*.{}^",
    BLOCK_BOTH: "||{}^",
    ALLOW_APEX: "@@|{}^",
    ALLOW_BELOW: "@@||*.{}^",
    ALLOW_BOTH: "@@||{}^",
}
"""Flags of one action -> how they are written."""

_WRITTEN: Final = tuple(
    tuple(_FORMS[part] for part in (flags & BLOCK_BOTH, flags & ALLOW_BOTH) if part)
    for flags in range(FLAGS_MASK + 1)
)


def render(rules: Rules) -> Iterator[str]:
    """One line for each plain rule and action, without newline."""
    for key, value in rules.items():
        yield from render_rule(key, value)


def render_side(rule: SideRule) -> str:
    """One side rule as text."""
    return repr(rule)


def render_rule(key: bytes, flags: int) -> Iterator[str]:
    """The lines of one rule; bits above the flags are ignored."""
    name = to_text(name_of(key))
    for form in _WRITTEN[flags & FLAGS_MASK]:
        yield form.format(name)
