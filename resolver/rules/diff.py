"""What changes from one set of rules to another: counts, and the first names of each kind.

A rule is *changed* when the same name blocks or allows differently; another line number is no change.
Side rules are added or removed whole: one with another condition is another rule.
Samples are in the notation of `resolver.rules.render`, so that a person sees at a glance what a push
would do; they are few whatever the size of the lists, and a rule with a thousand values is cut.
"""

from __future__ import annotations

from typing import Final

import msgspec

from resolver.rules.model import FLAGS_MASK, Content, Rules
from resolver.rules.render import render_rule, render_side
from resolver.rules.report import safe_text
from resolver.rules.side import SideRule, meaning

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


def diff(old: Content, new: Content) -> Diff:
    """Compare two contents; samples come in the order of the rules, plain names first."""
    before, after = old.names, new.names
    added = [key for key in after if key not in before]
    changed = [key for key, value in after.items() if (before.get(key, value) ^ value) & FLAGS_MASK]
    removed = [key for key in before if key not in after]
    old_sides = {meaning(rule): rule for rule in old.sides}
    new_sides = {meaning(rule): rule for rule in new.sides}
    more = [rule for octets, rule in new_sides.items() if octets not in old_sides]
    less = [rule for octets, rule in old_sides.items() if octets not in new_sides]
    return Diff(
        added=len(added) + len(more),
        removed=len(removed) + len(less),
        changed=len(changed),
        unchanged=len(after) - len(added) - len(changed) + len(new_sides) - len(more),
        added_sample=_sample(added, after, more),
        removed_sample=_sample(removed, before, less),
        changed_sample=[f"{_text(key, before)} -> {_text(key, after)}" for key in changed[:MAX_SAMPLES]],
    )


def _sample(keys: list[bytes], rules: Rules, sides: list[SideRule]) -> list[str]:
    """The first of these rules as text."""
    names = [_text(key, rules) for key in keys[:MAX_SAMPLES]]
    return names + [safe_text(render_side(rule)) for rule in sides[: MAX_SAMPLES - len(names)]]


def _text(key: bytes, rules: Rules) -> str:
    """A rule in one line, also when it both blocks and allows."""
    return " ".join(render_rule(key, rules[key]))
