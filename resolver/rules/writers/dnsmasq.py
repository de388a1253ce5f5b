"""dnsmasq: a name and all below it, or with `*.` only what is below.

    local=/name/         blocked: dnsmasq answers from its own data, and has none
    server=/name/#       an exception: the usual upstreams
    /*.name/ /*name/ /#/ below only; names with this end; every name

An answer with an address is not written: from 2.86 on dnsmasq leaves the other types of such a name to the
internet. dnsmasq lets the most specific name win: an exception above a block would be overruled, and is
a loss.
"""

from __future__ import annotations

import re
from typing import Final

from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
)
from resolver.rules.side import ALLOW, BLOCK, SideRule
from resolver.rules.writers.writer import Writer

_BLOCK: Final = "local=/{}/"
_ALLOW: Final = "server=/{}/#"
_PLAIN: Final = {BLOCK: _BLOCK, ALLOW: _ALLOW}


def _side(rule: SideRule) -> list[str]:
    """What is said of every name, or of names with the same end.

    `/*name/` matches in the middle of a label, too: just what an expression with an end and no start does.
    """
    form = _PLAIN.get(rule.action)
    place = _END_OF(rule.expression) if rule.expression else None
    if form is None or rule.key or (rule.expression and not place):
        return []
    return [form.format("*" + place[1].replace("\\.", ".") if place else "#")]


_END_OF: Final = re.compile(r"((?:[a-z0-9_-]|\\\.)+)\$").fullmatch


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
    single=True,
    closest=True,
)
