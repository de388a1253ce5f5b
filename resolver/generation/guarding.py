"""Where the guard of the lists gets its data: public suffixes and protected names, read once.

    public suffixes   publicsuffix.org, as the package `publicsuffixlist` ships it. Only its data file is
                      used: the guard wants names by their keys, not questions about single names
    protected names   `protected.names` of the shipped lists; see there for what is in it and why

Both take some 50 ms together and are kept for the life of the process; what one list's owner lets
through is laid over them. An installation that lacks either has no guard, and must say so rather than
obey every rule: `load_guard` raises StoreError. This module must not know what a guard does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Final

import publicsuffixlist

from resolver.dns.names import from_host
from resolver.errors import BelishaError, StoreError
from resolver.rules.below import above
from resolver.rules.guard import Guard
from resolver.rules.model import key_of
from resolver.shipped import lists_folder

PROTECTED: Final = "protected.names"
"""The file of the shipped lists; no `*.txt`, as those are put in force at the first start."""


_PLAIN: Final = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,30}").fullmatch


def load_guard(unguarded: Sequence[str] = ()) -> Guard:
    """The guard for a list whose owner lets these names through (`.` is the root).

    Raises StoreError when the data is missing or broken, WireError for what is no name.
    """
    guard = _data()
    if not unguarded:
        return guard
    return guard._replace(unguarded=frozenset(key_of(from_host(name)) for name in unguarded))


@cache
def _data() -> Guard:
    """The guard of a list that is let nothing through."""
    try:
        file = resources.files(publicsuffixlist) / "public_suffix_list.dat"
        guard = read_suffixes(file.read_text("utf-8"))
        names = (lists_folder() / PROTECTED).read_text("utf-8")
        protected, below = read_protected(names)
    except (OSError, UnicodeDecodeError, BelishaError) as error:
        raise StoreError(
            f"the guard's data cannot be read ({error}), so no list is taken; install Belisha again"
        ) from error
    return guard._replace(protected=protected, protected_below=below)


def read_suffixes(text: str) -> Guard:
    """A guard of public suffixes alone, from the list's own notation (publicsuffix.org/list).

    One rule a line up to the first blank: a name; `*.name`, all of whose children are suffixes; or `!name`,
    which takes one of those out. Comments begin with `//`. Raises WireError for a rule that is no name.
    """
    suffixes: set[bytes] = set()
    wild: set[bytes] = set()
    exceptions: set[bytes] = set()
    for line in text.splitlines():
        word = line.partition(" ")[0]
        if not word or word.startswith("//"):
            continue
        if word.startswith("*."):
            wild.add(_key(word[2:]))
        elif word.startswith("!"):
            exceptions.add(_key(word[1:]))
        else:
            suffixes.add(_key(word))
    # A name above a suffix covers it: `amazonaws.com` covers `s3.amazonaws.com`. So does one above children
    # that are suffixes, itself included.
    for key in (*suffixes, *wild):
        for higher in above(key):
            if higher in suffixes and higher not in wild:
                break  # it was, or will be, walked up by itself
            suffixes.add(higher)
    return Guard(frozenset(suffixes | wild), frozenset(wild), frozenset(exceptions))


def read_protected(text: str) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Names that are protected, and those of them below which all is (`*.name`). Raises WireError."""
    exact: set[bytes] = set()
    below: set[bytes] = set()
    for name in _words(text):
        if name.startswith("*."):
            below.add(_key(name[2:]))
        else:
            exact.add(_key(name))
    return frozenset(exact | below), frozenset(below)


def _words(text: str) -> Iterable[str]:
    """What stands on each line before a comment."""
    return filter(None, (line.partition("#")[0].strip() for line in text.splitlines()))


def _key(name: str) -> bytes:
    """The index key of a name. Nearly all are plain and need no more than this."""
    if not _PLAIN(name):
        return key_of(from_host(name))
    return b"".join(label[::-1] + bytes((len(label),)) for label in reversed(name.encode().split(b".")))
