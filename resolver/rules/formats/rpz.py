"""rpz: response policy zones, as BIND, unbound and PowerDNS read them (list-formats 2.8).

    owner   the trigger               `resolver.rules.formats.zone_names`
    rdata   the action
            CNAME .                   blocked               CNAME rpz-passthru.   allowed; so is a
            CNAME *.                  no data               CNAME to the owner    (the older form)
            CNAME rpz-drop.           no answer             CNAME rpz-tcp-only.   try again over TCP
            anything else             local data: the answer; `CNAME *.garden.` puts the qname for `*`

How a blocked name is answered is the policy's to say; every other action keeps its own answer. Local data
redirects names, so it needs a list that is trusted to; records of one owner add up to one rule.
Inside the zone the most specific rule counts (`ListFormat.ordered`). What belongs to the zone itself (SOA,
NS, DNSSEC, everything at the apex) is no policy and is counted as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from resolver.dns.names import Fault
from resolver.dns.zone_data import STAR, ZONE_TYPES, is_absolute, read_data
from resolver.dns.zone_lines import Entry, Record, ZoneLines, read_record, read_ttl
from resolver.rules.formats.local_data import LocalData, is_sink, plain
from resolver.rules.formats.zone_names import Zone, as_skip, read_trigger
from resolver.rules.lines import COMMENT, FAST_NAME, NO_OPTIONS, Item, Options, Skip
from resolver.rules.model import BLOCK_APEX, BLOCK_BELOW
from resolver.rules.side import ALLOW, ANSWER, BLOCK, Answer, SideRule
from resolver.rules.side import Record as Data

CONTINUES: Final = b" \t\r\n;$("
"""Octets with which a line may begin that belongs to the one above, or may stand between the two."""

# A million names are two million lines of these two shapes. A line with blanks before it belongs to the
# owner above, so the line above must not be taken away from the reader; nor where a comment, a directive or
# a parenthesis stands between the two.
_BLOCKED: Final = (
    FAST_NAME
    + rb"(?i:(?<!\.rpz-ip)(?<!\.rpz-nsip)(?<!\.rpz-nsdname)(?<!\.rpz-client-ip)"
    + rb"[ \t]++(?:[0-9]{1,9}[ \t]++)?(?:in[ \t]++)?cname)[ \t]++\.[ \t]*+(?:;[^\n]{0,400}+)?\r?\n"
    + rb"(?!["
    + CONTINUES
    + rb"])"
)
FAST_APEX: Final = _BLOCKED
FAST_APEX_FLAGS: Final = BLOCK_APEX
FAST_BELOW: Final = rb"\*\." + _BLOCKED
FAST_BELOW_FLAGS: Final = BLOCK_BELOW

_ORIGIN: Final = re.compile(rb"^\$ORIGIN[ \t]++(\S*+)", re.I | re.M).search
_SOA: Final = re.compile(rb"^([^\s;]*+)[^\n;]*?\sSOA\s", re.I | re.M).search
_HEAD: Final = 1 << 16  # octets in which a zone's SOA record stands
_ZONE_RECORD: Final = Skip("ignored", "zone-record")
_NOT_ZONE: Final = Skip("invalid", "not-zone")

_ACTIONS: Final[Mapping[str, tuple[int, Answer | None]]] = {
    ".": (BLOCK, None),
    "*.": (ANSWER, Answer()),
    "rpz-passthru.": (ALLOW, None),
    "rpz-drop.": (ANSWER, Answer(silent=True)),
    "rpz-tcp-only.": (ANSWER, Answer(by_tcp=True)),
    # Without their dot these would be names in the zone, which nobody redirects to.
    "rpz-passthru": (ALLOW, None),
    "rpz-drop": (ANSWER, Answer(silent=True)),
    "rpz-tcp-only": (ANSWER, Answer(by_tcp=True)),
}
"""Target of a CNAME -> action and answer."""


def fast_is_right(data: bytes) -> bool:
    """Whether the fast patterns read this zone as the reader does: its only `$ORIGIN` is the zone's name.

    They take a relative owner for what it says, and below `$ORIGIN com.rpz.example.` it says only half.
    """
    first = _ORIGIN(data)
    if first is None:
        return True
    soa = _SOA(data[:_HEAD])
    named = first[1] != b"." and (soa is None or (soa.start() > first.start() and soa[1] in (b"", b"@")))
    return named and not _ORIGIN(data, first.end())


class RpzReader:
    """The reading of one zone."""

    def __init__(self, options: Options = NO_OPTIONS) -> None:
        self._rewrites: Final = options.rewrites
        self._lines = ZoneLines()
        self._zone = Zone()
        self._data = LocalData()
        self._owner: str | None = None
        self._seen = 0  # number of the last line that was shown to this reader
        self._ttl = 0

    def read(self, line: str, number: int) -> Sequence[Item]:
        """See `Reader`."""
        # The lines between were blank, or had an owner that the fast patterns took.
        if number != self._seen + 1:
            self._owner = None
        self._seen = number
        entry = self._lines.take(line, number)
        if entry is None:
            return ()
        if isinstance(entry, Fault):
            self._owner = None
            return [as_skip(entry)]
        if not entry.words:
            return COMMENT
        item = self._read_entry(entry)
        return () if item is None else [item]

    def finish(self) -> Iterable[tuple[int, Item]]:
        """See `Reader`."""
        for line, fault in self._lines.finish():
            yield line, as_skip(fault)
        yield from self._data.finish()

    def _read_entry(self, entry: Entry) -> Item | None:
        """A record or a directive; None for a record that waits for others."""
        if entry.words[0].startswith("$"):
            return self._read_directive(entry.words)
        record = read_record(entry)
        if record is None:
            self._owner = None  # the next line's blank owner is whoever this line meant
            return _NOT_ZONE
        if record.owner is not None:
            self._owner = record.owner
        if record.rtype == "SOA":
            self._zone.set_apex(self._owner)
        if record.rtype in ZONE_TYPES:  # never local data (the RPZ draft)
            return _ZONE_RECORD
        if self._owner is None:
            return Skip("invalid", "no-owner")
        name = self._zone.trigger(self._owner)
        if isinstance(name, Skip):
            return name
        if not name:
            return _ZONE_RECORD
        when = read_trigger(name)
        return when if isinstance(when, Skip) else self._act(when, name, record, entry.line)

    def _read_directive(self, words: Sequence[str]) -> Item:
        """`$TTL` and `$ORIGIN` (RFC 1035 5.1, RFC 2308 4); the others would bring in what is not here."""
        word, values = words[0].upper(), words[1:]
        if word in ("$INCLUDE", "$GENERATE"):
            return Skip("unenforceable", "zone-directive")
        if word == "$TTL" and values and (ttl := read_ttl(values[0])) is not None:
            self._ttl = ttl
            return _ZONE_RECORD
        if word == "$ORIGIN" and values:
            return self._zone.set_origin(values[0]) or _ZONE_RECORD
        return _NOT_ZONE

    def _act(self, when: SideRule, name: bytes, record: Record, line: int) -> Item | None:
        """The action of a record, laid over its trigger."""
        if record.rtype == "CNAME" and len(record.words) == 1:
            action = _ACTIONS.get(record.words[0].lower())
            target = self._zone.target(record.words[0]) if action is None else None
            if target == name and is_absolute(record.words[0]) and not name.startswith(STAR):
                action = (ALLOW, None)
            if action is not None:
                return plain(msgspec.structs.replace(when, action=action[0], answer=action[1]))
        found = read_data(record.rtype, record.words, self._zone.target)
        if isinstance(found, Fault):
            return as_skip(found)
        data = Data(*found)
        if self._rewrites:
            ttl = self._ttl if record.ttl is None else record.ttl
            return self._data.add(when, data, ttl, line)
        return plain(when) if is_sink(data) else Skip("unenforceable", "rewrite-not-trusted")


def make(options: Options) -> RpzReader:
    """The reader of one zone."""
    return RpzReader(options)
