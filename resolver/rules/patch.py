"""Single names into and out of a list: the rules before, lines to add, lines to remove.

Each line is written as in the list itself and read by the same reader. A line to remove takes away
what the list says of that name with that action: `example.com` removes a block of the name and of what is
below it, and leaves an exception `@@||example.com^` alone. A line that is a side rule removes the rule that
means the same. Unlike a whole list, a change by hand is all or nothing: one line that is no rule, or that
the guard would hold back, refuses it, since whoever wrote it can see and mend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from resolver.rules.codes import SENTENCES, TOO_WIDE, refusal
from resolver.rules.collector import Collector
from resolver.rules.detect import detect
from resolver.rules.formats.table import FORMATS
from resolver.rules.guard import PLAIN, Guard, Held, hold_back
from resolver.rules.lines import NO_OPTIONS, Options, Rule
from resolver.rules.model import (
    ALLOW_BOTH,
    BLOCK_BOTH,
    FLAGS_MASK,
    Content,
    Format,
    Kind,
    Match,
    Rules,
    key_of,
)
from resolver.rules.parse import extra, make_report
from resolver.rules.report import MAX_SAMPLES, BadLine, Header, Report, safe_text
from resolver.rules.side import SideRule, canonical, meaning


class Patched(NamedTuple):
    """The content afterwards; how the lines were read; lines to remove that named no rule; the plain rules
    of the lines to add."""

    content: Content
    report: Report
    not_found: list[str]
    added: Rules


def patch_rules(
    content: Content,
    add: Sequence[str],
    remove: Sequence[str],
    *,
    format: Format = "auto",
    known: str = "",
    match: Match = "auto",
    kind: Kind = "block",
    options: Options = NO_OPTIONS,
    guard: Guard = PLAIN,
) -> Patched:
    """Remove, then add; whoever names a name in both wants it as it is added.

    The content given is not changed; a name that is added has no line number. `known` is the notation that
    it came in: with the format "auto", lines that do not all look like one other notation are read in that.
    The report counts the lines of `add`, then those of `remove`; its `entries` and `rules` are those of the
    whole list afterwards, its `duplicates` the added rules that stood there already. Raises ListRefused
    (line-invalid, rule-too-wide); then nothing is to be changed.
    """
    detected = detect("\n".join([*add, *remove]).encode("utf-8", "replace"))
    name: str = format
    if format == "auto":
        name = known if known in FORMATS and detected.confidence < 1 else detected.format
    collector = Collector(FORMATS[name], match, kind, options)
    faults: list[BadLine] = []
    # Everything is read before anything is changed, so a fault in the last line undoes nothing.
    adding = [rule for text in add for rule in _read(collector, text, faults)]
    removing = [(text, _read(collector, text, faults)) for text in remove]
    rules, sides = dict(content.names), {meaning(rule): rule for rule in content.sides}
    not_found = [text for text, found in removing if not _take_out(rules, sides, found)]
    duplicates = sum(not _put_in(rules, sides, rule) for rule in adding)
    # A line in another notation must not change what a list that stands there already means.
    ordered = content.ordered if content.entries else FORMATS[name].ordered
    patched = Content(rules, canonical(sides.values()), ordered)
    added, held = hold_back(_added(adding), guard)
    report = make_report(collector, patched, held, name, detected, Header())
    report = msgspec.structs.replace(report, duplicates=duplicates, warnings=[])
    if held:
        _refuse_wide(held, report)
    if faults:
        _refuse(faults, report)
    return Patched(patched, report, not_found, added.names)


def _read(collector: Collector, text: str, faults: list[BadLine]) -> list[Rule | SideRule]:
    """The rules of one line. A line without one is a fault: comments, too, change nothing."""
    rules = collector.read_line(text)
    if not rules:
        code = collector.last_skip.code or "name-empty"
        faults.append(BadLine(collector.lines, safe_text(text), code, SENTENCES[code]))
    return rules


def _take_out(rules: Rules, sides: dict[bytes, SideRule], found: list[Rule | SideRule]) -> bool:
    """Remove what these rules say; False if nothing of it was there.

    Of a plain name goes what they do (block or allow), however far. One line may hold several names
    (hosts, dnsmasq); it was found when one of them was.
    """
    removed = False
    for rule in found:
        if isinstance(rule, SideRule):
            removed |= sides.pop(meaning(rule), None) is not None
            continue
        key = key_of(rule.wire)
        standing = rules.get(key, 0)
        action = (BLOCK_BOTH if rule.flags & BLOCK_BOTH else 0) | (
            ALLOW_BOTH if rule.flags & ALLOW_BOTH else 0
        )
        removed |= bool(standing & action)
        if standing & action == standing & FLAGS_MASK:
            rules.pop(key, None)
        else:
            rules[key] = standing & ~action
    return removed


def _put_in(rules: Rules, sides: dict[bytes, SideRule], rule: Rule | SideRule) -> bool:
    """Add one rule; False if all of it stood there already."""
    if isinstance(rule, SideRule):
        return sides.setdefault(meaning(rule), rule) is rule
    key = key_of(rule.wire)
    standing = rules.get(key, 0)
    rules[key] = standing | rule.flags
    return rules[key] != standing


def _added(rules: list[Rule | SideRule]) -> Content:
    """What is added, as content of its own: the guard looks at nothing else."""
    names: Rules = {}
    for rule in rules:
        if isinstance(rule, Rule):
            key = key_of(rule.wire)
            names[key] = names.get(key, 0) | rule.flags
    return Content(names, tuple(rule for rule in rules if isinstance(rule, SideRule)))


def _refuse_wide(held: list[Held], report: Report) -> None:
    """Raises ListRefused (rule-too-wide) with every rule that the guard would hold back."""
    first = held[0]
    detail = (
        f"`{safe_text(first.text)}` may not be added: {SENTENCES[first.code]} Leave it out; or add"
        f" `{safe_text(first.covers)}` to `unguarded` of the list's description, if that is what you want."
    )
    raise refusal(TOO_WIDE, detail, extra(report, report.held_lines))


def _refuse(faults: list[BadLine], report: Report) -> None:
    """Raises ListRefused (line-invalid) with every line that is no rule."""
    first = faults[0]
    detail = (
        f"`{first.text}` is no rule in the format `{report.format}`: {first.message} "
        "Correct or leave out the lines named, and send the change again."
    )
    raise refusal("line-invalid", detail, extra(report, faults[:MAX_SAMPLES]))
