"""Own records: what this network answers for its own names, in place of the internet.

`LocalData` is made from the lines of the policy document (`resolver.dns.zonefile.read_line`) and asked by
name and type. What it answers is an `Answer`, as a rule's would be:

    a name with records        those of the type asked; none of that type: NODATA (no records)
    ANY                        its smallest RRset (RFC 8482 4.1)
    an alias (CNAME)           the CNAME, for every type; whoever asks follows it
    below a wildcard           as for the wildcard, if nothing nearer exists (RFC 4592 2.2.1)
    everything else            None: the question goes its ordinary way

There is no zone around these records: a name beside or above one of them is asked of the internet as ever,
so that one record can be laid over a public name. Only below a wildcard, names on the way to another record
exist without records (RFC 4592 2.2.2) and are NODATA.

Two things are made from what is written. Every address but a loopback and a null one gets a PTR record to the
first name that has it, unless records for its reverse name stand, as dnsmasq does for `host-record`. And an
alias of an alias leads to where the last one of ours leads, so that one step is always enough.

What cannot be right is refused as a whole: an alias beside other records (RFC 1034 3.6.2), aliases that lead
to themselves, localhost (RFC 6761 6.3), records of the root or for every name. The same record twice is one.
This module must not know messages, caches, or who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from resolver.dns import registry, special
from resolver.dns.names import ROOT, Fault, from_text, to_text
from resolver.dns.records import MAX_CHAIN
from resolver.dns.zone_data import STAR
from resolver.dns.zonefile import DEFAULT_TTL, ZoneRecord, read_line
from resolver.rules.side import Answer, Record

MAX_OWNED: Final = 100
"""Records of one name: more do not fit into an answer that anybody wants."""

MAX_OCTETS: Final = 16_384
"""Octets of the RDATA of one name."""

_NODATA: Final = Answer(ttl=DEFAULT_TTL)


class RecordFault(ValueError):
    """A record that cannot be kept: its position among all, and why, as one sentence."""

    def __init__(self, position: int, sentence: str) -> None:
        super().__init__(f"records[{position}]: {sentence}")
        self.position = position
        self.sentence = sentence


class _Name(NamedTuple):
    """What one name answers: by type, and for every other type (an alias, or NODATA)."""

    by_type: Mapping[int, Answer]
    other: Answer


_EMPTY: Final = _Name({}, _NODATA)

_Names = dict[bytes, _Name]


class _Data(NamedTuple):
    """Own records, arranged: by name; what stands below a wildcard's name; reverse name -> name."""

    names: _Names
    wild: _Names
    pointers: Mapping[bytes, bytes]


class LocalData:
    """Own records, ready to be asked. Immutable; falsy when there are none."""

    __slots__ = ("_names", "_pointers", "_wild")

    def __init__(self, records: Sequence[str] = ()) -> None:
        """Raises RecordFault for the first record that cannot be kept."""
        self._names, self._wild, self._pointers = _read(tuple(records))

    def __bool__(self) -> bool:
        return bool(self._names)

    def find(self, folded: bytes, qtype: int) -> Answer | None:
        """The answer to a question of class IN for a lower-cased wire name; None: the name is not ours.

        An answer without records is NODATA. Its TTL, in seconds, is that of the RRset (RFC 2181 5.2).
        """
        found = self._names.get(folded)
        if found is None:
            if folded in self._pointers:
                return _pointer(self._pointers[folded], qtype)
            found = _below(self._names, self._wild, folded) if self._wild else None
            if found is None:
                return None
        return found.by_type.get(qtype, found.other)


def check(records: Sequence[tuple[int, ZoneRecord]]) -> None:
    """Whether records that stand somewhere else, each with its position there, can be kept.

    Raises RecordFault with that position.
    """
    _arrange(records)


@lru_cache(maxsize=2)
def _read(lines: tuple[str, ...]) -> _Data:
    """The records of these lines. Remembered, because a policy is read to be checked, and then to be obeyed.

    Raises RecordFault.
    """
    return _arrange(_read_lines(lines))


