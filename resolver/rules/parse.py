"""`parse_list`: the octets of a list → its rules and a report, or a refusal of the whole list.

    screen     what is no text at all is refused
    detect     the format, unless the list's description says it
    collect    line after line; a bad one is counted and never stops the rest
    guard      rules that reach too far are held back
    judge      a list of which no rule is left is refused

So a list either goes into force as its report says, or not at all. Nothing but `ListRefused` comes
out of here whatever goes in; time and memory grow with the octets given, which the caller bounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from resolver.rules.codes import SENTENCES, refusal
from resolver.rules.collector import Collector
from resolver.rules.detect import Detected, detect
from resolver.rules.formats.table import FORMATS
from resolver.rules.guard import PLAIN, Guard, Held, hold_back
from resolver.rules.header import read_header
from resolver.rules.lines import NO_OPTIONS, Options
from resolver.rules.model import Content, Format, Kind, Match
from resolver.rules.report import (
    MAX_SAMPLES,
    BadLine,
    Header,
    Report,
    by_frequency,
    count_rules,
    count_sides,
    safe_text,
)
from resolver.rules.screening import screen


class Parsed(NamedTuple):
    """What was read, how that went, and the keys of the names in ascending order (sorting them is costly)."""

    content: Content
    report: Report
    keys: Sequence[bytes]


_VERY_SURE: Final = 0.9
"""Confidence from which a declared format is doubted in a warning."""


def parse_list(
    data: bytes,
    *,
    format: Format = "auto",
    match: Match = "auto",
    kind: Kind = "block",
    options: Options = NO_OPTIONS,
    guard: Guard | None = PLAIN,
    progress: Callable[[int], None] | None = None,
) -> Parsed:
    """Read a whole list.

    data      its octets: UTF-8 or ASCII, unpacked; a byte order mark and Windows line ends are fine
    format    the notation, or "auto" to find it out
    match     how far each line reaches, or "auto" for what the notation says
    kind      "allow" turns every rule to an exception
    options   what the list is trusted with
    guard     what no rule may cover; None holds nothing back, for whoever does not put the list in force
    progress  is told now and then how many octets have been read

    Raises ListRefused with a code of `resolver.rules.codes.REFUSALS`; where lines were read, `extra` has the
    report and the offending lines. Nothing else is raised, whatever the octets.
    """
    start = screen(data)
    detected = detect(data[start : start + (1 << 20)])
    name = detected.format if format == "auto" else format
    collector = Collector(FORMATS[name], match, kind, options)
    collector.read(data, start, progress)
    content = collector.content()
    keys = sorted(content.names)
    held: list[Held] = []
    if guard is not None:
        content, held = hold_back(content, guard, keys, collector.singles)
    if held:
        keys = [key for key in keys if key in content.names]
    report = make_report(collector, content, held, name, detected, read_header(data))
    if not content.entries:
        _refuse_without_rules(report)
    return Parsed(content, report, keys)


def make_report(
    collector: Collector,
    content: Content,
    held: Sequence[Held],
    name: str,
    detected: Detected,
    header: Header,
) -> Report:
    """Everything that was counted, as the report tells it."""
    counts = collector.counts
    entries = content.entries
    return Report(
        format=name,
        detected=detected.format,
        confidence=detected.confidence,
        lines=collector.lines,
        blanks=collector.blanks,
        comments=counts["comment"].total(),
        entries=entries,
        rules=count_rules(content.names),
        side_rules=count_sides(content.sides),
        ordered=content.ordered,
        duplicates=max(0, collector.found - entries - len(held)),
        ignored=counts["ignored"].total(),
        ignored_by_code=by_frequency(counts["ignored"]),
        not_dns=counts["not-dns"].total(),
        not_dns_by_code=by_frequency(counts["not-dns"]),
        invalid_total=counts["invalid"].total(),
        invalid_by_code=by_frequency(counts["invalid"]),
        invalid=collector.samples["invalid"],
        unenforceable=counts["unenforceable"].total(),
        unenforceable_by_code=by_frequency(counts["unenforceable"]),
        unenforceable_lines=collector.samples["unenforceable"],
        held=len(held),
        held_by_code=by_frequency(Counter(one.code for one in held)),
        held_lines=[held_line(one) for one in held[:MAX_SAMPLES]],
        notes=by_frequency(counts["note"]),
        header=header,
        warnings=_warnings(collector, entries, held, name, detected, header),
    )


def held_line(held: Held) -> BadLine:
    """A rule that was held back, as a report shows it: why, and the name that would let it through."""
    message = f"{SENTENCES[held.code]} `unguarded: {safe_text(held.covers)}` would let it through."
    return BadLine(held.line, safe_text(held.text), held.code, message)


def _warnings(
    collector: Collector, entries: int, held: Sequence[Held], name: str, detected: Detected, header: Header
) -> list[str]:
    """Plain sentences about what is no fault of a line, and yet probably one of the list."""
    found = collector.found
    invalid, notes = collector.counts["invalid"].total(), collector.counts["note"]
    unenforceable = collector.counts["unenforceable"].total()
    unread = invalid + collector.counts["not-dns"].total()
    said = header.number_of_entries
    warnings = []
    # Publishers count lines or distinct names; either will do.
    if said is not None and said not in (found, entries):
        warnings.append(f"The list says it has {said} entries; {found} were read. It may not be whole.")
    if detected.format != name and detected.confidence >= _VERY_SURE and unread > found:
        warnings.append(f"The list is read as {name}, but its lines look like {detected.format}.")
    elif invalid > found:
        warnings.append(f"More lines are invalid ({invalid}) than are rules ({found}).")
    if redirects := notes["foreign-address"]:
        warnings.append(f"Lines with an address to redirect to: {redirects}. Their names are blocked.")
    if held:
        warnings.append(f"Rules held back because they cover too much: {len(held)}. They are not in force.")
    if unenforceable:
        warnings.append(f"Rules that cannot be obeyed here: {unenforceable}. They are not in force.")
    return warnings


def _refuse_without_rules(report: Report) -> None:
    """Raises ListRefused for a list that has lines and yields no rule."""
    if report.lines == report.blanks + report.comments:
        detail = "There are only comments. Send the lines, or delete or disable the list."
        raise refusal("list-empty", detail, extra(report, []))
    errors = report.invalid or report.held_lines or report.unenforceable_lines
    first = f" Line {errors[0].number}: {errors[0].message}" if errors else ""
    detail = (
        f"None of the {report.lines} lines is a rule that can be obeyed in the format `{report.format}`."
        f"{first} Check the list, or set its format."
    )
    raise refusal("list-all-invalid", detail, extra(report, errors))


def extra(report: Report, errors: list[BadLine]) -> dict[str, object]:
    """The extension members of a problem document, JSON-ready."""
    return {"report": msgspec.to_builtins(report), "errors": msgspec.to_builtins(errors)}
