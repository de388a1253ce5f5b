"""An expression that was read, as a tree: what is searched, with all notation gone.

A `Node` is a value: two notations of the same thing (`[0-9]` and `\\d`, `a+` and `a+?`) make equal nodes.
How deep a tree is and how large it becomes when its repetitions are written out is bounded by the reader
(`resolver.rules.expressions.syntax`), so whoever walks one may recurse.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Symbol(NamedTuple):
    """One octet of this set (`resolver.rules.expressions.octets`)."""

    octets: int


class Assertion(NamedTuple):
    """Nothing, at such a place: start or end of the name, bound of a word or no bound of one."""

    place: Literal["start", "end", "bound", "no-bound"]


class Series(NamedTuple):
    """One after the other; of no parts: nothing."""

    parts: tuple[Node, ...]


class Choice(NamedTuple):
    """One of several."""

    parts: tuple[Node, ...]


class Repeat(NamedTuple):
    """The part, from `least` to `most` times; without bound when `most` is None."""

    part: Node
    least: int
    most: int | None


Node = Symbol | Assertion | Series | Choice | Repeat