def _read_lines(lines: Iterable[str]) -> Iterator[tuple[int, ZoneRecord]]:
    """The record of each line, with its position. Raises RecordFault."""
    for position, line in enumerate(lines):
        found = read_line(line)
        if isinstance(found, Fault):
            raise RecordFault(position, f"`{line[:80]}`: {found.sentence}")
        yield position, found


def _arrange(records: Iterable[tuple[int, ZoneRecord]]) -> _Data:
    """The names that have records, and those that have a wildcard below them. Raises RecordFault."""
    owners: dict[bytes, _Owner] = {}
    for position, record in records:
        owner = owners.get(record.owner)
        if owner is None:
            owner = owners[record.owner] = _Owner(position, record.owner)
        owner.add(position, record)
    names = {wire: owner.name() for wire, owner in owners.items()}
    wild = {wire[len(STAR) :]: name for wire, name in names.items() if wire.startswith(STAR)}
    if wild:
        _fill(names, wild)
    for owner in owners.values():
        if owner.aliased:
            names[owner.wire] = _straight(owner, names, wild)
    return _Data(names, {base: names[STAR + base] for base in wild}, _point_back(owners))


class _Owner:
    """The records of one name under construction."""

    __slots__ = ("_octets", "_records", "_ttls", "aliased", "position", "wire")

    def __init__(self, position: int, wire: bytes) -> None:
        """Raises RecordFault for a name that nobody may have records for."""
        plain = wire.removeprefix(STAR)
        if plain == ROOT:
            raise RecordFault(position, "A record for the root, or for every name, would hide the internet.")
        if special.unblockable(plain):
            raise RecordFault(position, "`localhost` is this machine, everywhere (RFC 6761 6.3).")
        self.position: Final = position
        self.wire: Final = wire
        self.aliased = False
        self._records: dict[int, dict[bytes, None]] = {}
        self._ttls: dict[int, int] = {}
        self._octets = 0

    def add(self, position: int, record: ZoneRecord) -> None:
        """One record more; one that is there already changes nothing but the TTL. Raises RecordFault."""
        rtype = record.rtype
        same = self._records.setdefault(rtype, {})
        if record.rdata not in same:
            self._check(position, record)
            same[record.rdata] = None
        # A TTL of 0 could be kept by nobody, and every question would be answered anew: 1 says the same.
        self._ttls[rtype] = max(1, min(record.ttl, self._ttls.get(rtype, record.ttl)))

    def _check(self, position: int, record: ZoneRecord) -> None:
        """Raises RecordFault when the record cannot stand beside the others."""
        others = len(self._records) > 1 or bool(self._records[record.rtype])
        if record.rtype == registry.CNAME:
            self.aliased = True
            if record.rdata.startswith(STAR):
                raise RecordFault(position, "An alias leads to one name, not to a wildcard.")
        if self.aliased and others:
            raise RecordFault(
                position, f"{to_text(self.wire)} is an alias, and so has no other record (RFC 1034 3.6.2)."
            )
        self._octets += len(record.rdata)
        if self._octets > MAX_OCTETS or sum(map(len, self._records.values())) >= MAX_OWNED:
            raise RecordFault(
                position,
                f"{to_text(self.wire)} has more than {MAX_OWNED} records, or {MAX_OCTETS} octets of them.",
            )

    def addresses(self) -> Iterator[bytes]:
        """Its addresses, packed."""
        yield from self._records.get(registry.A, ())
        yield from self._records.get(registry.AAAA, ())

    def target(self) -> tuple[bytes, int]:
        """Where an alias leads, and its TTL."""
        return next(iter(self._records[registry.CNAME])), self._ttls[registry.CNAME]

    def name(self) -> _Name:
        """What the name answers."""
        if self.aliased:
            target, ttl = self.target()
            return _alias(target, ttl)
        by_type = {rtype: _answer(rtype, data, self._ttls[rtype]) for rtype, data in self._records.items()}
        by_type[registry.ANY] = min(by_type.values(), key=_weight)
        return _Name(by_type, _NODATA)


