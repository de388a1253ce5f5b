"""What a format makes of a whole small list, as a table of lines."""

from __future__ import annotations

from resolver.rules.formats.table import FORMATS
from resolver.rules.lines import Options
from tests.unit.rules.shorthand import said


def told(name: str, text: str, *, rewrites: bool = False) -> list[str]:
    """Everything that the lines say; what only the end settles comes last, with its line before it."""
    reader = FORMATS[name].make(Options(rewrites=rewrites))
    words: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            words += said(reader.read(line.rstrip(), number))
    for number, item in reader.finish():
        words += [f"{number}: {word}" for word in said([item])]
    return words
