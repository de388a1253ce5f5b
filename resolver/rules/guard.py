"""The guard: rules that would take too much off the net are held back and reported, never obeyed.

A list is written by others and pushed by a machine; `com` in it is a slip of the pen or an attack, and
obeying it blacks out a country (Denmark, 2012). So the guard looks at every list after it was read, and
takes out what covers

    the root             every name there is
    a single label       whatever it reaches: `com` has no business of its own in a list
    a public suffix      under which unlike people have names (`co.uk`, `github.io`), or a name above one,
                         when the rule reaches below it. A rule for the name alone takes one name, and passes
    a protected name     a helpline, or what machines need to keep time and stay mended; also each name below
                         where all below is protected. Allow rules may speak of those, the others not
    too much             an expression that finds most names (`resolver.rules.breadth`)

Allow rules are looked at as well: one on `com` would switch the protection off.

Conditions do not help: a rule on `co.uk` for one type of record, or one group of people, is held back like
another. Two are different in kind. A rule on every name that is limited to clients, each named or in one
subnet (/24, /64), is how a device is put in quarantine (RPZ-CLIENT-IP); nobody writes it by a slip. A rule
on the addresses of answers (RPZ-IP) is measured by its addresses.

Whoever owns a list may let names through: rules at those names are obeyed, and a protected name among
them is protected no longer, for this list. A rule above a protected name passes only when that name is let
through as well: who blocks `uk` on purpose still has to say it of a helpline.

Pure: suffixes and protected names come in as a `Guard`. The plain names of a list are never walked: the
guard's own names are looked up among them, and what lies below some of those is found by bisection.
This module must not know where the data comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple

from resolver.dns.names import to_text
from resolver.rules.below import above, children, is_single, lies_under, parent, run
from resolver.rules.breadth import Breadth, breadths
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BOTH,
    BLOCK_BOTH,
    FLAGS_MASK,
    LINE_SHIFT,
    Content,
    name_of,
)
from resolver.rules.networks import network_of
from resolver.rules.render import render_rule, render_side
from resolver.rules.side import ALLOW, ANSWER, APEX, BELOW, BLOCK, SideRule


class Guard(NamedTuple):
    """What must not be covered, as index keys.

    suffixes         public suffixes, and every name above one
    wild             names whose every child is a public suffix (`*.ck` of the list)
    exceptions       children of those that are none (`!www.ck`)
    protected        names that nothing but an allow rule may speak of
    protected_below  those of them under which all is protected as well
    unguarded        names that the list's owner lets through; the root stands for what covers nearly all
    """

    suffixes: frozenset[bytes] = frozenset()
    wild: frozenset[bytes] = frozenset()
    exceptions: frozenset[bytes] = frozenset()
    protected: frozenset[bytes] = frozenset()
    protected_below: frozenset[bytes] = frozenset()
    unguarded: frozenset[bytes] = frozenset()


class Held(NamedTuple):
    """A rule that was held back: its line (0: none), a code of `GUARD_CODES`, the key of the name to let
    through if it shall be obeyed, and the rule. There may be a million, so texts are made when read."""

    line: int
    code: str
    key: bytes
    rule: SideRule | tuple[bytes, int]

    @property
    def text(self) -> str:
        """The rule in adblock notation."""
        if isinstance(self.rule, SideRule):
            return render_side(self.rule)
        return " ".join(render_rule(*self.rule))

    @property
    def covers(self) -> str:
        """The name to let through."""
        return to_text(name_of(self.key))


class _Finding(NamedTuple):
    """Why a rule is held back: a code, and the key of the name to let through."""

    code: str
    key: bytes


PLAIN: Final = Guard()
"""The guard that needs no data: the root and single labels."""

_MOST_CLIENTS: Final = {4: 24, 6: 64}
"""IP version -> the shortest prefix of a client's network that still counts as one subnet."""
_MOST_ADDRESSES: Final = {4: 8, 6: 16}
"""IP version -> the shortest prefix of public addresses that a rule on answers may cover."""


def hold_back(
    content: Content,
    guard: Guard = PLAIN,
    keys: Sequence[bytes] | None = None,
    singles: Iterable[bytes] | None = None,
) -> tuple[Content, list[Held]]:
    """The content without the rules that the guard holds back, and those, in the order of their lines.

    The names are changed in place. Whoever knows them already hands in their `keys` in ascending order,
    and the `singles` among them, which spares sorting and searching a million names.
    """
    names = content.names
    judge = _Judge(guard)
    keys = sorted(names) if keys is None else keys
    singles = filter(is_single, names) if singles is None else singles
    held: list[Held] = []
    for key in sorted({*singles, *_suspects(names.keys(), keys, guard)} & names.keys()):
        held += _plain(names, key, judge)
    sides: list[SideRule] = []
    for rule, finding in _sides(content.sides, judge):
        if finding is None:
            sides.append(rule)
        else:
            held.append(Held(rule.line, *finding, rule))
    held.sort(key=lambda one: one.line)
    return Content(names, tuple(sides), content.ordered), held


def _suspects(names: Iterable[bytes], keys: Sequence[bytes], guard: Guard) -> Iterator[bytes]:
    """The guard's own names, which may be among those of the list; and names of the list below them."""
    yield from guard.suffixes
    for name in guard.protected:
        yield name
        yield from above(name)
    for name in guard.wild:
        yield from children(keys, name)
    for name in guard.protected_below:
        start, end = run(keys, name)
        yield from keys[start:end]


