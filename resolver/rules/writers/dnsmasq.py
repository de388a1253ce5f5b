"""dnsmasq: a name and all below it, or with `*.` only what is below.

    local=/name/         blocked: dnsmasq answers from its own data, and has none
    server=/name/#       an exception: the usual upstreams
    address=/name/IP     answered with an address

`local=` because it is the same in every version; `address=` with an address leaves other types open from
2.86 on. dnsmasq lets the most specific name win: an exception above a block would be overruled, and is
a loss.
"""

from __future__ import annotations

from typing import Final

from resolver.dns import rdata, registry
from resolver.dns.names import to_text
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    name_of,
)
from resolver.rules.side import ALLOW, ANSWER, BELOW, BLOCK, BOTH, SideRule
from resolver.rules.writers.writer import Writer

_BLOCK: Final = "local=/{}/"
_ALLOW: Final = "server=/{}/#"
_ANSWER: Final = "address=/{}/%s"


def _side(rule: SideRule) -> list[str]:
    """What is said of every name, and answers with an address."""
    place = _place(rule)
    if place is None:
        return []
    if rule.action in _PLAIN:
        return [_PLAIN[rule.action].format(place)]
    records = rule.answer.records if rule.action == ANSWER and rule.answer else ()
    lines = []
    for record in records:
        words = rdata.to_words(record.rtype, record.rdata) if record.rtype in _ADDRESSES else None
        lines += [_ANSWER.format(place) % words[0]] if words else []
    return lines if len(lines) == len(records) else []


_PLAIN: Final = {BLOCK: _BLOCK, ALLOW: _ALLOW}
_ADDRESSES: Final = (registry.A, registry.AAAA)


def _place(rule: SideRule) -> str | None:
    """What stands between the slashes."""
    if not rule.key:
        return None if rule.expression else "#"
    return {BOTH: "{}", BELOW: "*.{}"}.get(rule.reach, "").format(to_text(name_of(rule.key))) or None


DNSMASQ: Final = Writer(
    "dnsmasq",
    "#",
    {
        BLOCK_BOTH: (_BLOCK,),
        BLOCK_BELOW: (_BLOCK.format("*.{}"),),
        ALLOW_BOTH: (_ALLOW,),
        ALLOW_BELOW: (_ALLOW.format("*.{}"),),
    },
    (
        (BLOCK_APEX | ALLOW_APEX, "dnsmasq cannot speak of a name without what is below it."),
        (BLOCK_BOTH | ALLOW_BOTH, "dnsmasq has one option for a name; this one is blocked and allowed."),
    ),
    _side,
    "dnsmasq knows names and addresses only: no conditions, expressions or other answers.",
    closest=True,
)
