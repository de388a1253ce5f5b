"""unbound: `local-zone: "name." TYPE` covers the name and all below it; `local-data: "record"` one name.

The type of a zone decides: some answer in place of the internet (block), some let the question pass (an
exception inside a wider block). The most specific zone wins in unbound; here an allow rule wins at any
depth, which is the same for the form that lists use. Local data is read as in a zone file: an
address that leads nowhere blocks the name, another one is the answer if the list is trusted with rewrites.
In a `redirect` zone the data of the zone's name is that of all names below.

A zone with tags (`local-zone-tag`) is for those clients only whose networks carry one of them
(`access-control-tag`), which only the end of the list tells: `resolver.rules.formats.unbound_tags`. What
stands in a `view:` is for the clients of that view, who are not known here. Every other option is ignored
and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from resolver.dns import registry
from resolver.dns.names import Fault
from resolver.dns.zone_data import read_data, read_labels
from resolver.dns.zone_lines import Entry, ZoneLines, read_record
from resolver.rules.formats.local_data import LocalData, is_sink
from resolver.rules.formats.unbound_tags import Tags, Zones
from resolver.rules.formats.zone_names import as_skip
from resolver.rules.lines import (
    COMMENT,
    FAST_END,
    FAST_NAME,
    NO_OPTIONS,
    Item,
    Options,
    Rule,
    Skip,
    read_name,
)
from resolver.rules.model import ALLOW_BOTH, BLOCK_APEX, BLOCK_BOTH, key_of, name_of
from resolver.rules.side import APEX, BLOCK, BOTH, Record, SideRule

# What answers in place of the internet: with an error, with nothing, with a null address, with local data
# or not at all. How a blocked name is answered is the policy's to say.
BLOCK_TYPES: Final = frozenset(
    "always_nxdomain always_nodata always_refuse always_null always_deny refuse deny static redirect "
    "inform_redirect inform_deny".split()
)
# What answers so for one type of record, and lets others pass.
ONE_TYPE: Final[Mapping[str, int]] = {"block_a": registry.A, "block_aaaa": registry.AAAA}
# What lets the question pass, and may log it: the exception inside a wider zone.
ALLOW_TYPES: Final = frozenset(("always_transparent", "transparent", "inform"))
# Types of unbound that neither block nor allow a name by themselves.
OTHER_TYPES: Final = frozenset(("typetransparent", "nodefault", "noview", "ipset", "truncate"))
# Types whose local data answers for every name below the zone's, too.
_REDIRECTS: Final = frozenset(("redirect", "inform_redirect"))

FAST: Final = (
    rb'[ \t]*+local-zone:[ \t]*+"'
    + FAST_NAME
    + rb'\.?"[ \t]++(?:always_n(?:xdomain|ull|odata)|always_refuse|static|refuse|deny)'
    + FAST_END
)
FAST_FLAGS: Final = BLOCK_BOTH
FAST_DATA: Final = (
    rb'[ \t]*+local-data:[ \t]*+"'
    + FAST_NAME
    + rb"\.?[ \t]++(?:[0-9]{1,9}[ \t]++)?(?:IN[ \t]++)?"
    + rb'(?:A[ \t]++(?:0\.0\.0\.0|127\.0\.0\.1)|AAAA[ \t]++::1?)"'
    + FAST_END
)
FAST_DATA_FLAGS: Final = BLOCK_APEX

# Where such a word stands in a comment, a list is read more slowly, and rightly.
_LIMITED: Final = (re.compile(rb"view[ \t]*+:").search, re.compile(rb"local-zone-tag[ \t]*+:").search)

_CLAUSES: Final = frozenset(
    "server view rpz auth-zone forward-zone stub-zone remote-control python dynlib dnscrypt cachedb ipset "
    "dnstap redis".split()
)
_PER_CLIENT: Final = frozenset(
    ("local-zone-override", "access-control-tag-action", "access-control-tag-data")
)

_OPTION: Final = re.compile(r"([a-z][a-z0-9-]*)\s*:\s*(.*)", re.S).fullmatch
# unbound's own scanner takes words bare, in double or in single quotes.
_WORD: Final = re.compile(
    r'\s+|#.*+|"([^"]*)"(?!\S)|\'([^\']*)\'(?!\S)|([^\s"\'#][^\s"\']*+)(?!\S)', re.S
).match

_NOT_UNBOUND: Final = Skip("invalid", "not-unbound")


def fast_is_right(data: bytes) -> bool:
    """Whether every zone of this list is for everybody, which is what the fast patterns take it for."""
    return not any(search(data) for search in _LIMITED)


class UnboundReader:
    """The reading of one configuration."""

    def __init__(self, options: Options = NO_OPTIONS) -> None:
        self._rewrites: Final = options.rewrites
        self._clause = "server"
        self._zones = Zones()
        self._tags = Tags()
        self._data = LocalData()

    def read(self, line: str, number: int) -> Sequence[Item]:
        """See `Reader`."""
        if line.startswith("#"):
            return COMMENT
        option = _OPTION(line)
        if option is not None and option[1] in _CLAUSES:
            self._clause = option[1]
            if _split(option[2]) == []:
                return [Skip("ignored", "other-option")]
            option = _OPTION(option[2])  # `server: local-zone: …` on one line is usual, and legal
        if option is None:
            return [_NOT_UNBOUND]
        return self._read_option(option[1], _split(option[2]), number)

    def _read_option(self, word: str, words: list[str] | None, number: int) -> Sequence[Item]:
        """One option and the words behind it; None: they have no end."""
        if word in _CLAUSES:
            self._clause = word
            return [_NOT_UNBOUND]
        if word in _PER_CLIENT:
            return [Skip("unenforceable", "zone-override")]
        if word not in ("local-zone", "local-data", "local-zone-tag", "access-control-tag"):
            return [Skip("ignored", "other-option")]
        if self._clause == "view":
            return [Skip("unenforceable", "view-clause")]
        if words is None or len(words) != (1 if word == "local-data" else 2):
            return [_NOT_UNBOUND]
        if word == "local-data":
            return self._read_data(words[0], number)
        if word == "local-zone":
            return [self._read_zone(words[0], words[1].lower(), number)]
        fault = self._tags.add(word, words[0], words[1], number)
        return [fault] if fault else []

    def finish(self) -> Iterable[tuple[int, Item]]:
        """See `Reader`."""
        yield from self._tags.finish(self._zones)
        for line, item in self._data.finish():
            for said in self._place(item):
                yield line, said

    def _read_zone(self, name: str, zone_type: str, number: int) -> Item:
        """A name by the type of its zone."""
        item = _judge_zone(name, zone_type)
        if isinstance(item, Rule | SideRule):
            self._zones.add(item, number, redirects=zone_type in _REDIRECTS)
        return item

    def _read_data(self, text: str, number: int) -> Sequence[Item]:
        """A record; in unbound all its names are absolute."""
        entry = ZoneLines().take(text, number)
        record = read_record(entry) if isinstance(entry, Entry) else None
        if record is None or record.owner is None:
            return [_NOT_UNBOUND]
        rule = read_name(record.owner, BLOCK_APEX)
        if not isinstance(rule, Rule):
            return [rule]
        found = read_data(record.rtype, record.words, read_labels)
        if isinstance(found, Fault):
            return [as_skip(found)]
        data = Record(*found)
        if self._rewrites:
            when = SideRule(action=BLOCK, key=key_of(rule.wire), reach=APEX)
            fault = self._data.add(when, data, record.ttl or 0, number)
            return [fault] if fault else []
        if data.rtype not in (registry.A, registry.AAAA):
            return [Skip("unenforceable", "rewrite-not-trusted")]
        self._zones.add_blocked_data(rule)
        return [rule] if is_sink(data) else [rule, Skip("note", "foreign-address")]

    def _place(self, item: Item) -> Iterator[Item]:
        """Local data as the zone has it that it stands in."""
        if isinstance(item, Rule):
            item = SideRule(action=BLOCK, key=key_of(item.wire), reach=APEX)
        if not isinstance(item, SideRule):
            yield item
            return
        wire = name_of(item.key)
        if self._zones.redirects(wire):
            item = msgspec.structs.replace(item, reach=BOTH)
        above = self._tags.above(wire)
        if above is not None:
            yield from self._tags.limit(item, above)
        elif item.action == BLOCK:
            yield Rule(wire, item.reach * BLOCK_APEX)
        else:
            yield item


def _split(text: str) -> list[str] | None:
    """The words behind an option, without quotes and comment. None: a quotation mark has no end."""
    words, at = [], 0
    while at < len(text):
        token = _WORD(text, at)
        if token is None:
            return None
        at = token.end()
        if token.lastindex:
            words.append(token[token.lastindex])
    return words


def _judge_zone(name: str, zone_type: str) -> Item:
    """What a zone of this type does with its name."""
    if zone_type in BLOCK_TYPES:
        return read_name(name, BLOCK_BOTH)
    if zone_type in ALLOW_TYPES:
        return read_name(name, ALLOW_BOTH)
    if zone_type in ONE_TYPE:
        rule = read_name(name, BLOCK_BOTH)
        if not isinstance(rule, Rule):
            return rule
        return SideRule(action=BLOCK, key=key_of(rule.wire), types=(ONE_TYPE[zone_type],))
    return (
        Skip("ignored", "other-option") if zone_type in OTHER_TYPES else Skip("invalid", "unknown-zone-type")
    )


def make(options: Options) -> UnboundReader:
    """The reader of one configuration."""
    return UnboundReader(options)
