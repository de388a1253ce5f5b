"""What was measured, as Markdown: rates, processor time, times until the answer, memory, and the budgets.

Each figure is the median of the rounds. Ratios stand beside it: to the echo server of the same round, and
to Unbound where it was measured. Of two rates that were measured minutes apart not they are compared but
what each was of the echo server: then it matters less what else the machine did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tests.bench.names import KINDS, NAMES
from tests.bench.rounds import ECHO, ROUNDS, SECONDS, STEADY, TIMES, Measured

YARDSTICK: Final = "Unbound"
OURS: Final = "Belisha"
QUIET: Final = 0.1
"""More of a core than this busy with other things, and the figures are not to be quoted."""

Cell = Callable[[Measured, str], str]


def _of(value: float, other: float) -> str:
    return f"{value / other:.2f}" if value and other else "-"


def _yardstick(all_measured: Sequence[Measured]) -> Measured:
    """Unbound's figures; without them, none."""
    return next((one for one in all_measured if one.title == YARDSTICK), Measured(YARDSTICK))


def _table(title: str, heads: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield from ("", f"### {title}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|")
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _by_kind(all_measured: Sequence[Measured], cell: Cell, echo: str) -> Iterator[Sequence[str]]:
    """A row for the echo server and one for each server, a column for each kind."""
    yield [ECHO, echo, *["" for _ in KINDS[1:]]]
    for one in all_measured:
        yield [one.title, *(one.fault_of(kind) or cell(one, kind) for kind in KINDS)]


def tables(all_measured: Sequence[Measured]) -> Iterator[str]:
    """The lines of all tables."""
    known = [one for one in all_measured if one.runs]
    unbound = _yardstick(known)
    echo = Measured(ECHO, runs={ECHO: [figure for one in known for figure in one.runs[ECHO]]})

    def rate(one: Measured, kind: str) -> str:
        value = one.rate(kind)
        return (
            f"{value / 1000:.1f} ({one.of_echo(kind):.2f}; {_of(one.of_echo(kind), unbound.of_echo(kind))})"
        )

    def each(one: Measured, kind: str) -> str:
        return f"{one.each(kind):.1f} ({_of(one.each(kind), unbound.each(kind))})"

    yield f"{NAMES} names in the list, {ROUNDS} rounds of {SECONDS:g} s for each kind; medians."
    heads = ["server", *KINDS]
    title = "Thousand questions a second (of the echo server; of Unbound)"
    yield from _table(title, heads, _by_kind(known, rate, f"{echo.rate(ECHO) / 1000:.1f}"))
    title = "Processor time of the server, microseconds a question (of Unbound)"
    yield from _table(title, heads, _by_kind(known, each, f"{echo.each(ECHO):.1f}"))
    title = f"Microseconds until the answer and of the processor, mixed, {STEADY} a second; memory, start"
    heads = ["server", "p50", "p99 (of Unbound)", "p99.9", "processor", "resident MB", "seconds to blocking"]
    yield from _table(title, heads, (_rest(one, unbound) for one in known))
    yield ""
    yield from (f"- {one.title}: {one.note}" for one in known if one.note)
    yield from (f"- {one.title}: not measured, {one.fault}" for one in all_measured if one.fault)
    yield from _disturbed(known)


def _rest(one: Measured, unbound: Measured) -> Sequence[str]:
    fault, (p50, p99, p999) = one.fault_of(TIMES), one.times()
    times = [f"{p50:.0f}", f"{p99:.0f} ({_of(p99, unbound.times()[1])})", f"{p999:.0f}"]
    times.append(f"{one.each(TIMES):.1f}")
    return [one.title, *([fault, "", "", ""] if fault else times), f"{one.memory:.0f}", f"{one.seconds:.2f}"]


def _disturbed(known: Sequence[Measured]) -> Iterator[str]:
    """Who else used the processor, and whether the figures may be quoted."""
    shares = sorted(share for one in known for share in one.foreign)
    if not shares:
        return
    median, worst = shares[len(shares) // 2], shares[-1]
    quotable = "" if median < QUIET else " **These figures are not to be quoted.**"
    yield f"- Busy with something else: {median:.2f} of a core at the median, {worst:.2f} at most.{quotable}"


def budgets(all_measured: Sequence[Measured]) -> Iterator[str]:
    """What Belisha should reach with one worker, and whether it does. Nothing fails by it."""
    ours = next((one for one in all_measured if one.title == OURS and one.runs), None)
    if ours is None:
        return
    unbound = _yardstick(all_measured)
    yield from ("", "### What Belisha should reach", "")
    for kind in ("known blocked", "known allowed"):
        yield _line(f"{kind}: of the echo server", ours.of_echo(kind), 0.40)
        yield _line(f"{kind}: of Unbound", _ratio(ours.of_echo(kind), unbound.of_echo(kind)), 1.0)
    new = "first-seen"
    yield _line(f"{new}: of Unbound", _ratio(ours.of_echo(new), unbound.of_echo(new)), 2.0)
    yield _line(f"{new}: Unbound's processor time over ours", _ratio(unbound.each(new), ours.each(new)), 2.0)
    yield _line("first-seen blocked: thousand a second", ours.rate("first-seen blocked") / 1000, 40.0)
    p99 = _ratio(unbound.times()[1], ours.times()[1])
    yield _line(f"mixed, {STEADY} a second: Unbound's p99 over ours", p99, 0.5)


def _ratio(value: float, other: float) -> float:
    return value / other if other else 0.0


def _line(what: str, value: float, least: float) -> str:
    """One budget; a value of 0 was not measured."""
    if not value:
        return f"- {what}: not measured"
    verdict = "held" if value >= least else "**missed**"
    return f"- {what}: {value:.2f}, should be at least {least:g}: {verdict}"
