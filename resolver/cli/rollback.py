"""`belisha rollback`: what was in force before is in force again, in milliseconds.

Without a number it goes where the one in force came from, as the server says; done twice, it goes
two back. Nothing is deleted: the generation that is left stays, and can be put in force again.
"""

from __future__ import annotations

import click

from resolver.cli import output
from resolver.cli.access import server_options
from resolver.cli.client import PUSH_SECONDS, Client
from resolver.cli.options import json_option, reason_option
from resolver.errors import RequestError


@click.command()
@click.argument("generation", type=click.IntRange(min=1), required=False)
@reason_option
@json_option
@server_options
def rollback(client: Client, generation: int | None, reason: str, as_json: bool) -> None:
    """Put an earlier generation back in force.

    Without GENERATION it is the one that the present one was made from. Every move is written down
    with its author and reason.

    \b
    Examples:
      belisha rollback --reason "blocked the exam site"
      belisha rollback 12
    """
    number = generation or _previous(client)
    answer = client.ask(
        "POST", f"/v1/generations/{number}/activate", {"reason": reason}, seconds=PUSH_SECONDS
    ).members
    if as_json:
        output.show_json(answer)
        return
    now = output.plain(answer.get("generation"))
    changed = "is in force now" if answer.get("changed") else "was in force already; nothing changed"
    click.echo(f"Generation {now} {changed}.")


def _previous(client: Client) -> int:
    """Where a plain rollback goes. Raises RequestError when there is nowhere to go."""
    previous = client.ask("GET", "/v1/generations", {"limit": 1}).members.get("previous")
    if not isinstance(previous, int):
        raise RequestError(
            404,
            "nothing-before",
            "Nothing to go back to",
            "what was in force before is not kept; `belisha generations` shows what is.",
        )
    return previous
