"""Local data: what a list answers by itself, gathered until the list has ended.

Several lines add up to one answer (an A and an AAAA record of one name, two addresses in a hosts file), so
none can be given out before the last line is read. Only a list that is trusted with rewrites has
any (`resolver.rules.lines.Options`); what is held is bounded all the same. Addresses that lead nowhere
(0.0.0.0, ::, loopback) are no answer but another way to say "blocked": who has no other is.

The key of what is gathered is a `SideRule` that says when the data applies; its action is set here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from resolver.dns import registry
from resolver.rules.lines import Item, Rule, Skip
from resolver.rules.model import ALLOW_APEX, BLOCK_APEX, key_of, name_of
from resolver.rules.side import ALLOW, ANSWER, BLOCK, Answer, Record, SideRule

MAX_DEFERRED: Final = 200_000
"""Records of one list that are held until its end."""
MAX_RECORDS: Final = 64
"""Records of one owner: more do not fit into an answer that anybody wants."""
MAX_OCTETS: Final = 32 << 20
"""RDATA of one list that is held, in octets."""

MAX_TTL: Final = 86_400
"""Seconds for which an answer of a list may be kept: a day. A list changes sooner than that."""

_TOO_MANY: Final = Skip("invalid", "too-many-records")


class _Gathered:
    """The records of one owner; `line` is where the first of them stands."""

    __slots__ = ("line", "records", "ttl")

    def __init__(self, line: int) -> None:
        self.line = line
        self.records: set[Record] = set()
        self.ttl = 0

    def takes(self, record: Record) -> bool:
        """Whether the record may stand beside the others: an alias stands alone (RFC 1034 3.6.2)."""
        aliased = any(one.rtype == registry.CNAME for one in self.records)
        return not self.records or not (aliased or record.rtype == registry.CNAME)


class LocalData:
    """The records of one list, by the rule that says when they apply."""

    def __init__(self) -> None:
        self._owners: dict[SideRule, _Gathered] = {}
        self._records = self._octets = 0

    def add(self, when: SideRule, record: Record, ttl: int, line: int) -> Item | None:
        """Gather a record. Returns why it is left out, if it is.

        Of different TTLs of one owner the shortest counts; 0 says nothing of it. Where there is no more
        room, an address that leads nowhere still blocks, at once.
        """
        gathered = self._owners.get(when)
        if gathered is not None and record in gathered.records:
            return None
        if gathered is not None and not gathered.takes(record):
            return Skip("invalid", "cname-and-other-data")
        full = self._records >= MAX_DEFERRED or self._octets + len(record.rdata) > MAX_OCTETS
        if full or (gathered is not None and len(gathered.records) >= MAX_RECORDS):
            return plain(when) if is_sink(record) else _TOO_MANY
        if gathered is None:
            gathered = self._owners[when] = _Gathered(line)
        gathered.records.add(record)
        gathered.ttl = min(filter(None, (gathered.ttl, ttl, MAX_TTL if ttl else 0)), default=0)
        self._records += 1
        self._octets += len(record.rdata)
        return None

    def finish(self) -> Iterator[tuple[int, Item]]:
        """One rule for each owner, with the line of its first record."""
        for when, gathered in self._owners.items():
            if all(map(is_sink, gathered.records)):
                yield gathered.line, plain(when)
                continue
            answer = Answer(records=tuple(sorted(gathered.records, key=_order)), ttl=gathered.ttl)
            yield gathered.line, msgspec.structs.replace(when, action=ANSWER, answer=answer)


class Redirections:
    """The reader of a trusted list whose lines are an address and the names it is for.

    `split` reads one line: the address that it redirects to ("" if it does not), and what it says of names.
    """

    def __init__(self, split: Callable[[str], tuple[str, list[Item]]]) -> None:
        self._split: Final = split
        self._data: Final = LocalData()

    def read(self, line: str, number: int) -> Sequence[Item]:
        """See `resolver.rules.lines.Reader`."""
        address, items = self._split(line)
        if not address:
            return items
        record = address_record(address)
        said: list[Item] = []
        for item in items:
            if isinstance(item, Rule):
                item = SideRule(action=BLOCK, key=key_of(item.wire), reach=item.flags // BLOCK_APEX)
            if isinstance(item, SideRule):
                fault = self._data.add(item, record, 0, number)
                said += [fault] if fault else []
            else:
                said.append(item)
        return said

    def finish(self) -> Iterable[tuple[int, Item]]:
        """See `resolver.rules.lines.Reader`."""
        return self._data.finish()


def _order(record: Record) -> tuple[int, bytes]:
    return record.rtype, record.rdata


def is_sink(record: Record) -> bool:
    """Whether the record is an address that lists use to say "nowhere": null or loopback."""
    if record.rtype not in (registry.A, registry.AAAA):
        return False
    address = ipaddress.ip_address(record.rdata)
    return address.is_unspecified or address.is_loopback


def address_record(text: str) -> Record:
    """The record for an address, which must be one; an interface behind it is dropped."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return Record(registry.A if address.version == 4 else registry.AAAA, address.packed)


def plain(rule: SideRule) -> Rule | SideRule:
    """The rule as a plain one, if it says no more than that names are blocked or allowed."""
    first = {BLOCK: BLOCK_APEX, ALLOW: ALLOW_APEX}.get(rule.action, 0)
    if not first or not rule.key or rule != SideRule(action=rule.action, key=rule.key, reach=rule.reach):
        return rule
    return Rule(name_of(rule.key), rule.reach * first)
