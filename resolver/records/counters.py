"""What a worker counts: plain integers, bumped on the packet path, read once a second.

A counter costs one attribute store. Nothing here formats, locks or logs; the admin process sums the
workers. Names are stable: they are part of `GET /v1/status`.
"""

from __future__ import annotations

from typing import Final

COUNTERS: Final = {
    "queries": "messages from clients, whatever came of them",
    "flow_hits": "answered from a known flow",
    "blocked": "answered by a blocking rule",
    "blocked_targets": "of these, blocked for where a CNAME led",
    "answered": "answered as a rule says itself, or left without an answer by one",
    "special": "special-use names answered here",
    "cache_hits": "answered from the answer cache",
    "stale": "answered from the answer cache after the answer's time, because no upstream did",
    "prefetched": "answers fetched again before their time was over",
    "failures_remembered": "answered with SERVFAIL because the same question had failed just before",
    "forwarded": "questions sent to an upstream, merged ones counted once",
    "merged": "questions that joined an equal one in flight",
    "refused": "clients outside the allowed networks, and questions we do not serve",
    "malformed": "messages answered with FORMERR, NOTIMP or BADVERS",
    "ignored": "messages that got silence: no queries at all",
    "failed": "answered with SERVFAIL because no upstream did",
    "shed": "dropped because there was too much to do, or too many questions were in flight",
    "limited": "over the rate of their client network, as questions or as equal answers",
    "slipped": "of these, told to ask over TCP; all others of them got silence",
    "unsent": "replies that the kernel would not take",
    "tcp_connections": "TCP connections accepted",
    "tcp_cut": "TCP connections cut for a limit or a broken frame",
    "upstream_packets": "messages sent to upstreams",
    "upstream_timeouts": "tries that an upstream left without an answer",
    "upstream_mismatches": "upstream messages that answered nothing we asked",
    "upstream_tcp": "answers fetched over TCP",
    "swaps": "generations taken into service since the start",
}
"""Name → what it counts."""


class Counters:
    """One integer for each name in `COUNTERS`."""

    __slots__ = tuple(COUNTERS)

    def __init__(self) -> None:
        for name in COUNTERS:
            setattr(self, name, 0)

    def snapshot(self) -> dict[str, int]:
        """The values now."""
        return {name: getattr(self, name) for name in COUNTERS}

    queries: int
    flow_hits: int
    blocked: int
    blocked_targets: int
    answered: int
    special: int
    cache_hits: int
    stale: int
    prefetched: int
    failures_remembered: int
    forwarded: int
    merged: int
    refused: int
    malformed: int
    ignored: int
    failed: int
    shed: int
    limited: int
    slipped: int
    unsent: int
    tcp_connections: int
    tcp_cut: int
    upstream_packets: int
    upstream_timeouts: int
    upstream_mismatches: int
    upstream_tcp: int
    swaps: int
