"""`belisha lists`: what is in force, one line a list. Its verbs about one list are added here."""

from __future__ import annotations

import click

from resolver.cli import output
from resolver.cli.access import server_options
from resolver.cli.client import Client
from resolver.cli.options import json_option
from resolver.cli.overlap import overlap


@click.group(invoke_without_command=True)
@json_option
@server_options
@click.pass_context
def lists(ctx: click.Context, client: Client, as_json: bool) -> None:
    """Show the lists in force.

    One line for each: what it is for, how many rules it holds, the format its lines were in, when it
    last changed.

    \b
    Examples:
      belisha lists
      belisha lists --json
      belisha lists overlap adult
    """
    if ctx.invoked_subcommand is not None:
        return
    answer = client.ask("GET", "/v1/lists").members
    if as_json:
        output.show_json(answer)
        return
    found = answer.get("lists") or []
    click.echo(f"Generation {answer.get('generation', '?')}, {output.count(len(found), 'list')}.")
    if found:
        output.table(
            ("list", "kind", ">entries", "format", "match", "updated", "title"),
            [
                (
                    one.get("id", "?"),
                    one.get("kind", "?") if one.get("enabled", True) else "switched off",
                    int(one.get("entries", 0)) if one.get("digest") else "no content",
                    one.get("detected") or one.get("format", ""),
                    one.get("match", ""),
                    one.get("updated", ""),
                    one.get("title", ""),
                )
                for one in found
            ],
        )


lists.add_command(overlap)
