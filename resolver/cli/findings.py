"""A report as people read it: lines of text, each with what it is, for `belisha check`.

What matters most stands first and last: what the list is, and what is wrong with it.

    name: rules               head
    format, title, lines      what it is, and what it says of itself
    counts of rules           what it does
    counts of other lines     what is no rule, and no fault
    lines to look at          held back, not enforceable, invalid: number, text, sentence, code
    warnings, verdict         is anything wrong?

Every line carries a *tone*, what it means and not what colour it has; `check` knows colours. Texts, names and
titles were written by others and go through `output.plain`. Nothing here prints, and nothing reads a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from resolver.cli.output import count, number, plain
from resolver.errors import RequestError
from resolver.rules.codes import SENTENCES
from resolver.rules.overlap import Comparison
from resolver.rules.report import BadLine, Report

Tone = Literal["head", "good", "plain", "quiet", "doubt", "fault"]
"""How a line is meant; a terminal may colour it."""


class Finding(NamedTuple):
    """One line for people."""

    text: str
    tone: Tone = "plain"


_IDLE_SHOWN: Final = 5

LINES_SHOWN: Final = 20
"""Offending lines of one kind that are shown; `--json` has the first hundred."""

_RULES: Final[Mapping[str, str]] = {
    "block_suffix": "block a name and all below it",
    "block_exact": "block a name alone",
    "block_below": "block all below a name",
    "allow_suffix": "allow a name and all below it",
    "allow_exact": "allow a name alone",
    "allow_below": "allow all below a name",
}
"""Fields of `RuleCounts`, in words."""

_SIDES: Final[Mapping[str, str]] = {
    "block": "block under a condition",
    "allow": "allow under a condition",
    "answer": "answer in their own way",
    "cancel": "take answers of others back",
}
"""What the side rules of `SideCounts` do, in words."""

_OF_THESE: Final[Mapping[str, str]] = {
    "expressions": "with an expression",
    "important": "important",
    "by_type": "for some query types",
    "by_client": "for some clients",
    "by_address": "for addresses in answers",
}
"""What they have about them; one rule may have several."""


def describe(name: str, report: Report) -> Iterator[Finding]:
    """The whole report of one list."""
    yield from _what_it_is(name, report)
    yield from _what_it_does(report)
    yield from _what_is_aside(report)
    yield from _kind_of_lines("held back, because they reach too far", report.held, report.held_lines)
    yield from _kind_of_lines(
        "cannot be obeyed", report.unenforceable, report.unenforceable_lines, tone="doubt"
    )
    yield from _kind_of_lines("invalid", report.invalid_total, report.invalid)
    for warning in report.warnings:
        yield Finding(f"  warning: {plain(warning)}", "doubt")
    yield _verdict(report)


def refused(name: str, error: RequestError) -> Iterator[Finding]:
    """A list that was refused as a whole. Where lines were read, the first of those that are to blame."""
    yield Finding(f"{plain(name)}: refused", "head")
    yield Finding(f"  {plain(error.title)} ({plain(error.code)})", "fault")
    yield Finding(f"  {plain(error)}")
    report = error.extra.get("report")
    if isinstance(report, dict):
        known = msgspec.convert(report, Report)
        for lines in (known.held_lines, known.unenforceable_lines, known.invalid):
            yield from offenders(lines, len(lines))


def beside_each_other(compared: Mapping[str, Comparison]) -> Iterator[Finding]:
    """What several lists have in common."""
    yield Finding("Beside each other", "head")
    for name, comparison in compared.items():
        yield Finding(f"  {plain(name)}")
        for other in comparison.overlaps:
            for found, how in ((other.same, "also in"), (other.covered, "covered by wider rules of")):
                if found:
                    yield Finding(_counted(found, f"{how} {plain(other.list)}"))
        yield from _idle(comparison)
        if not (comparison.shadowed or any(one.same or one.covered for one in comparison.overlaps)):
            yield Finding(_counted(0, "in common with the others"), "quiet")


def _idle(comparison: Comparison) -> Iterator[Finding]:
    """Rules that never matter."""
    if comparison.shadowed:
        yield Finding(_counted(comparison.shadowed, "idle, because an allow rule always beats them"), "doubt")
        shown = ", ".join(plain(text, 80) for text in comparison.shadowed_sample[:_IDLE_SHOWN])
        rest = ", ..." if comparison.shadowed > _IDLE_SHOWN else ""
        yield Finding(f"  {'':>12}    {shown}{rest}", "quiet")


def has_errors(report: Report) -> bool:
    """Whether somebody must do something: a fault, or a rule that was held back.

    Rules that cannot be obeyed here are none: nothing about the list would make them so.
    """
    return bool(report.invalid_total or report.held)


def _what_it_is(name: str, report: Report) -> Iterator[Finding]:
    """Name, notation, and what the list says of itself."""
    yield Finding(f"{plain(name)}: {count(report.entries, 'rule')}", "head")
    yield Finding(_row("format", _format(report)))
    header = report.header
    said = {"title": header.title, "version": header.version, "expires": header.expires}
    said["modified"] = header.last_modified
    for key, value in said.items():
        if value is not None:
            yield Finding(_row(key, plain(value)))
    if header.number_of_entries is not None:
        yield Finding(_row("promised", count(header.number_of_entries, "entry", "entries")))
    parts = [f"{number(report.blanks)} blank", count(report.comments, "comment")]
    yield Finding(_row("lines", f"{number(report.lines)} ({', '.join(parts)})"))
    if report.ordered:
        yield Finding(_row("order", "of the rules that speak of a name only the most specific counts"))


def _format(report: Report) -> str:
    """The notation, and whether the content looks like it."""
    surely = f"{report.confidence:.0%}"
    if report.format == report.detected:
        return f"{report.format} (the content looks like it: {surely})"
    return f"{report.format} (the content looks like {report.detected}: {surely})"


def _what_it_does(report: Report) -> Iterator[Finding]:
    """Rules by kind."""
    for counts, words in ((report.rules, _RULES), (report.side_rules, _SIDES)):
        for key, what in words.items():
            if found := getattr(counts, key):
                yield Finding(_counted(found, what), "good")
    of_these = [
        f"{number(found)} {what}"
        for key, what in _OF_THESE.items()
        if (found := getattr(report.side_rules, key))
    ]
    if of_these:
        yield Finding(f"  {'':>12}  of the last: {', '.join(of_these)}", "quiet")


def _what_is_aside(report: Report) -> Iterator[Finding]:
    """Lines that are no rule, and no fault."""
    if report.duplicates:
        yield Finding(_counted(report.duplicates, "say again what was said before"), "quiet")
    yield from _by_code("nothing to do here", report.ignored, report.ignored_by_code)
    yield from _by_code("for browsers, not for DNS", report.not_dns, report.not_dns_by_code)
    yield from _by_code("obeyed, with a remark", sum(report.notes.values()), report.notes)
    if report.comparison is not None:
        yield from _idle(report.comparison)


def _by_code(what: str, total: int, by_code: Mapping[str, int]) -> Iterator[Finding]:
    """A count, and what it is made of."""
    if not total:
        return
    yield Finding(_counted(total, what), "quiet")
    for code, found in by_code.items():
        yield Finding(f"  {'':>12}    {number(found)} {code}: {SENTENCES.get(code, '')}".rstrip(), "quiet")


def _kind_of_lines(
    what: str, total: int, lines: Sequence[BadLine], tone: Tone = "fault"
) -> Iterator[Finding]:
    """A kind of lines that somebody should look at: how many, and the first of them."""
    if total:
        yield Finding(_counted(total, what), tone)
        yield from offenders(lines, total)


def offenders(lines: Sequence[BadLine], total: int) -> Iterator[Finding]:
    """The first of them: number, code, text, sentence."""
    shown = lines[:LINES_SHOWN]
    for line in shown:
        text = f"{plain(line.text, 80)}: " if line.text else ""
        place = f"line {line.number}" if line.number else "no line"
        yield Finding(f"    {place}: {text}{plain(line.message)} [{plain(line.code)}]")
    if total > len(shown):
        yield Finding(f"    and {number(total - len(shown))} more", "quiet")


def _verdict(report: Report) -> Finding:
    """The last line: is anything wrong?"""
    wrong = {"invalid line": report.invalid_total, "rule held back": report.held}
    words = {"rule held back": "rules held back"}
    parts = [count(found, what, words.get(what, "")) for what, found in wrong.items() if found]
    return Finding(f"  {', '.join(parts)}", "fault") if parts else Finding("  no errors", "good")


def _row(key: str, value: str) -> str:
    return f"  {key:>12}  {value}"


def _counted(found: int, what: str) -> str:
    return f"  {number(found):>12}  {what}"
