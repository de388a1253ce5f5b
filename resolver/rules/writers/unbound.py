"""Unbound: `local-zone` covers a name and all below it, and its type says what is done.

    always_null          blocked; the null address, as Belisha itself answers by default
    always_transparent   an exception
    always_refuse, always_nodata, always_deny    answers of their own
    redirect             with `local-data`: answered with records

Unbound lets the most specific zone win; an exception above a block would be overruled there, and is a loss.
"""

from __future__ import annotations

from typing import Final

from resolver.dns import rdata, registry
from resolver.dns.names import to_text
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BOTH,
    name_of,
)
from resolver.rules.side import ALLOW, ANSWER, APEX, BLOCK, BOTH, Answer, SideRule
from resolver.rules.writers.writer import Writer

_ZONE: Final = 'local-zone: "{}." %s'
_BLOCK: Final = _ZONE % "always_null"
_ALLOW: Final = _ZONE % "always_transparent"

_TYPES: Final = {
    Answer(registry.REFUSED): "always_refuse",
    Answer(registry.NOERROR): "always_nodata",
    Answer(registry.NXDOMAIN): "always_nxdomain",
    Answer(silent=True): "always_deny",
}
"""Answers that are types of a zone."""


def _side(rule: SideRule) -> list[str]:
    """What is said of every name, and answers."""
    name = to_text(name_of(rule.key)).removesuffix(".")
    if rule.reach == BOTH and rule.action in _PLAIN and not rule.expression:
        return [_PLAIN[rule.action].format(name)]
    if rule.action != ANSWER or rule.answer is None:
        return []
    if rule.reach == BOTH and rule.answer in _TYPES:
        return [(_ZONE % _TYPES[rule.answer]).format(name)]
    data = _data(name, rule.answer)
    if rule.reach == APEX:
        return data
    return [(_ZONE % "redirect").format(name), *data] if data and rule.reach == BOTH else []


_PLAIN: Final = {BLOCK: _BLOCK, ALLOW: _ALLOW}


def _data(name: str, answer: Answer) -> list[str]:
    """The records of an answer; none if one of them has no text."""
    lines = []
    ttl = f"{answer.ttl} " if answer.ttl else ""
    for record in answer.records:
        words = rdata.to_words(record.rtype, record.rdata)
        if words is None or any(set(word) & set("\"'\\") for word in words):
            return []
        lines.append(f'local-data: "{name}. {ttl}{registry.type_name(record.rtype)} {" ".join(words)}"')
    return lines


UNBOUND: Final = Writer(
    "unbound",
    "#",
    {BLOCK_BOTH: (_BLOCK,), ALLOW_BOTH: (_ALLOW,)},
    (
        (
            BLOCK_APEX | ALLOW_APEX,
            "A local zone covers a name and all below it; it cannot cover the name alone.",
        ),
        (BLOCK_BOTH | ALLOW_BOTH, "A local zone covers a name and all below it; it cannot cover less."),
    ),
    _side,
    "Unbound's local zones know no conditions and no expressions, and not every answer.",
    head=("server:",),
    single=True,
    closest=True,
)
