"""Response rate limiting: how often one client network is told the same thing over UDP.

Whoever forges a victim's address wants many large answers to go there. They can only be had by asking for
the same again and again, or for names that do not exist below the same one; so what is counted is an
answer, not a question (as BIND and NSD do it):

    NOERROR             the client's network, the qname and qtype
    NXDOMAIN, SERVFAIL  the network and the name above the qname, so that random names count as one
    any other rcode     the network alone

A client that is over the limit is told by TC to come back over TCP, where no address can be forged, or
nothing at all, in turn (`resolver.serving.limits`).
"""

from __future__ import annotations

from typing import Final

from resolver.dns import registry
from resolver.dns.answers import truncated
from resolver.dns.query import Query
from resolver.serving.limits import SLIPPED, WITHIN, RateLimiter

_ABOVE: Final = frozenset((registry.NXDOMAIN, registry.SERVFAIL))
"""Response codes that a flood of random names gets."""


def answer_key(network: bytes, query: Query, reply: bytes) -> bytes:
    """What is counted for this answer to a client in this network."""
    rcode = reply[3] & registry.RCODE_MASK
    head = bytes((len(network), rcode)) + network
    if rcode == registry.NOERROR:
        return head + query.folded + query.qtype.to_bytes(2, "big")
    if rcode in _ABOVE:
        # The root has nothing above it: its length octet is 0, and what follows it is nothing.
        return head + query.folded[1 + query.folded[0] :]
    return head


class ResponseLimiter:
    """`rate`: equal answers a second to one network."""

    __slots__ = ("_limiter",)

    def __init__(self, rate: int) -> None:
        self._limiter: Final = RateLimiter(rate)

    def temper(self, network: bytes, query: Query, reply: bytes, now: float) -> bytes | None:
        """The reply, its truncated form, or None for silence."""
        verdict = self._limiter.judge(answer_key(network, query, reply), now)
        if verdict == WITHIN:
            return reply
        return truncated(query) if verdict == SLIPPED else None
