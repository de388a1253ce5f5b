"""What changes from one set of rules to another: counts, and the first names of each kind.

A rule is *changed* when the same name blocks or allows differently; another line number is no change.
Samples are in the notation of `resolver.rules.render`, so that a person sees at a glance what a push
would do; they are few whatever the size of the lists.
"""

from __future__ import annotations

from typing import Final

import msgspec

from resolver.rules.model import FLAGS_MASK, Rules
from resolver.rules.render import render_rule

MAX_SAMPLES: Final = 20
"""Names of each kind that are shown."""


class Diff(msgspec.Struct, frozen=True):
    """Counts of names, and samples as text ("changed" shows the rule before and after)."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0
    added_sample: list[str] = msgspec.field(default_factory=list)
    removed_sample: list[str] = msgspec.field(default_factory=list)
    changed_sample: list[str] = msgspec.field(default_factory=list)


def diff(old: Rules, new: Rules) -> Diff:
    """Compare two sets of rules; samples come in the order of the rules."""
    added = [key for key in new if key not in old]
    changed = [key for key, value in new.items() if (old.get(key, value) ^ value) & FLAGS_MASK]
    removed = [key for key in old if key not in new]
    return Diff(
        added=len(added),
        removed=len(removed),
        changed=len(changed),
        unchanged=len(new) - len(added) - len(changed),
        added_sample=[_text(key, new) for key in added[:MAX_SAMPLES]],
        removed_sample=[_text(key, old) for key in removed[:MAX_SAMPLES]],
        changed_sample=[f"{_text(key, old)} -> {_text(key, new)}" for key in changed[:MAX_SAMPLES]],
    )


def _text(key: bytes, rules: Rules) -> str:
    """A rule in one line, also when it both blocks and allows."""
    return " ".join(render_rule(key, rules[key]))
