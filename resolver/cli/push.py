"""`belisha push LIST FILE`: put a list in force, and say what that changed.

Plain pushes stream the file as it is; the server reads, compiles and swaps. When an option describes
the list (`--kind` and so on) and the list is not so yet, description and content must change in one
step, or the old lines would be in force under the new description for a moment: then both go as one
transaction, which holds the text and is therefore bounded.
"""

from __future__ import annotations

import contextlib
import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, get_args

import click

from resolver.cli import output
from resolver.cli.access import server_options
from resolver.cli.bar import bar
from resolver.cli.client import PUSH_SECONDS, Client, Upload
from resolver.cli.options import json_option, reason_option
from resolver.cli.overlap import beside_others
from resolver.errors import RequestError
from resolver.rules.model import Format, Kind, Match

_PACKED: Final = {".gz": "gzip", ".zst": "zstd"}
"""How a file is sent, by the end of its name."""

_MOST_DESCRIBED: Final = 40 << 20
"""Octets of text in one transaction; JSON may make them more, and the server takes 64 MiB."""


@click.command()
@click.argument("list_id", metavar="LIST")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@reason_option
@click.option("--dry-run", is_flag=True, help="Report what would change, and change nothing.")
@click.option("--format", "format_", type=click.Choice(get_args(Format)), help="How the lines are written.")
@click.option("--match", type=click.Choice(get_args(Match)), help="Whether a line covers the names below it.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="What the list is for.")
@click.option("--title", metavar="TEXT", help="What people call it.")
@click.option("--rewrites/--no-rewrites", default=None, help="Whether it may answer with its own addresses.")
@click.option(
    "--unguarded",
    metavar="NAME",
    multiple=True,
    help="A name that its rules may cover though it is a suffix or protected; may be repeated.",
)
@json_option
@server_options
def push(
    client: Client,
    list_id: str,
    path: Path,
    reason: str,
    dry_run: bool,
    as_json: bool,
    format_: str | None,
    match: str | None,
    kind: str | None,
    title: str | None,
    rewrites: bool | None,
    unguarded: tuple[str, ...],
) -> None:
    """Put a list in force, replacing its content.

    FILE is text, or packed as .gz or .zst; - reads standard input. A list that is not there is
    made. The command ends when every worker serves the new rules, and says what changed; the same
    content again changes nothing. A list that is refused exits with 1 and leaves the old one in force.

    \b
    Examples:
      belisha push adult adult.txt --dry-run
      belisha push adult adult.txt --reason "first import"
      curl -s https://lists.example.org/adult.txt | belisha push adult - --reason nightly
      belisha push needed needed.txt --kind allow --title "Learning platform"
      belisha push spam-tlds tlds.txt --unguarded zip --unguarded mov
    """
    wanted: dict[str, Any] = {
        "format": format_,
        "match": match,
        "kind": kind,
        "title": title,
        "rewrites": rewrites,
    }
    if unguarded:
        wanted["unguarded"] = [name for name in unguarded if name]  # "" alone: no name is let through
    said = {key: value for key, value in wanted.items() if value is not None}
    query = {"reason": reason, "dry_run": dry_run}
    description = _description(client, list_id, said) if said else None
    if description is None:
        answer = _push_content(client, list_id, path, query, quiet=as_json)
    else:
        answer = _push_described(client, list_id, path, query, description)
    if as_json:
        output.show_json(answer)
        return
    for line in _report(list_id, answer):
        click.echo(line)


def _description(client: Client, list_id: str, said: dict[str, Any]) -> dict[str, Any] | None:
    """The whole description that is wanted; None when the list is described so already."""
    # A description is replaced whole, so what is not said now must be said again as it was.
    keys = ("kind", "format", "match", "enabled", "title", "rewrites", "unguarded")
    try:
        found = client.ask("GET", f"/v1/lists/{output.list_id(list_id)}").members
    except RequestError as error:
        if error.status != 404:
            raise
        return dict(said)
    known = {key: found[key] for key in keys if key in found}
    return None if known | said == known else known | said


def _push_content(
    client: Client, list_id: str, path: Path, query: dict[str, Any], *, quiet: bool
) -> dict[str, Any]:
    """Stream the file to the list, packed as it is: the server unpacks it within its own bounds."""
    with opened(path) as (file, size), _progress(size, quiet=quiet) as sent:
        upload = Upload(file, size, _PACKED.get(path.suffix, ""), sent)
        target = f"/v1/lists/{output.list_id(list_id)}/content"
        return client.ask("PUT", target, query, upload=upload, seconds=PUSH_SECONDS).members


def _push_described(
    client: Client, list_id: str, path: Path, query: dict[str, Any], description: dict[str, Any]
) -> dict[str, Any]:
    """Description and content in one step; the result of that one list, as a plain push gives it."""
    change = {"list": list_id, "description": description, "content": _text(path)}
    answer = client.ask(
        "POST", "/v1/transactions", query, body={"changes": [change]}, seconds=PUSH_SECONDS
    ).members
    result = (answer.get("lists") or [{}])[0]
    return {**result, **{key: answer.get(key) for key in ("generation", "changed", "dry_run")}}


def _text(path: Path) -> str:
    """The text of the file, unpacked. Raises RequestError when it is too large to go in one piece."""
    try:
        with opened(path) as (file, _):
            stream = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
            data = stream.read(_MOST_DESCRIBED + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RequestError(400, "file-broken", f"{path} cannot be unpacked", str(error)) from error
    if path.suffix == ".zst" or len(data) > _MOST_DESCRIBED:
        raise RequestError(
            413,
            "too-large-to-describe",
            "Description and content cannot go together",
            "the file is packed as .zst or too large; describe the list first with a small file, then push"
            " this one without the options that describe it",
        )
    # JSON holds text alone. What is no UTF-8 is no name either, and is reported as a bad line.
    return data.decode("utf-8", "replace")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], int | None]]:
    """The file and its size, None when it has none (standard input, a pipe).

    Raises RequestError, so that a mistyped name ends like everything else: with one sentence.
    """
    if str(path) == "-":
        yield sys.stdin.buffer, None
        return
    try:
        with path.open("rb") as file:
            yield file, path.stat().st_size if path.is_file() else None
    except FileNotFoundError as error:
        raise RequestError(404, "file-missing", f"There is no file {path}", "nothing was sent") from error
    except PermissionError as error:
        raise RequestError(403, "file-closed", f"{path} cannot be read", str(error.strerror)) from error


