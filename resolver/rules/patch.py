"""Single names into and out of a list: the rules before, lines to add, lines to remove.

Each line is written as in the list itself and read by the same reader. A line to remove takes away
what the list says of that name with that action: `example.com` removes a block of the name and of what is
below it, and leaves an exception `@@||example.com^` alone. Unlike a whole list, a change by hand is all or
nothing: one line that is no rule refuses it, since whoever wrote it can see and mend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from resolver.rules.codes import SENTENCES, refusal
from resolver.rules.collector import Collector
from resolver.rules.detect import detect
from resolver.rules.formats.table import FORMATS
from resolver.rules.lines import Rule
from resolver.rules.model import ALLOW_BOTH, BLOCK_BOTH, FLAGS_MASK, Format, Kind, Match, Rules, key_of
from resolver.rules.parse import choose_format, make_report, refuse_wide_rules
from resolver.rules.report import MAX_SAMPLES, BadLine, Header, Report, safe_text


class Patched(NamedTuple):
    """The rules afterwards; how the lines were read; lines to remove that named no rule."""

    rules: Rules
    report: Report
    not_found: list[str]


def patch_rules(
    rules: Rules,
    add: Sequence[str],
    remove: Sequence[str],
    *,
    format: Format = "auto",
    match: Match = "auto",
    kind: Kind = "block",
) -> Patched:
    """Remove, then add; whoever names a name in both wants it as it is added.

    The rules given are not changed; a name that is added has no line number. The report counts the
    lines of `add`, then those of `remove`; its `entries` and `rules` are those of the whole list
    afterwards, its `duplicates` the added rules that stood there already. Raises ListRefused
    (line-invalid, rule-too-wide, format-not-supported); then nothing is to be changed.
    """
    detected = detect("\n".join([*add, *remove]).encode("utf-8", "replace"))
    name = choose_format(format, detected)
    collector = Collector(FORMATS[name], match, kind)
    faults: list[BadLine] = []
    # Everything is read before anything is changed, so a fault in the last line undoes nothing.
    adding = [rule for text in add for rule in _read(collector, text, faults)]
    removing = [(text, _read(collector, text, faults)) for text in remove]
    collector.rules = dict(rules)
    not_found = [text for text, found in removing if not _take_out(collector.rules, found)]
    duplicates = sum(not _put_in(collector.rules, rule) for rule in adding)
    report = make_report(collector, name, detected, Header())
    report = msgspec.structs.replace(report, duplicates=duplicates, warnings=[])
    refuse_wide_rules(collector, report)
    if faults:
        _refuse(faults, report)
    return Patched(collector.rules, report, not_found)


def _read(collector: Collector, text: str, faults: list[BadLine]) -> list[Rule]:
    """The rules of one line. A line without one is a fault: comments, too, change nothing."""
    rules = collector.read_line(text)
    if not rules:
        code = collector.last_skip.code or "name-empty"
        faults.append(BadLine(collector.lines, safe_text(text), code, SENTENCES[code]))
    return rules


def _take_out(rules: Rules, found: list[Rule]) -> bool:
    """Remove from each name what these rules do (block or allow), however far; False if none was there."""
    # One line may hold several names (hosts, dnsmasq); it was found when one of them was.
    removed = False
    for rule in found:
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


def _put_in(rules: Rules, rule: Rule) -> bool:
    """Add one rule; False if all of it stood there already."""
    key = key_of(rule.wire)
    standing = rules.get(key, 0)
    rules[key] = standing | rule.flags
    return rules[key] != standing


def _refuse(faults: list[BadLine], report: Report) -> None:
    """Raises ListRefused (line-invalid) with every line that is no rule."""
    first = faults[0]
    detail = (
        f"`{first.text}` is no rule in the format `{report.format}`: {first.message} "
        "Correct or leave out the lines named, and send the change again."
    )
    extra = {"report": msgspec.to_builtins(report), "errors": msgspec.to_builtins(faults[:MAX_SAMPLES])}
    raise refusal("line-invalid", detail, extra)
