"""`belisha flush`: answers of upstreams are forgotten, so that the next question asks them again."""

from __future__ import annotations

from typing import Any

import click

from resolver.cli import output
from resolver.cli.access import server_options
from resolver.cli.client import Client
from resolver.cli.options import json_option


@click.command()
@click.argument("name", required=False)
@click.option("--below", is_flag=True, help="All names below NAME too.")
@json_option
@server_options
def flush(client: Client, name: str | None, below: bool, as_json: bool) -> None:
    """Forget what upstreams said, so that they are asked again.

    Without NAME everything is forgotten. What is blocked does not change. A client keeps an answer that
    it has until the answer's TTL is over; only the client can forget it sooner. Exits with 1 when a worker
    did not confirm.

    \b
    Examples:
      belisha flush www.example.org
      belisha flush example.org --below
      belisha flush
    """
    if below and name is None:
        raise click.UsageError("--below needs a NAME; to forget everything, say neither")
    body = {} if name is None else {"name": name, "below": below}
    answer = client.ask("POST", "/v1/cache/flush", body=body).members
    if as_json:
        output.show_json(answer)
    else:
        click.echo(_sentence(answer))
    missing = answer.get("unconfirmed")
    if isinstance(missing, list) and missing:
        workers = ", ".join(output.plain(one) for one in missing)
        click.echo(
            f"belisha: Not confirmed by worker {workers}: it is dead, or forgets as soon as it can.", err=True
        )
        raise click.exceptions.Exit(1)


def _sentence(answer: dict[str, Any]) -> str:
    """What was forgotten, in one line."""
    count = answer.get("answers")
    answers = output.count(count, "answer") if isinstance(count, int) else "answers"
    if answer.get("name") is None:
        return f"Everything is forgotten: {answers}."
    below = " and all names below it" if answer.get("below") else ""
    return f"{output.plain(answer['name'])}{below}: {answers} forgotten."
