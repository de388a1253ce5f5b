"""`belisha records`: the names of this network, as a zone file in and out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from resolver.cli import output
from resolver.cli.access import server_options
from resolver.cli.client import PUSH_SECONDS, Client, Upload
from resolver.cli.options import json_option, reason_option
from resolver.cli.push import opened

_PATH: Final = "/v1/policy/records"
_LONGEST: Final = 8_192  # characters of a line, as the server reads them


@click.group()
def records() -> None:
    """Show and replace the records of names of our own.

    They are answered here, in place of what the internet says of these names: a name for the printer,
    the address of a server as it is seen from inside.

    \b
    Examples:
      belisha records show
      belisha records show > home.zone
      belisha records push home.zone --dry-run
    """


@records.command()
@server_options
def show(client: Client) -> None:
    """Print every record, as a zone file that can be pushed again."""
    for line in client.text(_PATH).splitlines():
        click.echo(output.plain(line, _LONGEST))


@records.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--origin", metavar="NAME", help="What names without a dot at their end belong to.")
@click.option("--dry-run", is_flag=True, help="Report what would change, and change nothing.")
@reason_option
@json_option
@server_options
def push(client: Client, path: Path, origin: str | None, dry_run: bool, reason: str, as_json: bool) -> None:
    """Replace all records by those of a zone file.

    FILE is a zone file (RFC 1035); - reads standard input. What it does not hold is gone. With one
    fault nothing is changed, every line that cannot be read is named, and the command exits with 1.

    \b
    Examples:
      belisha records push home.zone --reason "the new printer"
      belisha records push office.zone --origin office.example
    """
    query = {"origin": origin, "dry_run": dry_run, "reason": reason}
    with opened(path) as (file, size):
        answer = client.ask("PUT", _PATH, query, upload=Upload(file, size), seconds=PUSH_SECONDS).members
    if as_json:
        output.show_json(answer)
        return
    for line in _report(answer):
        click.echo(line)


def _report(answer: dict[str, Any]) -> Iterator[str]:
    """What a push did, in words."""
    kept = output.count(int(answer.get("records") or 0), "record")
    generation = output.plain(answer.get("generation"))
    if answer.get("dry_run"):
        yield f"{kept}. Nothing was changed (dry run)."
    elif answer.get("changed"):
        yield f"{kept}, in force in generation {generation}."
    else:
        yield f"{kept}, as before. Generation {generation} stays in force."
    yield from (
        f"  line {output.plain(one.get('line'))}: {output.plain(one.get('message'))}"
        for one in answer.get("left_out") or []
    )
