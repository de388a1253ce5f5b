"""`belisha explain NAME`: is it blocked, by which line of which list, and what does a client get?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from resolver.cli import output
from resolver.cli.access import server_options
from resolver.cli.client import Client
from resolver.cli.options import json_option

# The API's words in people's words; what is not in a table is shown as it came.
_VERDICTS: Final = {
    "block": "blocked",
    "allow": "allowed",
    "answer": "answered by a rule",
    "none": "not listed",
}
_EFFECTS: Final = {
    "block-name": "blocks the name",
    "block-below": "blocks what is below",
    "allow-name": "allows the name",
    "allow-below": "allows what is below",
    "block": "blocks",
    "allow": "allows",
    "answer": "answers",
    "cancel-answer": "takes answers back",
    "important": "important",
}


@click.command()
@click.argument("name")
@click.option(
    "--type", "qtype", default="A", show_default=True, metavar="TYPE", help="A, AAAA, HTTPS, MX ..."
)
@click.option("--client", "address", metavar="ADDRESS", help="Who asks, for rules about some clients only.")
@json_option
@server_options
def explain(client: Client, name: str, qtype: str, address: str | None, as_json: bool) -> None:
    """Say whether a name is blocked, and why.

    Names the list, the rule and its line that decided, every other rule that speaks of the name, and
    the answer that a client gets.

    \b
    Examples:
      belisha explain www.example.com
      belisha explain example.org --type HTTPS
      belisha explain games.example --client 192.0.2.7
    """
    asked = {"name": name, "type": qtype} | ({"client": address} if address else {})
    answer = client.ask("GET", "/v1/explain", asked).members
    if as_json:
        output.show_json(answer)
        return
    for line in _lines(answer):
        click.echo(line)


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    """The explanation, a line at a time: the verdict first."""
    verdict = str(answer.get("verdict", "?"))
    yield f"{output.plain(answer.get('name'))}: {_VERDICTS.get(verdict, output.plain(verdict))}"
    if answer.get("list"):
        yield f"  decided by  {_place(answer)}: {output.plain(answer.get('rule'))}"
    if answer.get("for_everybody") is False:
        yield "  depends on the client: others may get another answer"
    others = [one for one in answer.get("matches") or [] if not _same(one, answer)]
    for one in others[: output.LINES_SHOWN]:
        yield f"  also        {_place(one)}: {output.plain(one.get('rule'))} ({_effects(one)})"
    if len(others) > output.LINES_SHOWN:
        yield f"  and {output.count(len(others) - output.LINES_SHOWN, 'more rule')}"
    yield f"  a client gets  {_reply(answer.get('answer') or {})}"
    yield f"  generation  {output.plain(answer.get('generation'))}"


def _effects(one: dict[str, Any]) -> str:
    """What a rule does, and when."""
    effects = ", ".join(_EFFECTS.get(word, output.plain(word)) for word in one.get("effects") or [])
    conditions = "; ".join(output.plain(text) for text in one.get("conditions") or [])
    return f"{effects}; for {conditions}" if conditions else effects


def _place(one: dict[str, Any]) -> str:
    """Where a rule stands; a rule that was not read from a line has none."""
    line = f", line {output.plain(one['line'])}" if one.get("line") else ""
    return f"list {output.plain(one.get('list'))}{line}"


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two are the same rule, so that the deciding one is not shown twice."""
    return all(one.get(key) == other.get(key) for key in ("list", "rule", "line"))


_OWN: Final = {
    "special": " (a special name, answered by Belisha whatever lists say)",
    "records": " (a record of your own)",
}


def _reply(reply: dict[str, Any]) -> str:
    """The answer in a few words."""
    note = f"; {output.plain(reply['note'])}" if reply.get("note") else ""
    if reply.get("by") == "upstream":
        return f"what the upstreams say{note}"
    if reply.get("rcode") is None and note:
        return note.removeprefix("; ")
    records = "; ".join(output.plain(record) for record in reply.get("records") or [])
    errors = "".join(
        f", extended error {output.plain(one.get('code'))}"
        + (f" ({output.plain(one['text'])})" if one.get("text") else "")
        for one in reply.get("extended_errors") or []
    )
    own = _OWN.get(str(reply.get("by")), "")
    return f"{output.plain(reply.get('rcode'))}, {records or 'no records'}{errors}{own}{note}"
