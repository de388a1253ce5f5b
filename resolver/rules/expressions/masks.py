"""Masks as expressions: to be replaced by the real one within the hour."""

from __future__ import annotations

import re

from resolver.dns.names import Fault


def from_adblock(pattern: str) -> str | Fault:
    """The expression of an adblock mask that is no plain name."""
    found = re.fullmatch(r"(\|\|?)?([^|^]*)(\^\|?|\|)?", pattern)
    if found is None or not re.fullmatch(r"[a-z0-9_.*-]+", found[2]):
        return Fault("bad-character", "")
    start = {"||": r"(^|\.)", "|": "^", None: ""}[found[1]]
    body = found[2].strip("*") if not (found[1] or found[3]) else found[2]
    return start + body.replace(".", r"\.").replace("*", ".*") + ("$" if found[3] else "")
