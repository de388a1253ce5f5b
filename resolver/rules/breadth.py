"""How much of the net an expression finds: what the guard asks of rules that no name bounds.

What an expression finds cannot be counted, but it can be tried. Three questions, each with an answer that
can be explained to whoever wrote it:

    suffix     Is there a public suffix under which it finds every one of some unlike names? Then it finds
               what is below that suffix whatever stands before it: `\\.zip$` does, `^ads\\.` does not. A word
               that happens to be a suffix (`casino`) is not aimed at it, since it is found elsewhere in names
               too; that excuse does not hold for the largest suffixes
    too much   Does it find more than one in eight of some hundred ordinary names? `.*`, `^[a-z]` and
               `^www\\.` do, and so does nearly every inverted expression
    protected  Does it find a protected name, or a name with `www` before one where all below is protected?

The expressions of a list are tried all at once, by the matcher that will answer for them. What every list
is tried on is fixed, so that the same list is always judged alike. Pure; nothing here decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from typing import Final, NamedTuple

from resolver.dns.names import from_host
from resolver.rules.expressions.automaton import Matcher, build
from resolver.rules.expressions.subject import subject_of
from resolver.rules.model import key_of, name_of
from resolver.rules.side import SideRule

UNLIKE: Final = (b"qxjkv", b"7", b"h-y", b"zu0w", b"mm", b"o3e-9t8s7c", b"bidfgplnra", b"_")
"""Labels with nothing in common. An expression that finds all of them below a suffix looks at none."""

_WORDS: Final = ("garden", "river7", "my-school", "www.blue", "www.library", "m.train2go", "4weather", "x")
_SUFFIXES: Final = (
    *("com", "net", "org", "info", "edu", "io", "app", "dev", "tv", "eu", "uk", "co.uk", "org.uk"),
    *("de", "fr", "nl", "it", "es", "pl", "ca", "com.au", "co.jp", "com.br", "in"),
)
_LARGEST: Final = frozenset(
    key_of(from_host(name))
    for name in (
        *_SUFFIXES,
        *("biz", "gov", "mil", "int", "me.uk", "ac.uk", "sch.uk", "ltd.uk", "co.nz", "co.za", "co.in"),
        *("github.io", "blogspot.com", "amazonaws.com", "cloudfront.net", "azurewebsites.net", "web.app"),
        *("herokuapp.com", "pages.dev", "workers.dev", "netlify.app", "vercel.app", "firebaseapp.com"),
    )
)
"""Suffixes that must not be covered even by chance; all country codes besides."""

ORDINARY: Final = tuple(subject_of(from_host(f"{word}.{suffix}")) for word in _WORDS for suffix in _SUFFIXES)
"""Names of the shapes that most names have, under suffixes that most names have."""

_COUNTRY: Final = 3
"""Octets of the key of a country code: two letters and their number."""

MOST: Final = len(ORDINARY) // len(_WORDS)
"""How many of the ordinary names an expression may find: one of the shapes, that is one in eight."""


class Breadth(NamedTuple):
    """What an expression finds: all below a suffix, more than its share of all names, a protected name."""

    suffix: bytes | None = None
    too_much: bool = False
    protected: bytes | None = None


def breadths(
    rules: Sequence[SideRule], suffixes: Set[bytes], protected: Set[bytes], protected_below: Set[bytes]
) -> list[Breadth]:
    """The breadth of each of these rules, all of which have an expression. Names are index keys."""
    if not rules:
        return []
    tried = _Trial(rules)
    ordinary = Counter(place for subject in ORDINARY for place in tried.found(subject))
    whole = tried.first(_wholly(tried, sorted(suffixes, key=_order)))
    named = tried.first(
        (key, tried.found(subject))
        for key in sorted(protected, key=_order)
        for subject in _forms(key, below=key in protected_below)
    )
    return [
        Breadth(whole.get(place), ordinary[place] > MOST, named.get(place)) for place in range(len(rules))
    ]


class _Trial:
    """Some rules with expressions, and the trying of names on all of them."""

    def __init__(self, rules: Sequence[SideRule]) -> None:
        self._find = Matcher(build([rule.expression for rule in rules])).find
        self._inverted = frozenset(place for place, rule in enumerate(rules) if rule.invert)

    def found(self, subject: bytes) -> frozenset[int]:
        """The places of the rules that speak of this name."""
        return self._inverted.symmetric_difference(self._find(subject))

    @staticmethod
    def first(found: Iterable[tuple[bytes, frozenset[int]]]) -> dict[int, bytes]:
        """For each rule the first of these names that it was found for."""
        first: dict[int, bytes] = {}
        for key, places in found:
            for place in places:
                first.setdefault(place, key)
        return first


def _wholly(tried: _Trial, suffixes: Iterable[bytes]) -> Iterable[tuple[bytes, frozenset[int]]]:
    """Each suffix with the rules that find every unlike name below it."""
    for key in suffixes:
        end = b"." + subject_of(name_of(key))
        places = tried.found(UNLIKE[0] + end)
        for label in UNLIKE[1:]:
            if not places:
                break
            places &= tried.found(label + end)
        if places and key not in _LARGEST and len(key) != _COUNTRY:
            # Elsewhere in a name the suffix is but a word: what finds it there as well looks for the word.
            inside = end[1:] + b"." + UNLIKE[0]
            places -= tried.found(inside) | tried.found(UNLIKE[0] + b"." + inside)
        if places:
            yield key, places


def _forms(key: bytes, *, below: bool) -> Iterable[bytes]:
    """The subjects that stand for a protected name."""
    subject = subject_of(name_of(key))
    return (subject, b"www." + subject) if below else (subject,)


def _order(key: bytes) -> tuple[int, bytes]:
    """The shortest first: what an expression covers is then told by its widest name."""
    return len(key), key
