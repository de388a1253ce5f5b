"""`belisha lists overlap LIST`: what a list has in common with the others, and what in it is idle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from resolver.cli import output
from resolver.cli.access import server_options
from resolver.cli.client import PUSH_SECONDS, Client
from resolver.cli.options import json_option


@click.command()
@click.argument("list_id", metavar="LIST")
@json_option
@server_options
def overlap(client: Client, list_id: str, as_json: bool) -> None:
    """Compare a list with all others in force.

    For each: how many rules of LIST stand there too, and how many names are covered there by a name above.
    Then the block rules of LIST that allow rules make idle. It may take some seconds for long lists.

    \b
    Examples:
      belisha lists overlap adult
      belisha lists overlap adult --json
    """
    target = f"/v1/lists/{output.list_id(list_id)}/overlap"
    answer = client.ask("GET", target, seconds=PUSH_SECONDS).members
    if as_json:
        output.show_json(answer)
        return
    comparison = answer.get("comparison") or {}
    click.echo(f"{output.plain(answer.get('list'))}, generation {output.plain(answer.get('generation'))}:")
    lines = list(beside_others(comparison))
    click.echo("\n".join(lines or ["  nothing in common with another list, and nothing idle"]))
    for text in comparison.get("shadowed_sample") or []:
        click.echo(f"    {output.plain(text)}")


def beside_others(comparison: dict[str, Any], most: int | None = None) -> Iterator[str]:
    """What a list has in common with others (the first `most` of them), and how much of it is idle."""
    for one in (comparison.get("overlaps") or [])[:most]:
        same, covered = int(one.get("same") or 0), int(one.get("covered") or 0)
        if same or covered:
            name = output.plain(one.get("list"))
            yield f"  {output.number(same)} also in {name}, {output.number(covered)} covered there"
    if comparison.get("not_compared"):
        names = ", ".join(map(output.plain, comparison["not_compared"][:most]))
        yield f"  not compared with {names}"
    if comparison.get("shadowed"):
        yield f"  {output.number(int(comparison['shadowed']))} idle: allow rules beat them"
