"""Unbound: a zone covers a name and all below it, local data a name alone.

    local-zone: "name." always_null          blocked; the null address, as Belisha itself answers by default
    local-zone: "name." always_transparent   an exception
    local-data: "name. A 0.0.0.0"            the name alone is blocked: what has data has no other types
    local-data: "name. A 192.0.2.1"          the name alone is answered with records

A zone of another type (`always_refuse` and so on) blocks as well, and is not written: how a name is
blocked is for the policy to say, and an answer of a rule's own would not read back as one. Unbound lets
the most specific zone win; an exception above a block would be overruled, and is a loss.
"""

from __future__ import annotations

from typing import Final

from resolver.dns import rdata, registry
from resolver.dns.names import to_text
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    name_of,
)
from resolver.rules.side import ALLOW, APEX, BLOCK, BOTH, SideRule
from resolver.rules.writers.writer import Writer

_BLOCK: Final = 'local-zone: "{}." always_null'
_ALLOW: Final = 'local-zone: "{}." always_transparent'
_PLAIN: Final = {BLOCK: _BLOCK, ALLOW: _ALLOW}


def _side(rule: SideRule) -> list[str]:
    """What is said of every name, and answers with records.

    Quotes within the quotes of `local-data` are read differently from version to version, so a record that
    needs any is a loss.
    """
    if rule.reach == BOTH and not rule.key and rule.action in _PLAIN:
        return [_PLAIN[rule.action].format("")]
    if rule.reach != APEX or rule.answer is None:
        return []
    name = to_text(name_of(rule.key))
    ttl = f"{rule.answer.ttl} " if rule.answer.ttl else ""
    lines = []
    for record in rule.answer.records:
        words = rdata.to_words(record.rtype, record.rdata)
        if words is None or any(set(word) & set("\"'\\") for word in words):
            return []
        lines.append(f'local-data: "{name}. {ttl}{registry.type_name(record.rtype)} {" ".join(words)}"')
    return lines


UNBOUND: Final = Writer(
    "unbound",
    "#",
    {BLOCK_APEX: ('local-data: "{}. A 0.0.0.0"',), BLOCK_BOTH: (_BLOCK,), ALLOW_BOTH: (_ALLOW,)},
    (
        (BLOCK_BELOW, "A local zone covers a name and all below it; it cannot leave the name itself out."),
        (ALLOW_APEX, "A local zone allows a name and all below it; it cannot allow the name alone."),
        (ALLOW_BOTH, "A local zone allows a name and all below it; it cannot leave the name itself out."),
    ),
    _side,
    "Local zones and data know names and records; no conditions, no expressions, no answers without records.",
    head=("server:",),
    single=True,
    closest=True,
)
