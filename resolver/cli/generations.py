"""`belisha generations`: what was in force, who changed it, when and why."""

from __future__ import annotations

import click

from resolver.cli import output
from resolver.cli.access import server_options
from resolver.cli.client import Client
from resolver.cli.options import json_option


@click.command()
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, newest first."
)
@json_option
@server_options
def generations(client: Client, limit: int, as_json: bool) -> None:
    """Show what was in force, and who changed it.

    The newest first; the one in force is marked. `belisha rollback N` puts one that is kept back in
    force.

    \b
    Example:
      belisha generations --limit 5
    """
    answer = client.ask("GET", "/v1/generations", {"limit": limit}).members
    if as_json:
        output.show_json(answer)
        return
    output.table(
        ("", ">generation", "made", "by", ">lists", ">entries", "reason"),
        [
            (
                "*" if one.get("active") else "" if one.get("kept", True) else "gone",
                int(one.get("number", 0)),
                one.get("created", ""),
                one.get("author", ""),
                int(one.get("lists", 0)),
                int(one.get("entries", 0)),
                one.get("reason", ""),
            )
            for one in answer.get("generations") or []
        ],
    )
