"""Pi-hole's regular expressions, one on each line, with its extensions behind semicolons.

    ^ads[0-9]+\\.;querytype=A,HTTPS    only for questions of these types; `!A`: of all but these
    \\.example$;invert                 for names in which it is not found
    ^track\\.;reply=nxdomain           answered so: nodata, nxdomain, refused, none (not at all), ip (as
                                      blocked names are), or an address, one of each family

Several may stand on one line. An address needs a list that is trusted with rewrites; one that leads nowhere
is a block. **An extension that is not known voids the rule**: it could be what narrows it. Pi-hole docs,
"Regex extensions". TRE's back-references and approximate matching are refused with their expressions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from resolver.dns import rdata, registry
from resolver.rules.expressions.automaton import Allowance, check
from resolver.rules.formats.local_data import is_sink
from resolver.rules.formats.regex import Check, read_bare
from resolver.rules.lines import COMMENT, NO_OPTIONS, Item, LineReader, Options, Skip
from resolver.rules.side import ANSWER, BLOCK, Answer, Record, SideRule

_REPLIES: Final[Mapping[str, Answer | None]] = {
    "nodata": Answer(),
    "nxdomain": Answer(rcode=registry.NXDOMAIN),
    "refused": Answer(rcode=registry.REFUSED),
    "none": Answer(silent=True),
    "ip": None,
}
"""Keyword of `;reply=` -> the answer; None: as blocked names are answered."""

_UNKNOWN: Final = Skip("invalid", "regex-extension")


def make(options: Options) -> LineReader:
    """The reader of one list: all its lines share an allowance."""
    usable = Allowance().check
    return LineReader(lambda line: read(line, options, usable))


def read(line: str, options: Options = NO_OPTIONS, usable: Check = check) -> Sequence[Item]:
    """One line of a list of Pi-hole's."""
    if line.startswith("#"):
        return COMMENT
    text, *extensions = [part.strip() for part in line.split(";")]
    rule = read_bare(text, BLOCK, usable)
    if isinstance(rule, Skip):
        return [rule]
    return [_extended(rule, extensions, options)]


def _extended(rule: SideRule, extensions: Sequence[str], options: Options) -> Item:
    """The rule with its extensions, or why it is void."""
    replies: list[str] = []
    for extension in extensions:
        name, _, value = extension.lower().partition("=")
        if name == "querytype":
            types = _types(value)
            if types is None:
                return _UNKNOWN
            rule = msgspec.structs.replace(rule, types=types[0], not_types=types[1])
        elif name == "reply":
            replies.append(value)
        elif extension.lower() == "invert":
            rule = msgspec.structs.replace(rule, invert=True)
        else:
            return _UNKNOWN
    return _replied(rule, replies, options) if replies else rule


def _types(value: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The types that are asked for and those that are not; None if one of them is no type."""
    wanted: dict[bool, set[int]] = {True: set(), False: set()}
    for word in value.split(","):
        name = word.strip()
        number = registry.type_number(name.removeprefix("!"))
        if number is None:
            return None
        wanted[not name.startswith("!")].add(number)
    return tuple(sorted(wanted[True])), tuple(sorted(wanted[False]))


def _replied(rule: SideRule, replies: Sequence[str], options: Options) -> Item:
    """The rule with its replies: one keyword, or addresses."""
    if replies[0] in _REPLIES:
        answer = _REPLIES[replies[0]]
        if len(set(replies)) > 1:
            return _UNKNOWN
        return rule if answer is None else msgspec.structs.replace(rule, action=ANSWER, answer=answer)
    records = [_record(reply) for reply in replies]
    found = sorted({record for record in records if record is not None}, key=lambda one: one.rtype)
    if None in records or len({record.rtype for record in found}) < len(found):
        return _UNKNOWN
    if all(map(is_sink, found)):
        return rule
    if not options.rewrites:
        return Skip("unenforceable", "rewrite-not-trusted")
    return msgspec.structs.replace(rule, action=ANSWER, answer=Answer(records=tuple(found)))


def _record(text: str) -> Record | None:
    """The record of an address; None if it is none."""
    for rtype in (registry.A, registry.AAAA):
        octets = rdata.from_words(rtype, [text])
        if octets is not None:
            return Record(rtype, octets)
    return None