def _plain(names: dict[bytes, int], key: bytes, judge: _Judge) -> Iterator[Held]:
    """Take the actions at this name that are held back out of the names."""
    value = names[key]
    flags = value & FLAGS_MASK
    for action, mine, reach in (
        (BLOCK, flags & BLOCK_BOTH, flags & BLOCK_BOTH),
        (ALLOW, flags & ALLOW_BOTH, (flags & ALLOW_BOTH) // ALLOW_APEX),
    ):
        finding = judge.name(key, reach, action) if mine else None
        if finding is None:
            continue
        yield Held(value >> LINE_SHIFT, *finding, (key, mine))
        flags &= ~mine
    if flags:
        names[key] = value & ~FLAGS_MASK | flags
    else:
        del names[key]


def _sides(rules: Sequence[SideRule], judge: _Judge) -> Iterator[tuple[SideRule, _Finding | None]]:
    """Each side rule with the reason why it is held back, if there is one."""
    measured = iter(judge.breadths([rule for rule in rules if rule.expression]))
    for rule in rules:
        if rule.expression:
            yield rule, judge.expression(rule, next(measured))
        elif rule.everywhere and _is_narrow(rule):
            yield rule, None
        else:
            yield rule, judge.name(rule.key, rule.reach, rule.action, rule.outside)


def _is_narrow(rule: SideRule) -> bool:
    """Whether a rule on every name is limited to a few addresses, or to clients that are each named."""
    if rule.addresses:
        return all(map(_is_few, rule.addresses))
    return bool(rule.clients) and all(map(_is_subnet, rule.clients))


def _is_subnet(client: str) -> bool:
    """Whether this is one client, by its name or address, or one subnet."""
    network = network_of(client)
    return network is None or network.prefix >= _MOST_CLIENTS[network.version]


def _is_few(addresses: str) -> bool:
    """Whether this network is a small part of the internet, or none of it (private, multicast, reserved)."""
    network = network_of(addresses)
    if network is None:
        return True
    # Not of the text: all of IPv4 in IPv6 clothes (::ffff:0:0/96) is private to the library.
    whole = (IPv4Network if network.version == 4 else IPv6Network)((network.first, network.prefix))
    apart = whole.is_private or whole.is_multicast or whole.is_reserved
    return apart or network.prefix >= _MOST_ADDRESSES[network.version]


class _Judge:
    """The guard, laid out for looking: what a rule at a name, or an expression, is held back for."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._let_through = guard.unguarded
        self._protected = guard.protected - guard.unguarded
        self._below = guard.protected_below - guard.unguarded
        self._beneath: dict[bytes, list[bytes]] = {}
        """Name -> the protected names below it."""
        for name in sorted(self._protected, key=lambda key: (len(key), key)):
            for higher in (*above(name), b""):
                self._beneath.setdefault(higher, []).append(name)

    def name(self, key: bytes, reach: int, action: int, outside: Sequence[bytes] = ()) -> _Finding | None:
        """Why a rule at this name that reaches so far is held back; None when it passes."""
        if key not in self._let_through:
            if not key:
                return _Finding("covers-root", key)
            if is_single(key):
                return _Finding("covers-top-level", key)
            if reach & BELOW and self._is_suffix(key):
                return _Finding("covers-suffix", key)
        if action in (BLOCK, ANSWER):
            covered = self._covered(key, reach, outside)
            if covered is not None:
                return _Finding("covers-protected", covered)
        return None

    def _is_suffix(self, key: bytes) -> bool:
        """Whether this is a public suffix, or lies above one."""
        guard = self._guard
        return key in guard.suffixes or (parent(key) in guard.wild and key not in guard.exceptions)

    def _covered(self, key: bytes, reach: int, outside: Sequence[bytes]) -> bytes | None:
        """The name to let through, if the rule speaks of a protected one."""
        if reach & APEX and key in self._protected:
            return key
        if reach & BELOW:
            for name in self._beneath.get(key, ()):
                if not any(lies_under(name, apart) for apart in outside):
                    return name
        if key in self._below:
            return key
        under = any(name in self._below for name in above(key))
        return key if under and key not in self._let_through else None

    def breadths(self, rules: Sequence[SideRule]) -> list[Breadth]:
        """How much each of these expressions finds."""
        through = self._let_through
        # Who lets a suffix through lets through what is below it as well: no expression can tell.
        suffixes = {
            key
            for key in (self._guard.suffixes if rules else ())
            if not (through and (key in through or any(name in through for name in above(key))))
        }
        return breadths(rules, suffixes, self._protected, self._below)

    def expression(self, rule: SideRule, found: Breadth) -> _Finding | None:
        """Why an expression is held back; None when it passes."""
        if found.too_much and b"" not in self._let_through:
            return _Finding("covers-too-much", b"")
        if found.suffix is not None and not found.too_much:
            code = "covers-top-level" if is_single(found.suffix) else "covers-suffix"
            return _Finding(code, found.suffix)
        if found.protected is not None and rule.action in (BLOCK, ANSWER):
            return _Finding("covers-protected", found.protected)
        return None
