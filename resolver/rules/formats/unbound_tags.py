"""Tags of unbound: zones for some clients only (unbound.conf(5), `local-zone-tag`, `access-control-tag`).

    local-zone-tag: "name." "a b"            the zone has these tags
    access-control-tag: 192.0.2.0/24 "a"     clients in this network have these
    a zone with tags is for clients that have one of them; a zone without is for everybody

The options may stand in any order, and a zone has been read as one for everybody before its tags are known.
So at the end of the list that rule is taken back, and one with a condition put in its place. What is
remembered is bounded; a zone that is not remembered any more is taken back and not replaced: who has
too many zones with tags blocks too little, never somebody else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

import msgspec

from resolver.rules.lines import Item, Rule, Skip, Void, read_name
from resolver.rules.model import ALLOW_APEX, ALLOW_BOTH, BLOCK_APEX, BLOCK_BOTH, key_of, name_of
from resolver.rules.side import ALLOW, BLOCK, SideRule

MAX_ZONES: Final = 200_000
"""Zones, tagged zones and names with data that are remembered, of each so many."""
MAX_NETWORKS: Final = 10_000
"""Pairs of a network and a tag."""
MAX_CLIENTS: Final = 1_000_000
"""Networks in all rules of a list together."""

_TOO_MANY: Final = Skip("invalid", "too-many-records")


class Zones:
    """The zones and the blocked names of local data that a list has said so far."""

    def __init__(self) -> None:
        self._rules: dict[bytes, tuple[int, list[Rule | SideRule]]] = {}
        self._redirects: set[bytes] = set()
        self._data: dict[bytes, Rule] = {}
        self.full = False

    def add(self, rule: Rule | SideRule, number: int, *, redirects: bool) -> None:
        """Remember what a zone says."""
        wire = rule.wire if isinstance(rule, Rule) else name_of(rule.key)
        standing = self._rules.get(wire)
        if standing is None and len(self._rules) >= MAX_ZONES:
            self.full = True
            return
        if standing is None:
            self._rules[wire] = (number, [rule])
        elif rule not in standing[1]:
            standing[1].append(rule)
        if redirects:
            self._redirects.add(wire)

    def add_blocked_data(self, rule: Rule) -> None:
        """Remember a name that is blocked by its local data."""
        if len(self._data) < MAX_ZONES:
            self._data[rule.wire] = rule

    def redirects(self, wire: bytes) -> bool:
        """Whether a zone of this name lets its data answer for all names below."""
        return wire in self._redirects

    def of(self, wire: bytes) -> tuple[int, list[Rule | SideRule]] | None:
        """The line of a zone and the rules that it made. None: there is no such zone, or it was forgotten."""
        return self._rules.get(wire)

    def blocked_data(self) -> Iterator[Rule]:
        """The names that are blocked by local data."""
        return iter(self._data.values())


class Tags:
    """Which zones have which tags, and which networks."""

    def __init__(self) -> None:
        self._zones: dict[bytes, tuple[int, set[str]]] = {}
        self._networks: dict[str, set[str]] = {}
        self._pairs = self._clients = 0

    def add(self, word: str, subject: str, tags: str, number: int) -> Skip | None:
        """One option: the tags of a zone, or of a network. Returns why it is left out, if it is."""
        names = tags.split()
        if not names:
            return Skip("invalid", "not-unbound")
        if word == "local-zone-tag":
            return self._tag_zone(subject, names, number)
        try:
            network = str(ipaddress.ip_network(subject, strict=False))
        except ValueError:
            return Skip("invalid", "bad-network")
        if self._pairs + len(names) > MAX_NETWORKS:
            return _TOO_MANY
        self._pairs += len(names)
        for name in names:
            self._networks.setdefault(name, set()).add(network)
        return Skip("ignored", "tag")

    def _tag_zone(self, subject: str, names: list[str], number: int) -> Skip | None:
        zone = read_name(subject, BLOCK_BOTH)
        if not isinstance(zone, Rule):
            return zone if isinstance(zone, Skip) else None
        if zone.wire not in self._zones and len(self._zones) >= MAX_ZONES:
            return _TOO_MANY
        self._zones.setdefault(zone.wire, (number, set()))[1].update(names)
        return Skip("ignored", "tag")

    def above(self, wire: bytes) -> bytes | None:
        """The closest name with tags that is this one or above it."""
        if not self._zones:
            return None
        at = 0
        while wire[at]:
            if wire[at:] in self._zones:
                return wire[at:]
            at += 1 + wire[at]
        return None

    def limit(self, rule: SideRule, zone: bytes) -> Iterator[Item]:
        """A rule, for the clients only that a tagged zone is for."""
        tags = self._zones[zone][1]
        clients = sorted(set().union(*(self._networks.get(tag, set()) for tag in tags)))
        self._clients += len(clients)
        if not clients:
            yield Skip("unenforceable", "tag-without-clients")
        elif self._clients > MAX_CLIENTS:
            yield Skip("unenforceable", "too-many-side-rules")
        else:
            yield msgspec.structs.replace(rule, clients=tuple(clients))

    def finish(self, zones: Zones) -> Iterator[tuple[int, Item]]:
        """What the tags make of the zones."""
        if not self._zones:
            return
        for rule in zones.blocked_data():
            if self.above(rule.wire) is not None:  # the zone above blocks the name where it should
                yield 0, Void(rule)
        for wire, (number, _) in self._zones.items():
            found = zones.of(wire)
            if found is None and zones.full:
                yield number, Void(Rule(wire, BLOCK_BOTH))
                yield number, Void(Rule(wire, ALLOW_BOTH))
            if found is None:
                yield number, _TOO_MANY if zones.full else Skip("invalid", "tag-without-zone")
                continue
            for zone_rule in found[1]:
                yield found[0], Void(zone_rule)
                for item in self.limit(_as_side(zone_rule), wire):
                    yield found[0], item


def _as_side(rule: Rule | SideRule) -> SideRule:
    """A rule that can have conditions."""
    if isinstance(rule, SideRule):
        return rule
    allows = rule.flags & ALLOW_BOTH
    reach = rule.flags // (ALLOW_APEX if allows else BLOCK_APEX)
    return SideRule(action=ALLOW if allows else BLOCK, key=key_of(rule.wire), reach=reach)
