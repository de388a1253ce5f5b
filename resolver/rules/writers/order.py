"""Would another order of precedence give another verdict? A sound and simple check, for conversions.

Here an allow rule wins at any depth, then an answer, then a block. In a response policy zone, in dnsmasq
and in Unbound the most specific rule wins, whatever it says. The two agree on every name unless

    a weaker rule lies below a stronger one that reaches down to it        (allow a, block x.a)
    two rules of unlike strength speak of one name in the same reach

where an answer is as strong as another answer, and unlike it. Such a rule is a *clash*. Conditions are not
weighed: two rules that no question ever meets together may be called a clash, but a clash is never missed.

Rules that no name leads to stand above all names (an expression, every name); in a policy zone those of
clients stand before the names, and those of answers' addresses by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from resolver.rules.below import above
from resolver.rules.model import ALLOW_APEX, ALLOW_BOTH, BLOCK_BOTH, FLAGS_MASK, Content
from resolver.rules.side import ALLOW, ANSWER, APEX, BELOW, BLOCK, CANCEL, SideRule

_STRENGTH: Final = {BLOCK: 1, ANSWER: 2, CANCEL: 2, ALLOW: 3}
_ANSWERS: Final = 2


class Clash(NamedTuple):
    """A rule about which two orders may differ: the key of a plain one, or the side rule."""

    rule: bytes | SideRule
    same_name: bool


class _Said(NamedTuple):
    """One rule as the check sees it."""

    rule: bytes | SideRule
    key: bytes
    reach: int
    strength: int


def clashes(content: Content, *, twice: bool, order: bool) -> Iterator[Clash]:
    """The rules that clash.

    twice  a notation takes part in which a name has one rule only: two rules of one name are compared
    order  the order changes: rules that lie above each other are compared as well
    """
    if not (twice or order):
        return
    strong: dict[bytes, list[_Said]] = {}
    for rule in _strong(content):
        strong.setdefault(rule.key, []).append(rule)
    if strong:  # else there are only blocks, and whichever wins says the same
        for one in _all(content):
            same = any(_differ(one, other, one.reach) for other in strong.get(one.key, ()))
            if same or (order and _is_overruled(one, strong)):
                yield Clash(one.rule, same)
    if order:
        elsewhere = [rule.strength for rules in strong.values() for rule in rules]
        yield from (Clash(rule, False) for rule in _apart(content.sides, elsewhere))


def _is_overruled(one: _Said, strong: dict[bytes, list[_Said]]) -> bool:
    """Whether a rule above this one says something else that is as strong, or stronger."""
    if not one.key:
        return False
    upwards = (*above(one.key), b"") if b"" in strong else above(one.key)
    return any(_differ(one, other, BELOW) for key in upwards for other in strong.get(key, ()))


def _differ(one: _Said, other: _Said, reach: int) -> bool:
    """Whether the other, where it reaches, is not the same rule and not weaker."""
    if one.rule is other.rule and one.strength == other.strength:
        return False
    stronger = other.strength > one.strength or one.strength == other.strength == _ANSWERS
    return stronger and bool(other.reach & reach)


def _strong(content: Content) -> Iterator[_Said]:
    """What is stronger than a block, and stands at a name or above all."""
    for key, value in content.names.items():
        if value & ALLOW_BOTH:
            yield _Said(key, key, (value & ALLOW_BOTH) // ALLOW_APEX, _STRENGTH[ALLOW])
    yield from (one for one in _sides(content) if one.strength > 1)


def _all(content: Content) -> Iterator[_Said]:
    """Every rule that stands at a name or above all; a name that is blocked and allowed twice."""
    for key, value in content.names.items():
        if value & BLOCK_BOTH:
            yield _Said(key, key, value & BLOCK_BOTH & FLAGS_MASK, _STRENGTH[BLOCK])
        if value & ALLOW_BOTH:
            yield _Said(key, key, (value & ALLOW_BOTH) // ALLOW_APEX, _STRENGTH[ALLOW])
    yield from _sides(content)


def _sides(content: Content) -> Iterator[_Said]:
    """The side rules of names."""
    for rule in content.sides:
        if not _is_apart(rule):
            reach = rule.reach if rule.key else APEX | BELOW
            yield _Said(rule, rule.key, reach, _STRENGTH[rule.action])


def _is_apart(rule: SideRule) -> bool:
    """Whether a policy zone would weigh the rule apart from names: by the client, by the answer."""
    return not rule.key and bool(rule.clients or rule.addresses)


def _apart(sides: Iterable[SideRule], elsewhere: list[int]) -> Iterator[SideRule]:
    """Of the rules for clients, which come before all names, those that something stronger contradicts; and
    of those for answers, which are asked when no name decided, those that another of them does."""
    apart = [rule for rule in sides if _is_apart(rule)]
    of_clients = [rule for rule in apart if not rule.addresses]
    yield from _contradicted(of_clients, elsewhere)
    yield from _contradicted([rule for rule in apart if rule.addresses], [])


def _contradicted(group: Sequence[SideRule], others: list[int]) -> Iterator[SideRule]:
    """Those of a group to which another of it, or of the others, is stronger, or another answer."""
    strengths = [_STRENGTH[rule.action] for rule in group] + others
    for rule in group:
        own = _STRENGTH[rule.action]
        if max(strengths) > own or (own == _ANSWERS and strengths.count(own) > 1):
            yield rule
