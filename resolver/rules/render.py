"""Rules → text, in adblock notation, which has a form for nearly everything (list-formats 2.5).

    |name^     the name itself          /expression/   names in which it is found
    ||name^    the name and all below   *              every name
    ||*.name^  all below, not the name  @@ before any of them: allowed, or an answer taken back

Conditions and answers follow as modifiers, always in the same order. What `parse_list` reads from the
lines of `render`, format "adblock" and rewrites trusted, is the same content, line numbers aside, as far
as the notation can say it.

What it cannot say is shown all the same, for people, with modifiers that the notation does not have, so
that reading refuses the line instead of misunderstanding it: `drop`, `tcp-only`, `ttl=300`,
`addresses=192.0.2.0/24` (of an answer), `invert` (names in which the expression is not found), and
`dnsrewrite` once for each record of an answer with several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from resolver.dns.names import to_text
from resolver.dns.registry import type_name
from resolver.rules.formats.dnsrewrite import write_rewrite
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    FLAGS_MASK,
    Content,
    name_of,
)
from resolver.rules.side import ALLOW, ANSWER, BOTH, CANCEL, Answer, SideRule

_FORMS: Final = {
    BLOCK_APEX: "|{}^",
    BLOCK_BELOW: "||*.{}^",
    BLOCK_BOTH: "||{}^",
    ALLOW_APEX: "@@|{}^",
    ALLOW_BELOW: "@@||*.{}^",
    ALLOW_BOTH: "@@||{}^",
}
"""Flags of one action -> how they are written."""

_WRITTEN: Final = tuple(
    tuple(_FORMS[part] for part in (flags & BLOCK_BOTH, flags & ALLOW_BOTH) if part)
    for flags in range(FLAGS_MASK + 1)
)


def render(content: Content) -> Iterator[str]:
    """One line for each plain rule and action, then one for each side rule, without newline."""
    for key, value in content.names.items():
        yield from render_rule(key, value)
    for rule in content.sides:
        yield render_side(rule)


def render_rule(key: bytes, flags: int) -> Iterator[str]:
    """The lines of one plain rule; bits above the flags are ignored."""
    name = to_text(name_of(key))
    for form in _WRITTEN[flags & FLAGS_MASK]:
        yield form.format(name)


def render_side(rule: SideRule) -> str:
    """The line of one side rule; every rule has one, and no two rules of different meaning the same."""
    mark = "@@" if rule.action in (ALLOW, CANCEL) else ""
    modifiers = ",".join(_modifiers(rule))
    return f"{mark}{_pattern(rule)}${modifiers}" if modifiers else f"{mark}{_pattern(rule)}"


def _pattern(rule: SideRule) -> str:
    """The names that a rule speaks of.

    The root itself, and all below it without it, are written as a name that no reader takes.
    """
    if rule.expression:
        return "/" + _OPEN_SLASH.sub(r"\1\/", rule.expression) + "/"
    if rule.everywhere and rule.reach == BOTH:
        return "*"
    return _FORMS[rule.reach].format(to_text(name_of(rule.key)))


# A slash that would end the expression early; one behind a backslash does not.
_OPEN_SLASH: Final = re.compile(r"(?<!\\)((?:\\\\)*)/")


def _modifiers(rule: SideRule) -> Iterator[str]:
    """Everything behind the dollar sign: importance, conditions, answer, in this order.

    Those that the notation does not have are unknown modifiers to a reader, which void the line.
    """
    if rule.important:
        yield "important"
    if rule.invert:
        yield "invert"
    yield from _list("dnstype", map(type_name, rule.types), map(type_name, rule.not_types))
    yield from _list("client", map(_client, rule.clients), map(_client, rule.not_clients))
    yield from _list("ctag", rule.tags, rule.not_tags)
    yield from _list("denyallow", (to_text(name_of(key)) for key in rule.outside))
    yield from _list("addresses", rule.addresses)
    if rule.answer is not None:
        yield from _answer(rule.answer)
    elif rule.action in (ANSWER, CANCEL):
        yield "dnsrewrite"


def _list(name: str, values: Iterable[str], excluded: Iterable[str] = ()) -> Iterator[str]:
    """A modifier with values of both kinds, if it has any."""
    written = [*values, *(f"~{value}" for value in excluded)]
    if written:
        yield f"{name}={'|'.join(written)}"


def _answer(answer: Answer) -> Iterator[str]:
    """An answer; more than one modifier for what the notation has no form for."""
    if answer.silent:
        yield "drop"
    if answer.by_tcp:
        yield "tcp-only"
    if answer.ttl:
        yield f"ttl={answer.ttl}"
    if not (answer.records or answer.silent or answer.by_tcp) or answer.rcode:
        yield f"dnsrewrite={write_rewrite(answer.rcode)}"
    for record in answer.records:
        yield f"dnsrewrite={write_rewrite(0, record)}"


# A name of these characters reads as it stands; marks, quotes and blanks at its ends would not.
_BARE_CLIENT: Final = re.compile(r"[\w.:/-]+").fullmatch
_MEANT: Final = re.compile(r"""[\\'",|]""")


def _client(value: str) -> str:
    """A network as it is; a name in quotation marks if there is anything in it that could be misread."""
    return value if _BARE_CLIENT(value) else "'" + _MEANT.sub(r"\\\g<0>", value) + "'"
