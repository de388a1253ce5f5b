"""Expressions: one on each line, bare or between slashes (`/^ads[0-9]+\\./`, as AdGuard and blocky write).

`@@/…/` allows. Lines that begin with `#` or `!` are comments. What an expression may say is told in
`resolver.rules.expressions.syntax`; it is searched for anywhere in the name, and never asks for case. Other
formats that know `/…/` read it by `read_slashed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from resolver.dns.names import Fault
from resolver.rules.expressions.automaton import Allowance, check
from resolver.rules.lines import COMMENT, Item, LineReader, Options, Skip
from resolver.rules.side import ALLOW, BLOCK, SideRule

Check = Callable[[str], Fault | None]
"""Why an expression cannot be used: `check` for one alone, or that of a list's `Allowance`."""


def make(_options: Options) -> LineReader:
    """The reader of one list: all its lines share an allowance."""
    usable = Allowance().check
    return LineReader(lambda line: read(line, usable))


def read(line: str, usable: Check = check) -> Sequence[Item]:
    """One line of a list of expressions."""
    if line.startswith(("#", "!")):
        return COMMENT
    action, text = (ALLOW, line[2:].strip()) if line.startswith("@@") else (BLOCK, line)
    if is_slashed(text):
        return [read_slashed(text, action, usable)]
    return [read_bare(text, action, usable)]


def is_slashed(text: str) -> bool:
    """Whether this is an expression between slashes."""
    return len(text) > 1 and text.startswith("/") and text.endswith("/")


def read_slashed(text: str, action: int, usable: Check = check) -> SideRule | Skip:
    """A rule of `/expression/`."""
    return read_bare(text[1:-1], action, usable)


def read_bare(text: str, action: int, usable: Check = check) -> SideRule | Skip:
    """A rule of an expression."""
    fault = usable(text)
    return SideRule(action=action, expression=text) if fault is None else Skip("invalid", fault.code)
