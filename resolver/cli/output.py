"""How results look to people. Tables are drawn by rich; whatever a server says is made harmless first.

Names, titles and lines of a list are written by others, and a terminal obeys escape sequences: so
every character that is not printable is shown as a replacement before anything is printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from resolver.errors import RequestError

LINES_SHOWN: Final = 10
"""Offending lines of a list that are shown; the report of the API holds more."""
_MAX_TEXT: Final = 500

_HINTS: Final = {
    "token-missing": "Set BELISHA_TOKEN or name a file with --token-file; `belisha token create` makes one.",
    "token-invalid": "`belisha token list` shows which tokens there are.",
}


def plain(value: object, most: int = _MAX_TEXT) -> str:
    """Text from elsewhere, safe for a terminal: on one line, without control characters, not endless."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value)[: most + 1])
    return text if len(text) <= most else text[:most] + " ..."


def list_id(text: str) -> str:
    """The id, if it can stand in a path at all; the server says which ids there may be."""
    if not text or any(not (c.isascii() and (c.isalnum() or c in "._-")) for c in text):
        raise RequestError(
            422, "list-id-invalid", f"`{plain(text)}` is no list id",
            "an id has small letters, digits, `.`, `_` and `-`",
        )  # fmt: skip
    return text


def show_json(value: Any) -> None:
    """The API's own JSON, indented."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people; without colours and boxes, so that it can be piped and pasted."""
    # Imported here: 60 ms that --json and errors need not wait for.
    from rich import box, console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(Text(column.lstrip(">")), justify="right" if column.startswith(">") else "left")
    for row in rows:
        drawn.add_row(*(Text(number(cell) if isinstance(cell, int) else plain(cell)) for cell in row))
    # A pipe has no width: nothing may be cut off there.
    console.Console(width=None if sys.stdout.isatty() else 200, soft_wrap=False).print(drawn)


def number(value: int) -> str:
    """1234567 → 1,234,567."""
    return f"{value:,}"


def count(value: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 entry`, `2 entries`."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def problem_text(error: RequestError) -> str:
    """A problem as people read it: what, why, the first lines that are to blame, and what to do."""
    head = plain(error.title.rstrip("."))
    lines = [f"{head}: {plain(error)}" if str(error) else head]
    lines += [f"  {text}" for text in offending_lines(error.extra.get("errors"))]
    if error.code in _HINTS:
        lines.append(_HINTS[error.code])
    if incident := error.extra.get("incident"):
        lines.append(f"The server's log knows more under incident {plain(incident)}.")
    return "\n".join(lines)


def offending_lines(errors: object) -> list[str]:
    """`line 7: not a name: ...` for the first of the lines that a report complains about."""
    if not isinstance(errors, list):
        return []
    found = [one for one in errors if isinstance(one, dict) and isinstance(one.get("message"), str)]
    shown = [
        f"line {plain(one.get('number', '?'))}: {plain(one.get('message', '').rstrip('.'))}"
        + (f": {plain(one['text'], 80)}" if one.get("text") else "")
        for one in found[:LINES_SHOWN]
    ]
    return [*shown, *([f"and {number(len(found) - LINES_SHOWN)} more"] if len(found) > LINES_SHOWN else [])]
