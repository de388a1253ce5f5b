"""`belisha convert FILE --to FORMAT`: the same list in another notation, or a refusal that says why not.

The list is read as its writer meant it: with trust in its addresses, so that they are carried over and not
turned to blocks, and without a guard, since nothing is put in force. Then every rule is asked whether the
other notation can say it (`resolver.rules.writers`), before the first line is written. What is understood and
not kept (a trigger that no forwarder can see, a rule too many) would be lost as well, and refuses the whole.
Invalid lines and rules for browsers say nothing that could be lost; they are counted on standard error.

No time stands in the result: the same list gives the same octets, so that a job can compare them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final, cast, get_args

import click

from resolver import __version__
from resolver.cli import Sentence, output
from resolver.cli.bar import bar
from resolver.cli.findings import offenders
from resolver.cli.listfile import LONG, STANDARD_INPUT, list_argument, read_list_file
from resolver.errors import StoreError
from resolver.rules.lines import Options
from resolver.rules.model import Format
from resolver.rules.parse import Parsed, parse_list
from resolver.rules.report import Report
from resolver.rules.writers.table import WRITERS
from resolver.rules.writers.writer import Loss, losses, write

_SHOWN: Final = 10
"""Losses that are named; the others are counted."""

_MOST_COUNTED: Final = 1_000_000
"""Losses that are counted."""

_BATCH: Final = 10_000
"""Lines that are written at a time."""


@click.command()
@list_argument(many=False)
@click.option("--to", "to", type=click.Choice(list(WRITERS)), required=True, help="The notation to write.")
@click.option(
    "--from", "from_", type=click.Choice(get_args(Format)), default="auto", help="The notation of FILE."
)
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT",
    help="Where to write. [default: standard output]",
)  # fmt: skip
def convert(file: Path, to: str, from_: str, target: Path | None) -> None:
    """Write a list in another notation.

    Nothing is ever changed on the way: if the other notation cannot say one of the rules exactly as it
    is meant, the command names the rules and the reasons, writes nothing and exits with 1. Lines that
    are no rules here (invalid, or for browsers) are not carried over, and counted. OUT is replaced in
    one step, when all is written.

    \b
    Examples:
      belisha convert hosts.txt --to domains -o domains.txt
      belisha convert adult.txt.gz --to rpz -o adult.rpz
      belisha convert - --from dnsmasq --to unbound
    """
    data = read_list_file(file)
    with bar(len(data), quiet=len(data) < LONG) as advance:
        parsed = parse_list(
            data,
            format=cast(Format, from_),
            options=Options(rewrites=True),
            guard=None,
            progress=lambda octets: advance(octets, "reading"),
        )
    del data
    _refuse_losses(parsed, to)
    lines = write(parsed.content, WRITERS[to], list(_comments(parsed.report)))
    if target is None or str(target) == STANDARD_INPUT:
        _write(lines, sys.stdout)
    else:
        _replace(target, lines)
    for text in _left_out(parsed.report):
        click.echo(text, err=True)


def _refuse_losses(parsed: Parsed, to: str) -> None:
    """Raises Sentence when some rule would not be the same in the other notation.

    All of them are counted, by reason, and the first of each reason are named with their lines, so that
    whoever wants the conversion knows what to take out of the list.
    """
    report = parsed.report
    if report.unenforceable:
        what = output.count(report.unenforceable, "rule")
        shown = [one.text for one in offenders(report.unenforceable_lines[:_SHOWN], report.unenforceable)]
        raise Sentence(
            "\n".join((f"{what} would be lost, since they are not kept; nothing was written.", *shown))
        )
    found: Counter[str] = Counter()
    first: dict[str, list[Loss]] = {}
    for loss in itertools.islice(losses(parsed.content, WRITERS[to]), _MOST_COUNTED):
        found[loss.reason] += 1
        if found[loss.reason] <= _SHOWN:
            first.setdefault(loss.reason, []).append(loss)
    if found:
        what = output.count(found.total(), "rule")
        head = f"{what} would not be the same in {to}; nothing was written."
        raise Sentence("\n".join((head, *_losses_text(found, first))))


def _losses_text(found: Counter[str], first: dict[str, list[Loss]]) -> Iterator[str]:
    """What would be lost: by reason, the first rules of each."""
    for reason, total in found.most_common():
        yield f"  {output.count(total, 'rule')}: {reason}"
        for loss in first[reason]:
            place = f"line {loss.line}: " if loss.line else ""
            yield f"    {place}{output.plain(loss.rule, 120)}"
        if total > _SHOWN:
            yield f"    and {output.number(total - _SHOWN)} more"


def _comments(report: Report) -> Iterator[str]:
    """What a file that was converted says of itself: the header it had, and what was counted."""
    header = report.header
    for key, value in (("Title", header.title), ("Version", header.version), ("Expires", header.expires)):
        if value is not None:
            yield f"{key}: {output.plain(value)}"
    yield f"Number of entries: {report.entries}"
    yield f"Converted from {report.format} by Belisha {__version__}"


def _left_out(report: Report) -> Iterator[str]:
    """Lines that were no rules here, for people to know."""
    for total, what in ((report.invalid_total, "invalid"), (report.not_dns, "for browsers, not for DNS")):
        if total:
            verb = "is" if total == 1 else "are"
            yield f"belisha: {output.count(total, 'line')} {verb} {what}, and not in the result"
    yield from (one.text for one in offenders(report.invalid[:_SHOWN], report.invalid_total))


def _write(lines: Iterable[str], file: IO[str]) -> None:
    """Write many lines at a time; a list may have millions."""
    rest = iter(lines)
    while batch := list(itertools.islice(rest, _BATCH)):
        file.write("\n".join(batch) + "\n")
    file.flush()


def _replace(target: Path, lines: Iterable[str]) -> None:
    """Write beside the target and move it there when it is whole. Raises StoreError.

    Whoever reads the target meanwhile (a resolver that reloads) sees the old file or the new one.
    """
    beside = None
    try:
        # The rights of a file that is replaced stay; a new one gets those that the account gives.
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, prefix=f".{target.name}.", delete=False
        ) as file:
            beside = Path(file.name)
            _write(lines, file)
        beside.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        beside.replace(target)
    except OSError as error:
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink()
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error


def _umask() -> int:
    """What the account takes away from new files; to look at it is to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
