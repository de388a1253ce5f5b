"""Side rules: what a list can say beyond "this name": expressions, conditions, answers of its own.

A side rule applies to a question when all of this holds:

    the name     is `key`'s own name (reach APEX) or below it (reach BELOW), or `expression` is found
                 in it; the empty key is the root, and with reach BOTH every name. `invert` turns an
                 expression round
    outside      the name is neither one of these names nor below one
    the type     is one of `types`, if there are any, and none of `not_types`
    the client   has an address in, or a name of, `clients` (if any), and none of `not_clients`;
                 the same for `tags` and `not_tags`
    addresses    if there are any: the rule is asked of an answer, not of a question, and applies when
                 the answer holds an address in one of these networks (RPZ-IP). Such a rule has no key and
                 no expression

What it then does is its `action`. This module defines and orders side rules; who wins among several is
said in `resolver.policy.decide`. Values only, JSON- and MessagePack-ready, hashable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

APEX: Final = 1
"""Reach: the name itself."""
BELOW: Final = 2
"""Reach: every name below it."""
BOTH: Final = APEX | BELOW

BLOCK: Final = 1
"""Action: blocked, and answered as the policy answers blocked names."""
ALLOW: Final = 2
"""Action: allowed, whatever blocks it."""
ANSWER: Final = 3
"""Action: answered as `SideRule.answer` says."""
CANCEL: Final = 4
"""Action: takes back ANSWER rules, those with the same `answer` or, where it is None, all of them; important
ones only if it is important itself."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One record of an answer: type, and RDATA on the wire, names uncompressed and lower-cased.

    A CNAME whose target begins with the label `*` stands for the qname in its place (RPZ).
    """

    rtype: int
    rdata: bytes


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a rule answers in place of the internet.

    rcode     NOERROR without a record of the type asked is NODATA
    records   those of the type asked are given; a CNAME is given for every type, and its target resolved
    ttl       seconds; 0: as the policy says
    silent    no answer at all (RPZ: DROP)
    by_tcp    over UDP only TC=1, over TCP as if there were no rule (RPZ: TCP-ONLY)
    """

    rcode: int = 0
    records: tuple[Record, ...] = ()
    ttl: int = 0
    silent: bool = False
    by_tcp: bool = False


class SideRule(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One side rule; see the module for what each field asks. `line` is where the list says so (0: nowhere).

    key          index key (`resolver.rules.model.key_of`), b"" for every name
    expression   in the notation of `resolver.rules.expressions.syntax`; then `key` is b"" and `reach` BOTH
    types        RR types
    clients      networks in CIDR notation (`192.0.2.7/32`), or names of clients
    outside      index keys
    addresses    networks in CIDR notation
    important    beats every rule that is not important, allow rules included
    """

    action: int
    key: bytes = b""
    reach: int = BOTH
    expression: str = ""
    invert: bool = False
    important: bool = False
    types: tuple[int, ...] = ()
    not_types: tuple[int, ...] = ()
    clients: tuple[str, ...] = ()
    not_clients: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    outside: tuple[bytes, ...] = ()
    addresses: tuple[str, ...] = ()
    answer: Answer | None = None
    line: int = 0

    @property
    def for_some(self) -> bool:
        """Whether it depends on who asks."""
        return bool(self.clients or self.not_clients or self.tags or self.not_tags)

    @property
    def everywhere(self) -> bool:
        """Whether no key leads to it: it must be asked for every name (or every answer)."""
        return not self.key


_ENCODE: Final = msgspec.msgpack.Encoder().encode


def meaning(rule: SideRule) -> bytes:
    """The rule as octets, its line left out: equal for rules that mean the same, and their order."""
    return _ENCODE(msgspec.structs.replace(rule, line=0))


def canonical(rules: Iterable[SideRule]) -> tuple[SideRule, ...]:
    """Each rule once, in the order of their meaning; of equal ones that with the smallest line stays."""
    first: dict[bytes, SideRule] = {}
    for rule in rules:
        octets = meaning(rule)
        standing = first.get(octets)
        if standing is None or rule.line < standing.line:
            first[octets] = rule
    return tuple(first[octets] for octets in sorted(first))
