"""Expressions between slashes: to be replaced by the real one within the hour."""

from __future__ import annotations

import re

from resolver.rules.lines import Skip
from resolver.rules.side import SideRule


def read_slashed(text: str, action: int) -> SideRule | Skip:
    """A rule of `/expression/`."""
    try:
        re.compile(text[1:-1])
    except re.error:
        return Skip("invalid", "unsupported-regex")
    return SideRule(action=action, expression=text[1:-1])
