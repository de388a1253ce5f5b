r"""Zone files (RFC 1035 5) ↔ records: a whole file, or one line that stands for itself.

    $ORIGIN home.arpa.                   what names without a dot at their end are relative to
    $TTL 1h                              the TTL of records that name none (RFC 2308 4)
    printer   A     192.168.1.9          a name, and one of its records
              TXT   "second floor"       blanks before it: the name above
    *.dev     CNAME printer              every name below that has no records of its own (RFC 4592)
    @         MX    10 mail.example.     `@` is the origin itself

What lines are made of is said in `resolver.dns.zone_lines`, what records hold in `resolver.dns.zone_data`.
A record without a TTL has that of `$TTL`, else the last one that a record named, else `DEFAULT_TTL`.

What belongs to a zone because some server is responsible for it (SOA, NS, DNSSEC) is left out with a note:
whoever has such a zone wants its names answered here, and a forwarder is responsible for nothing. `$INCLUDE`
would read a file of ours for whoever sent this one, and `$GENERATE` makes a million records from a line;
both are refused. A fault names its line, reading goes on behind it, and whoever asked decides: here nothing
is half taken, as a file with faults gives records all the same. Everything is bounded, and nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from resolver.dns import rdata, registry
from resolver.dns.names import MAX_NAME, ROOT, Fault, labels
from resolver.dns.records import TTL_CAP
from resolver.dns.zone_data import NAME_AT, STAR, ZONE_TYPES, is_absolute, read_data, read_labels
from resolver.dns.zone_lines import Entry, ZoneLines, read_record, read_ttl

MAX_OCTETS: Final = 1 << 20
"""Characters of the longest zone file that is read."""

MAX_LINE: Final = 8_192
"""Characters of its longest line."""

MAX_RECORDS: Final = 10_000
"""Records of one zone file."""

MAX_REMARKS: Final = 50
"""Faults after which reading stops: whoever has so many knows enough."""

DEFAULT_TTL: Final = 300
"""Seconds for a record that names no TTL: machines in a house change their addresses."""


_ZONE_NUMBERS: Final = frozenset(map(registry.type_number, ZONE_TYPES))


class ZoneRecord(NamedTuple):
    """One record of class IN: a lower-cased wire name (which may begin with the label `*`), a TTL of at
    most seven days (RFC 8767 4), a type, and RDATA on the wire."""

    owner: bytes
    ttl: int
    rtype: int
    rdata: bytes


class Remark(NamedTuple):
    """What is to be said of a line, and its number, from 1 (0: of the whole file)."""

    line: int
    text: str


class ZoneFile(NamedTuple):
    """What a zone file says: records with the lines they begin on, faults, and what was left out."""

    records: tuple[tuple[int, ZoneRecord], ...]
    faults: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()


# Sentences of faults.
_RELATIVE: Final = Fault("name-relative", "A name must be whole, with a dot at its end.")
_NO_ORIGIN: Final = Fault(
    "no-origin", "The name has no dot at its end, and no $ORIGIN says what it belongs to."
)
_TOO_LONG: Final = Fault("name-too-long", "The name is longer than 253 characters.")
_NOT_RECORD: Final = Fault(
    "not-record", "This is no record: a name, TTL and class if you like, a type, its data."
)
_ONE_LINE: Final = Fault("not-one-line", "A record stands on one line here, and begins with its name.")
_NO_OWNER: Final = Fault("no-owner", "The line begins with blanks, and there is no name above it.")
_CLASS: Final = Fault("bad-class", "Only records of class IN are answered.")
_SERVED: Final = Fault("zone-record", "Records of this type are for servers that are responsible for a zone.")
_DNAME: Final = Fault("record-type", "DNAME is not given: use a wildcard, `*.name. CNAME target.`.")
_LEFT_OUT: Final = "{} records are for the servers of a zone; left out"
_DIRECTIVES: Final = {
    "$INCLUDE": "$INCLUDE is not obeyed: put the records of the other file in its place.",
    "$GENERATE": "$GENERATE is not obeyed: write the records out.",
}


def read_line(text: str) -> ZoneRecord | Fault:
    """One line with one record, its names whole: `printer.home.arpa. 300 IN A 192.168.1.9`."""
    if len(text) > MAX_LINE or "\n" in text or "\r" in text:
        return _ONE_LINE
    entry = ZoneLines().take(text, 1)
    if isinstance(entry, Fault):
        return entry
    if entry is None or entry.indented or not entry.words:
        return _ONE_LINE
    found = _Reading(None).read(entry)
    return _SERVED if found is None else found


def read_zone(text: str, origin: str = "") -> ZoneFile:
    """A whole zone file. `origin` is what names are relative to until an `$ORIGIN` stands in it."""
    if len(text) > MAX_OCTETS:
        return ZoneFile((), (Remark(0, f"A zone file has at most {MAX_OCTETS} octets."),))
    begins = read_labels(origin) if origin else None
    if isinstance(begins, Fault):
        return ZoneFile((), (Remark(0, f"The origin `{origin[:80]}` is no name: {begins.sentence}"),))
    reading = _Reading(begins, whole=True)
    records: list[tuple[int, ZoneRecord]] = []
    faults: list[Remark] = []
    for line, entry in _entries(text):
        found = entry if isinstance(entry, Fault) else reading.read(entry)
        if isinstance(found, Fault):
            reading.forget()
            faults.append(Remark(line, found.sentence))
        elif found is not None:
            records.append((line, found))
        if len(faults) >= MAX_REMARKS or len(records) > MAX_RECORDS:
            break
    if len(records) > MAX_RECORDS:
        faults.append(Remark(records[-1][0], f"At most {MAX_RECORDS} records are kept."))
    return ZoneFile(tuple(records), tuple(faults), tuple(reading.notes()))


def _entries(text: str) -> Iterator[tuple[int, Entry | Fault]]:
    """What the lines of a file are, with their numbers; blank ones are left out."""
    lines, number = ZoneLines(), 0
    # Not `splitlines`, which ends a line at a vertical tab, too.
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE:
            yield number, Fault("line-too-long", f"A line has at most {MAX_LINE} characters.")
            continue
        entry = lines.take(line, number)
        if isinstance(entry, Fault):
            yield number, entry
        elif entry is not None and entry.words:
            yield entry.line, entry
    yield from lines.finish()


class _Reading:
    """What is known between the lines of one file; `whole` is False for a line that stands for itself."""

    __slots__ = ("_last", "_left_out", "_origin", "_owner", "_ttl", "_whole")

    def __init__(self, origin: bytes | None, whole: bool = False) -> None:
        self._origin = origin
        self._whole: Final = whole
        self._owner: bytes | None = None
        self._ttl: int | None = None  # what $TTL says
        self._last: int = DEFAULT_TTL
        self._left_out: dict[str, list[int]] = {}

    def forget(self) -> None:
        """The name of a line that could not be read is not known; the next may not take an older one."""
        self._owner = None

    def notes(self) -> Iterator[Remark]:
        """What was left out: the first line of each type, and how many there were."""
        for rtype, lines in self._left_out.items():
            more = f" ({len(lines)} of them)." if len(lines) > 1 else "."
            yield Remark(lines[0], _LEFT_OUT.format(rtype) + more)

    def read(self, entry: Entry) -> ZoneRecord | Fault | None:
        """A record; None for a directive, and for what is left out."""
        if entry.words[0].startswith("$"):
            return self._directive(entry.words) if self._whole else _ONE_LINE
        record = read_record(entry)
        if record is None:
            return _NOT_RECORD
        owner = self._owner if record.owner is None else self.name(record.owner)
        if not isinstance(owner, bytes):
            return owner or _NO_OWNER
        self._owner = owner
        if record.rclass != "IN":
            return _CLASS
        if record.ttl is not None:
            self._last = min(record.ttl, TTL_CAP)
        data = None if record.rtype in ZONE_TYPES else read_data(record.rtype, record.words, self.name)
        if isinstance(data, Fault):
            return data
        if data is None or data[0] in _ZONE_NUMBERS:  # `TYPE2` is NS, too
            self._left_out.setdefault(record.rtype, []).append(entry.line)
            return None
        if data[0] == registry.DNAME:
            return _DNAME
        stated = self._last if record.ttl is not None or self._ttl is None else self._ttl
        return ZoneRecord(owner + ROOT, stated, *data)

    def name(self, text: str) -> bytes | Fault:
        """A name in full: its labels on the wire, lower-cased, without the root label."""
        name = b"" if text == "@" else read_labels(text)
        if isinstance(name, Fault):
            return name
        if text != "@" and is_absolute(text):
            return b"" if text == "." else name
        if self._origin is None:
            return _NO_ORIGIN if self._whole else _RELATIVE
        name += self._origin
        return name if len(name) < MAX_NAME else _TOO_LONG

    def _directive(self, words: Sequence[str]) -> Fault | None:
        """`$ORIGIN` and `$TTL`; the others are refused."""
        word = words[0].upper()
        if word in _DIRECTIVES:
            return Fault("zone-directive", _DIRECTIVES[word])
        if word == "$TTL" and len(words) == 2 and (ttl := read_ttl(words[1])) is not None:
            self._ttl = min(ttl, TTL_CAP)
            return None
        if word == "$ORIGIN" and len(words) == 2:
            origin = self.name(words[1])
            if isinstance(origin, Fault):
                return origin
            self._origin = origin
            return None
        return Fault(
            "not-record", f"`{words[0][:20]}` is not known, or what stands behind it is no value of it."
        )


# Records → text.


def write_line(record: ZoneRecord) -> str:
    """The record as one line that `read_line` reads back, whatever its octets are."""
    words = _write_data(record.rtype, record.rdata) or rdata.to_unknown(record.rdata)
    return " ".join(
        (_write_name(record.owner), str(record.ttl), "IN", registry.type_name(record.rtype), *words)
    )


def _write_data(rtype: int, octets: bytes) -> list[str] | None:
    """The words of RDATA as they stand in a zone file: names whole, and quoted what would be cut in two."""
    words = rdata.to_words(rtype, octets)
    if words is None:
        return None
    at = NAME_AT.get(rtype)
    if at is not None and words[at] != ".":
        words[at] += "."
    if rtype == registry.TXT:
        return [
            f'"{rdata.write_string(string, _is_printable)}"' for string in rdata.unpack_strings(octets) or ()
        ]
    return [_quote_value(word) for word in words] if rtype in (registry.SVCB, registry.HTTPS) else words


def _is_printable(octet: int) -> bool:
    """Whether an octet can stand between quotation marks as it is."""
    return 0x20 <= octet <= 0x7E and octet not in b'"\\'


def _quote_value(word: str) -> str:
    """A parameter whose value holds what would end a word (RFC 9460 2.1)."""
    key, equals, value = word.partition("=")
    return f'{key}="{value}"' if equals and set(value) & set("();") else word


def _write_name(wire: bytes) -> str:
    """A name with a dot at its end. Octets that hosts do not have are escaped by number, all of them, so
    that whoever reads it takes it for what it is and not for a name in host notation."""
    if wire == ROOT:
        return "."
    star, rest = ("*.", wire[len(STAR) :]) if wire.startswith(STAR) else ("", wire)
    return star + "".join(rdata.write_string(label, _is_plain) + "." for label in labels(rest))


def _is_plain(octet: int) -> bool:
    return octet in b"abcdefghijklmnopqrstuvwxyz0123456789-_"
