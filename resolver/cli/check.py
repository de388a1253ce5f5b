"""`belisha check FILE...`: what would Belisha make of these lists? Nothing is sent, nothing changes.

The same reading and the same guard as a push meets, in this process: so the report is that of a dry run,
without the server, and without a diff to what is in force.

    read      bounded and unpacked (`listfile`), let go of as soon as it is parsed
    parse     `resolver.rules.parse`; a list that is refused does not keep the others from being read
    compare   with itself, or, of several, with one another (`together`)
    show      as lines for people (`findings`) at once, or as one JSON document at the end

Exit status: 0, or 1 when somebody must do something, or 2 when the command line is wrong. The JSON is an
array with an object for each file in the order given, `{"file": ..., "report": ...}` or `{"file": ...,
"refusal": {"code", "title", "detail", ...}}`; docs/lists.md promises it to programs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast, get_args

import click
import msgspec

from resolver.cli import output
from resolver.cli.bar import bar
from resolver.cli.findings import Finding, Tone, beside_each_other, describe, has_errors, refused
from resolver.cli.listfile import LONG, list_argument, read_list_file
from resolver.cli.together import Together, compare_alone
from resolver.errors import RequestError, WireError
from resolver.generation.guarding import load_guard
from resolver.rules.guard import Guard
from resolver.rules.lines import Options
from resolver.rules.model import Format, Kind, Match
from resolver.rules.parse import Parsed, parse_list

_STYLES: Final[dict[Tone, str]] = {
    "head": "bold",
    "good": "green",
    "plain": "",
    "quiet": "dim",
    "doubt": "yellow",
    "fault": "bold red",
}
"""How a terminal shows a line of each tone."""


class _Settings(msgspec.Struct, frozen=True):
    """How the lists are described on the command line."""

    format: Format
    kind: Kind
    match: Match
    options: Options
    guard: Guard


@click.command()
@list_argument(many=True)
@click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(Format)),
    default="auto",
    help="How the lines are written.",
)
@click.option("--kind", type=click.Choice(get_args(Kind)), default="block", help="What the lists are for.")
@click.option(
    "--match", type=click.Choice(get_args(Match)), default="auto",
    help="Whether a line covers the names below it.",
)  # fmt: skip
@click.option("--rewrites", is_flag=True, help="Trust the lists to answer names with addresses of their own.")
@click.option(
    "--unguarded", multiple=True, metavar="NAME", help="A name that the lists may cover. Repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
@click.option("--no-color", is_flag=True, help="No colours, also on a terminal. So does NO_COLOR.")
def check(
    files: tuple[Path, ...],
    format_: str,
    kind: str,
    match: str,
    rewrites: bool,
    unguarded: tuple[str, ...],
    as_json: bool,
    no_color: bool,
) -> None:
    """Say what Belisha would make of lists, line by line.

    FILE is text, or packed with gzip or zstd; - reads standard input. No server is asked and nothing
    is changed. The report names the notation and how sure that is, counts the rules by what they do,
    and shows the lines that are invalid, that cannot be obeyed, or that reach too far and would be
    held back. Of several files it also says what they have in common.

    Exits with 0 when all is well; with 1 when a line is invalid, a rule is held back or a list is
    refused; with 2 when the command line is wrong.

    \b
    Examples:
      belisha check adult.txt
      belisha check hosts.txt.gz wildcard.txt --match suffix
      curl -s https://lists.example.org/adult.txt | belisha check - --json
    """
    settings = _Settings(
        cast(Format, format_), cast(Kind, kind), cast(Match, match), Options(rewrites), _guard(unguarded)
    )
    show = _Report(as_json=as_json, no_color=no_color)
    # A refusal is part of the report, so it is caught here and not by the command line as a whole.
    for path in files:
        try:
            parsed = _parse(path, settings, quiet=as_json)
        except RequestError as error:
            show.refusal(str(path), error)
        else:
            show.parsed(str(path), parsed, keep=len(files) > 1)
    show.finish()
    if show.errors:
        sys.exit(1)


def _guard(unguarded: tuple[str, ...]) -> Guard:
    """The guard that a push would meet. A name that is none is a wrong command line."""
    try:
        return load_guard(unguarded)
    except WireError as error:
        raise click.BadParameter(str(error), param_hint="--unguarded") from error


def _parse(path: Path, settings: _Settings, *, quiet: bool) -> Parsed:
    """Read one list. Raises RequestError. The octets are let go of before this returns."""
    data = read_list_file(path)
    with bar(len(data), quiet=quiet or len(data) < LONG) as advance:
        return parse_list(
            data,
            format=settings.format,
            kind=settings.kind,
            match=settings.match,
            options=settings.options,
            guard=settings.guard,
            progress=lambda octets: advance(octets, "reading"),
        )


class _Report:
    """What was found so far. People see each list as soon as it is read, programs all at the end.

    `errors` says whether somebody must do something. Contents are kept only to be compared with one another.
    """

    def __init__(self, *, as_json: bool, no_color: bool) -> None:
        self.errors = False
        self._as_json = as_json
        self._no_color = no_color
        self._documents: list[dict[str, Any]] = []
        self._together = Together()

    def refusal(self, name: str, error: RequestError) -> None:
        """A list that was refused."""
        self.errors = True
        problem = {"code": error.code, "title": error.title, "detail": str(error), **error.extra}
        self._documents.append({"file": name, "refusal": problem})
        self._show(refused(name, error))

    def parsed(self, name: str, parsed: Parsed, *, keep: bool) -> None:
        """A list that was read."""
        report = parsed.report
        self.errors = self.errors or has_errors(report)
        if keep:
            self._together.add(name, parsed)
        else:
            report = msgspec.structs.replace(report, comparison=compare_alone(parsed))
        self._documents.append({"file": name, "report": msgspec.to_builtins(report)})
        self._show(describe(name, report))

    def finish(self) -> None:
        """What the lists have in common; and for programs, everything."""
        # Empty when there was one file: that one was compared with itself when it was read.
        compared = dict(self._together.compare())
        if len(compared) > 1:
            self._show(beside_each_other(compared))
        for document in self._documents:
            if document["file"] in compared and "report" in document:
                document["report"]["comparison"] = msgspec.to_builtins(compared[document["file"]])
        if self._as_json:
            output.show_json(self._documents)

    def _show(self, findings: Iterable[Finding]) -> None:
        """Print lines for people."""
        if not self._as_json:
            show_findings(findings, no_color=self._no_color)


def show_findings(findings: Iterable[Finding], *, no_color: bool) -> None:
    """Print lines, in colours where somebody can see them and wants them."""
    if no_color or not sys.stdout.isatty():
        for finding in findings:
            click.echo(finding.text)
        return
    # Imported here: 60 ms that a pipe need not wait for.
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)  # it knows NO_COLOR by itself
    for finding in findings:
        console.print(Text(finding.text, style=_STYLES[finding.tone]), soft_wrap=True)
