"""What a forwarder refuses or answers with a form, whatever the name.

Zone transfers and key exchange are for servers that have zones and keys. A class other than IN asks what
software this is (CHAOS), or for everything there is (ANY), and neither is anybody's business. A question
without RD wants to know what others have asked for.
"""

from __future__ import annotations

from typing import Final

from resolver.dns import registry
from resolver.dns.answers import failure, minimal_any
from resolver.dns.query import Query
from resolver.records.counters import Counters

_TYPES: Final = {
    registry.AXFR: "zone transfers are not served here",
    registry.IXFR: "zone transfers are not served here",
    registry.TKEY: "key exchange is not served here",
    registry.TSIG: "TSIG is no question",
}

_CLASSES: Final = (registry.CLASS_CHAOS, registry.CLASS_ANY)


def unserved(query: Query, counters: Counters) -> bytes | None:
    """The reply to such a question, counted; None for every other one."""
    if query.qtype == registry.ANY and query.qclass not in _CLASSES:
        return minimal_any(query)  # RFC 8482 4.2
    if query.qtype in _TYPES:
        code, text = registry.EDE_NOT_SUPPORTED, _TYPES[query.qtype]
    elif query.qclass in _CLASSES:
        code, text = registry.EDE_NOT_SUPPORTED, "this class is not served here"
    elif not query.flags & registry.RD:
        code, text = registry.EDE_NOT_AUTHORITATIVE, ""  # RFC 8914 4.21
    else:
        return None
    counters.refused += 1
    return failure(query, registry.REFUSED, code, text)
