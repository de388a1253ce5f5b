"""hosts, plain names, wildcards: notations of names only.

    hosts      0.0.0.0 name          the name alone; another address where the rule answers with it
    domains    name                  the name alone
    wildcard   *.name  =name         the name and all below; the name alone. `=`, because dnscrypt-proxy would
                                     take a bare name for all below as well; who does not know it refuses it
               ads.*  *ads*  a?b     expressions that are masks; others between slashes, as blocky has them

None of them can allow, and none has conditions. What peers make of a bare name differs (docs/lists.md); here
it is the name alone, as in AdGuard Home and Pi-hole.
"""

from __future__ import annotations

import re
from typing import Final

from resolver.dns import rdata
from resolver.dns.names import to_text
from resolver.rules.expressions.masks import from_glob
from resolver.rules.model import ALLOW_BOTH, BLOCK_APEX, BLOCK_BELOW, BLOCK_BOTH, name_of
from resolver.rules.side import ANSWER, SideRule
from resolver.rules.writers.writer import Writer

_NO_ALLOW: Final = (ALLOW_BOTH, "The notation has no exceptions; it can only block.")
_NO_BELOW: Final = (BLOCK_BELOW, "The notation speaks of a name alone, not of the names below it.")
_ONLY_NAMES: Final = "The notation knows plain names only: no conditions, expressions or answers."


def _no_side(rule: SideRule) -> list[str]:
    """No form for any."""
    return []


def _hosts_side(rule: SideRule) -> list[str]:
    """An answer with addresses; what is none does not read back."""
    if rule.action != ANSWER or rule.answer is None:
        return []
    name = to_text(name_of(rule.key))
    written = (rdata.to_words(record.rtype, record.rdata) or [""] for record in rule.answer.records)
    return [f"{words[0]} {name}" for words in written]


def _wildcard_side(rule: SideRule) -> list[str]:
    """Every name, and expressions, as masks if they are such."""
    if rule.key:
        return []
    if not rule.expression:
        return ["*"]
    mask = _mask(rule.expression)
    return [mask if from_glob(mask) == rule.expression else f"/{rule.expression}/"]


_PIECES: Final = re.compile(r"\\(.)|\.(\*)|(\.)|(.)", re.S)


def _mask(expression: str) -> str:
    """The mask that an expression may have been (`resolver.rules.expressions.masks`)."""
    inner = expression.removeprefix("^").removesuffix("$")
    body = "".join(
        escaped or star or ("?" if dot else other) for escaped, star, dot, other in _PIECES.findall(inner)
    )
    start = "" if expression.startswith("^") else "*"
    return start + body + ("" if expression.endswith("$") else "*")


HOSTS: Final = Writer(
    "hosts", "#", {BLOCK_APEX: ("0.0.0.0 {}",)}, (_NO_ALLOW, _NO_BELOW), _hosts_side,
    "A hosts line blocks a name, or answers it with an address; it says nothing else.", single=True,
)  # fmt: skip

DOMAINS: Final = Writer("domains", "#", {BLOCK_APEX: ("{}",)}, (_NO_ALLOW, _NO_BELOW), _no_side, _ONLY_NAMES)

WILDCARD: Final = Writer(
    "wildcard", "#", {BLOCK_APEX: ("={}",), BLOCK_BOTH: ("*.{}",)},
    (_NO_ALLOW, (BLOCK_BELOW, "`*.name` covers the name as well; nothing covers only what is below it.")),
    _wildcard_side, "The notation knows names and expressions that block; no conditions or answers.",
)  # fmt: skip