def _weight(answer: Answer) -> int:
    """Octets of its RDATA."""
    return sum(len(record.rdata) for record in answer.records)


def _answer(rtype: int, data: Iterable[bytes], ttl: int) -> Answer:
    return Answer(records=tuple([Record(rtype, octets) for octets in data]), ttl=ttl)


def _alias(target: bytes, ttl: int) -> _Name:
    return _Name({}, _answer(registry.CNAME, (target,), ttl))


_NOWHERE: Final = frozenset((bytes(4), bytes(16), bytes(15) + b"\1"))


def _point_back(owners: Mapping[bytes, _Owner]) -> dict[bytes, bytes]:
    """The reverse name of every address that has no records -> the first name that has the address."""
    found: dict[bytes, bytes] = {}
    for wire, owner in owners.items():
        if wire.startswith(STAR):
            continue
        for packed in owner.addresses():
            loopback = len(packed) == 4 and packed[0] == 127
            if not loopback and packed not in _NOWHERE:
                found.setdefault(_reverse_name(packed), wire)
    return {reverse: wire for reverse, wire in found.items() if reverse not in owners}


def _pointer(wire: bytes, qtype: int) -> Answer:
    """The answer for the reverse name of an address of this name."""
    return _answer(registry.PTR, (wire,), DEFAULT_TTL) if qtype in (registry.PTR, registry.ANY) else _NODATA


_DIGITS: Final = tuple(bytes((len(str(number)),)) + str(number).encode() for number in range(256))
_NIBBLES: Final = tuple(
    b"\1" + f"{octet:02x}"[1].encode() + b"\1" + f"{octet:02x}"[0].encode() for octet in range(256)
)
_IN_ADDR: Final = from_text("in-addr.arpa")
_IP6: Final = from_text("ip6.arpa")


def _reverse_name(packed: bytes) -> bytes:
    """The name that the PTR record of an address has (RFC 1035 3.5, RFC 3596 2.5)."""
    if len(packed) == 4:
        return b"".join(_DIGITS[octet] for octet in reversed(packed)) + _IN_ADDR
    return b"".join(_NIBBLES[octet] for octet in reversed(packed)) + _IP6


def _fill(names: _Names, wild: Mapping[bytes, _Name]) -> None:
    """Names between a wildcard's and another record below it exist (RFC 4592 2.2.2): NODATA."""
    for wire in list(names):
        way: list[bytes] = []
        for above in _parents(wire):
            if above in wild:
                names.update((one, _EMPTY) for one in way if one not in names)
            way.append(above)


def _parents(wire: bytes) -> Iterator[bytes]:
    """The names above a name, nearest first, without the root."""
    at = 1 + wire[0]
    while wire[at]:
        yield wire[at:]
        at += 1 + wire[at]


def _below(names: _Names, wild: _Names, folded: bytes) -> _Name | None:
    """What the wildcard of the closest name above that exists answers (RFC 4592 3.3.1), if it has one."""
    if folded == ROOT:
        return None
    for above in _parents(folded):
        found = wild.get(above)
        if found is not None:
            return found
        if above in names:
            return None
    return None


def _straight(owner: _Owner, names: _Names, wild: _Names) -> _Name:
    """The alias that leads where a chain of our own aliases ends. Raises RecordFault if it does not."""
    target, ttl = owner.target()
    for _ in range(MAX_CHAIN):
        found = names.get(target) or _below(names, wild, target)
        records = found.other.records if found is not None else ()
        if not records:
            return _alias(target, ttl)
        ttl, target = min(ttl, found.other.ttl if found else ttl), records[0].rdata
    raise RecordFault(
        owner.position,
        f"The alias {to_text(owner.wire)} leads to itself, or over more than {MAX_CHAIN} aliases.",
    )
