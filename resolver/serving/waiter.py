"""A client's question that an answer is awaited for, and how its reply leaves.

Whoever waits is told exactly once: a reply through its sink, or that there will be none. This module
must not know upstreams; who waits is the same whether one is asked or a cache answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from resolver.dns.answers import Relay
from resolver.dns.query import Query
from resolver.policy.decide import Ruling
from resolver.policy.replies import FORGED, Opts
from resolver.rules.side import Answer
from resolver.serving.snapshot import Snapshot

MAX_WAITERS: Final = 4_096
"""Clients that wait for one question (a whole school may ask for the same page at once); a further one is
dropped and may ask again."""

Sink = Callable[[object, bytes], None]
"""Sends a reply later: (whom the listener gave, octets). `SILENCE` says that there will be none."""

SILENCE: Final = b""
"""In a reply's place: nobody answers this question, now or later, and nobody waits for it any more."""


class Waiter(NamedTuple):
    """One client's question, and what is to be done with it.

    query     as the client asked it
    udp       whether its reply is bounded by `Query.udp_limit`
    host      the client's address as text: who shares an exchange may still get different answers
    snapshot  the generation that gave `ruling`: another one in service must be asked anew
    led       the answer whose CNAME leads to the exchange's question; None: it is the client's own
    lacking   an answer without IPv6 addresses (None: no answer) for which some are being made (DNS64); None:
              nothing is being made
    opts      the OPT records of that answer (`resolver.policy.replies`)
    """

    query: Query
    sink: Sink
    peer: object
    udp: bool
    host: str
    snapshot: Snapshot
    ruling: Ruling
    led: Answer | None = None
    opts: Opts = FORGED
    lacking: tuple[Relay | None] | None = None
