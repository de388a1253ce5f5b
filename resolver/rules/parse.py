"""`parse_list`: the octets of a list → its rules and a report, or a refusal of the whole list.

    screen     what is no text at all is refused
    detect     the format, unless the list's description says it
    collect    line after line; a bad one is counted and never stops the rest
    judge      a list without one rule, or with a rule that reaches too far, is refused

So a list either goes into force as its report says, or not at all. Nothing but `ListRefused` comes
out of here whatever goes in; time and memory grow with the octets given, which the caller bounds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from resolver.rules.codes import TOO_WIDE, refusal
from resolver.rules.collector import Collector
from resolver.rules.detect import Detected, detect
from resolver.rules.formats.table import FORMATS, UNSUPPORTED
from resolver.rules.header import read_header
from resolver.rules.model import Format, Kind, Match, Rules
from resolver.rules.report import BadLine, Header, Report, by_frequency, count_rules
from resolver.rules.screening import screen


class Parsed(NamedTuple):
    """What was read: the rules, and how that went."""

    rules: Rules
    report: Report


_SURE: Final = 0.5
"""Confidence from which a detected format that is not read refuses the list."""

_VERY_SURE: Final = 0.9
"""Confidence from which a declared format is doubted in a warning."""


def parse_list(
    data: bytes, *, format: Format = "auto", match: Match = "auto", kind: Kind = "block"
) -> Parsed:
    """Read a whole list.

    data     its octets: UTF-8 or ASCII, unpacked; a byte order mark and Windows line ends are fine
    format   the notation, or "auto" to find it out
    match    how far each line reaches, or "auto" for what the notation says
    kind     "allow" turns every rule to an exception

    Raises ListRefused with a code of `resolver.rules.codes.REFUSALS`; where lines were read, `extra` has the
    report and the offending lines. Nothing else is raised, whatever the octets.
    """
    start = screen(data)
    detected = detect(data[start : start + (1 << 20)])
    name = choose_format(format, detected)
    collector = Collector(FORMATS[name], match, kind)
    collector.read(data, start)
    report = make_report(collector, name, detected, read_header(data))
    refuse_wide_rules(collector, report)
    if not collector.rules:
        _refuse_without_rules(report)
    return Parsed(collector.rules, report)


def choose_format(declared: Format, detected: Detected) -> str:
    """The name of the format to read with. Raises ListRefused (format-not-supported)."""
    name: str = declared
    if declared == "auto":
        # A few lines that look like expressions are bad lines, not a list of another format.
        doubtful = detected.format in UNSUPPORTED and detected.confidence < _SURE
        name = "domains" if doubtful else detected.format
    if name in FORMATS:
        return name
    looks = "The list looks like" if declared == "auto" else "The list is declared as"
    known = ", ".join(FORMATS)
    detail = f"{looks} `{name}`. This version reads: {known}. Get the list in one of these."
    raise refusal("format-not-supported", detail, {"format": name, "supported": list(FORMATS)})


def make_report(collector: Collector, name: str, detected: Detected, header: Header) -> Report:
    """Everything that was counted, as the report tells it."""
    counts = collector.counts
    entries = len(collector.rules)
    return Report(
        format=name,
        detected=detected.format,
        confidence=detected.confidence,
        lines=collector.lines,
        blanks=collector.blanks,
        comments=counts["comment"].total(),
        entries=entries,
        rules=count_rules(collector.rules),
        duplicates=collector.found - entries,
        ignored=counts["ignored"].total(),
        ignored_by_code=by_frequency(counts["ignored"]),
        not_dns=counts["not-dns"].total(),
        not_dns_by_code=by_frequency(counts["not-dns"]),
        invalid_total=counts["invalid"].total(),
        invalid_by_code=by_frequency(counts["invalid"]),
        invalid=collector.invalid,
        refused=counts["refused"].total(),
        notes=by_frequency(counts["note"]),
        header=header,
        warnings=_warnings(collector, name, detected, header),
    )


def _warnings(collector: Collector, name: str, detected: Detected, header: Header) -> list[str]:
    """Plain sentences about what is no fault of a line, and yet probably one of the list."""
    found, entries = collector.found, len(collector.rules)
    invalid, notes = collector.counts["invalid"].total(), collector.counts["note"]
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
    if important := notes["important"]:
        warnings.append(f"Rules that say $important: {important}. An allow rule still beats them.")
    return warnings


def refuse_wide_rules(collector: Collector, report: Report) -> None:
    """Raises ListRefused (rule-too-wide) when a guard held a rule back."""
    if not report.refused:
        return
    numbers = ", ".join(str(line.number) for line in collector.too_wide[:5])
    more = ", …" if report.refused > 5 else ""
    detail = (
        f"{report.refused} of the rules would reach the root or a whole top-level domain such as `com` "
        f"(line {numbers}{more}). Remove them and send the list again."
    )
    raise refusal(TOO_WIDE, detail, _extra(report, collector.too_wide))


def _refuse_without_rules(report: Report) -> None:
    """Raises ListRefused for a list that has lines and yields no rule."""
    if report.lines == report.blanks + report.comments:
        detail = "There are only comments. Send the lines, or delete or disable the list."
        raise refusal("list-empty", detail, _extra(report, []))
    first = f" Line {report.invalid[0].number}: {report.invalid[0].message}" if report.invalid else ""
    detail = (
        f"None of the {report.lines} lines is a rule in the format `{report.format}`.{first} "
        "Check the list, or set its format."
    )
    raise refusal("list-all-invalid", detail, _extra(report, report.invalid))


def _extra(report: Report, errors: list[BadLine]) -> dict[str, object]:
    """The extension members of a problem document, JSON-ready."""
    return {"report": msgspec.to_builtins(report), "errors": msgspec.to_builtins(errors)}
