"""Known flows: the octets of a query → the octets of its answer, ready to be sent.

The key is the whole datagram but its ID: a client that asks the same again sends the same octets,
so one dictionary look-up replaces parsing, policy and cache. What differs in the answer is only the
ID and, for relayed answers, the TTLs, which move once a second.

    Ready   the shared parts of a block, which does not age: valid until the next swap
    Flow    a relayed answer; rendered anew when its whole second is over

The table is bounded and fair (`resolver.serving.halves`); a swap empties it in one step. This module
must not know lists, policy or sockets.
"""

from __future__ import annotations

from typing import Final

from resolver.dns.answers import Relay
from resolver.dns.blocking import Ready
from resolver.dns.query import Query
from resolver.serving.halves import Halves

FLOW_OCTETS: Final = 40 << 20
"""Default bound for a worker's flows, in octets as estimated by `_COST`."""

_COST: Final = 160
"""Octets of a dictionary entry and of its key's head, beside the octets of the key."""

_FLOW_COST: Final = 190
"""What a Flow with its Query and its answer's head weighs beside that."""


class Flow:
    """A relayed answer of one flow. `until`: seconds on the caller's clock when it needs renewing."""

    __slots__ = ("query", "relay", "tail", "until")

    def __init__(self, query: Query, relay: Relay, now: float) -> None:
        self.query = query
        self.relay = relay
        self.tail = b""
        self.until = 0.0
        self.renew(now)

    @property
    def octets(self) -> int:
        """What the answer weighs: as it is sent, and as it was relayed."""
        return len(self.tail) + self.relay.octets

    def renew(self, now: float) -> bool:
        """Render the answer for the present second; False when it is too old to be given, or should be
        fetched again, which is not decided here."""
        relay = self.relay
        age = int(now - relay.stored)
        if age >= relay.lifetime or now >= relay.due:
            return False
        self.tail = relay.render(self.query, age)[2:]
        self.until = relay.stored + age + 1
        return True


Entry = Ready | Flow


class FlowTable(Halves[bytes, Entry]):
    """The flows of one view. The datapath reads `young` directly and asks `promote` for the rest."""

    __slots__ = ()

    def __init__(self, octets: int = FLOW_OCTETS) -> None:
        super().__init__(octets)

    def put(self, key: bytes, entry: Entry) -> None:
        """Remember the answer to a flow."""
        if isinstance(entry, tuple):
            self.keep(key, entry, len(key) + _COST)
        else:
            self.keep(key, entry, 2 * len(key) + entry.octets + _COST + _FLOW_COST)

    def promote(self, key: bytes) -> Entry | None:
        """The entry of the old half, moved to the young one; None when it is not known."""
        entry = self.old.pop(key, None)
        if entry is not None:
            self.put(key, entry)
        return entry