@contextlib.contextmanager
def _progress(size: int | None, *, quiet: bool) -> Iterator[Any]:
    """Told how many octets went out just now; shows it on a terminal."""
    with bar(size, quiet=quiet) as advance:
        done = 0

        def sent(octets: int) -> None:
            # Once all is sent the wait is for the compiler, and the bar says so.
            nonlocal done
            done += octets
            advance(done, "compiling" if size is not None and done >= size else "sending")

        yield sent


def _report(list_id: str, answer: dict[str, Any]) -> Iterator[str]:
    """What a push did, in words."""
    entries = output.count(int(answer.get("entries") or 0), "entry", "entries")
    generation = output.plain(answer.get("generation"))
    if answer.get("dry_run"):
        yield f"{list_id}: {entries}. Nothing was changed (dry run)."
    elif answer.get("changed"):
        made = "made and " if answer.get("created") else ""
        yield f"{list_id}: {entries}, {made}in force in generation {generation}."
    else:
        yield f"{list_id}: {entries}, as before. Generation {generation} stays in force."
    difference = answer.get("diff") or {}
    if difference:
        counts = (f"{output.number(int(difference.get(key) or 0))} {key}" for key in _DIFFERENCES)
        yield f"  {', '.join(counts)}"
    report = answer.get("report") or {}
    yield from _lines_read(report)
    yield f"  {float(answer.get('seconds') or 0):.2f} s to read and compile"


_OVERLAPS_SHOWN: Final = 5
"""Other lists that are named; `belisha lists overlap` names all."""

_DIFFERENCES: Final = ("added", "removed", "changed")

_ASIDE: Final = {
    "duplicates": "said again what was said before",
    "ignored": "had nothing to do here",
    "not_dns": "were for browsers, not for DNS",
}
"""Counts of a report that are no fault, in words."""


def _lines_read(report: dict[str, Any]) -> Iterator[str]:
    """How the lines were read: the notation, what was passed over, and the first faults."""
    if report.get("format"):
        lines = output.count(int(report.get("lines") or 0), "line")
        yield f"  read as {output.plain(report['format'])}, {lines}"
    for key, words in _ASIDE.items():
        if report.get(key):
            yield f"  {output.number(int(report[key]))} {words}"
    for warning in report.get("warnings") or []:
        yield f"  note: {output.plain(warning)}"
    if report.get("invalid_total"):
        yield f"  {output.number(int(report['invalid_total']))} could not be used:"
        yield from (f"    {text}" for text in output.offending_lines(report.get("invalid")))
    if report.get("held"):
        yield f"  {output.number(int(report['held']))} held back, because they reach too far:"
        yield from (f"    {text}" for text in output.offending_lines(report.get("held_lines")))
    yield from beside_others(report.get("comparison") or {}, _OVERLAPS_SHOWN)
