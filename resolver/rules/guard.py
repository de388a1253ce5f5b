"""The guard: rules that would take too much off the net are held back and reported, never obeyed.

A list is written by others and pushed by a machine; `com` in it is a slip of the pen or an attack, and
obeying it blacks out a country (Denmark, 2012). So the guard looks at every list after it was read, and
takes out the rules that cover the root, or a single label. It looks at allow rules too: one on `com` would
switch the protection off.

Pure: what is wide beyond that comes in as a `Guard`. Looking costs a few thousand look-ups, whatever the
size of the list. This module must not know where suffixes or protected names come from.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from resolver.rules.model import LINE_SHIFT, Content, Rules
from resolver.rules.render import render_rule, render_side
from resolver.rules.side import SideRule


class Guard(NamedTuple):
    """What must not be covered."""


class Held(NamedTuple):
    """A rule that was held back: its line (0: none), its text, and a code of `GUARD_CODES`."""

    line: int
    text: str
    code: str


PLAIN: Final = Guard()
"""The guard that needs no data: the root and single labels."""


def hold_back(content: Content, guard: Guard = PLAIN) -> tuple[Content, list[Held]]:
    """The content without the rules that the guard holds back, and those, in the order of their lines."""
    held: list[Held] = []
    names: Rules = content.names
    wide = [key for key in names if len(key) and key[-1] == len(key) - 1]
    for key in wide:
        value = names[key]
        held.append(Held(value >> LINE_SHIFT, " ".join(render_rule(key, value)), "covers-top-level"))
    if wide:
        names = {key: value for key, value in names.items() if key[-1] != len(key) - 1}
    sides: list[SideRule] = []
    for rule in content.sides:
        code = _judge(rule)
        if code:
            held.append(Held(rule.line, render_side(rule), code))
        else:
            sides.append(rule)
    return Content(names, tuple(sides), content.ordered), sorted(held)


def _judge(rule: SideRule) -> str:
    """The code under which a side rule is held back, or ""."""
    if rule.everywhere and not (rule.expression or rule.clients or rule.addresses):
        return "covers-root"
    if rule.key and rule.key[-1] == len(rule.key) - 1:
        return "covers-top-level"
    return ""
