"""The words of a list: what a rule is once its format is forgotten.

A rule maps a *key* to *flags*. The key is the name as the compiled index wants it: wire format
(RFC 1035 3.1), lower-cased, without the root label, reversed octet by octet. A name below another
then begins with the other's key, so that one walk finds every listed ancestor:

    example.com      07 example 03 com  ->  moc 03 elpmaxe 07
    www.example.com  03 www 07 example 03 com  ->  moc 03 elpmaxe 07 www 03

Whoever finds such a prefix must still check that it ends where a label ends: a length octet can
look like a digit or a hyphen (`resolver.rules.compiled` does).

Four flag bits say what the rule covers and what it does. One key of one list may carry several.

What is no plain name (an expression, a condition, an answer of its own) is a `SideRule`
(`resolver.rules.side`). A list's `Content` is both: millions of plain names, and some side rules.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from resolver.rules.side import SideRule

BLOCK_APEX: Final = 1
"""The name itself is blocked."""
BLOCK_BELOW: Final = 2
"""Every name below it is blocked."""
ALLOW_APEX: Final = 4
"""The name itself is allowed, whatever blocks it."""
ALLOW_BELOW: Final = 8
"""Every name below it is allowed, whatever blocks it."""

BLOCK_BOTH: Final = BLOCK_APEX | BLOCK_BELOW
ALLOW_BOTH: Final = ALLOW_APEX | ALLOW_BELOW
FLAGS_MASK: Final = 15
"""The flags of a plain rule."""
ASIDE: Final = 16
"""Flag of a key in a compiled file: side rules stand at this name as well."""

BLOCKED: Final = 1
"""Verdict bit of `CompiledList.match`: some rule blocks the name."""
ALLOWED: Final = 2
"""Verdict bit of `CompiledList.match`: some rule allows the name."""
CONDITIONAL: Final = 4
"""Verdict bit of `CompiledList.match`: side rules stand at the name or above it; they must be asked."""

Kind = Literal["block", "allow"]
"""What a list is for. Every rule of an "allow" list allows."""

Match = Literal["auto", "exact", "suffix"]
"""How far a line reaches: as its format says, the name alone, or the name and all below."""

Format = Literal[
    "auto", "hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound", "rpz", "regex", "pihole-regex"
]
"""The notation of a list. `auto` looks at the content."""

Rules = dict[bytes, int]
"""key -> flags | line << LINE_SHIFT; the line is the first that named the key, 0 if none did."""

LINE_SHIFT: Final = 5


class Content(NamedTuple):
    """Everything that one list says.

    names     the plain rules
    sides     the others, in canonical order (`resolver.rules.side.canonical`), each once
    ordered   of the rules of this list that speak of a name only the most specific counts, as in a
              response policy zone; otherwise all count, and allow beats block
    """

    names: Rules
    sides: tuple[SideRule, ...] = ()
    ordered: bool = False

    @property
    def entries(self) -> int:
        """How many rules there are: names with one, and side rules."""
        return len(self.names) + len(self.sides)


def key_of(folded: bytes) -> bytes:
    """The index key of a lower-cased wire name that ends in the root label."""
    return folded[-2::-1] if len(folded) > 1 else b""


def name_of(key: bytes) -> bytes:
    """The lower-cased wire name of an index key: the inverse of `key_of`."""
    return key[::-1] + b"\0"
