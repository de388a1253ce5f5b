"""TTLs within bounds that whoever runs this resolver has set: how long answers are kept, and said to hold.

A floor spares upstreams the names that change every few seconds; a cap makes every name be asked again in
time. Both hold for what clients are told as for what is kept here, so that nobody keeps an answer longer than
we say. What may not be kept at all (a failure, a negative answer without an SOA or with a life of 0) is not
made to last by a floor.
"""

from __future__ import annotations

from resolver.dns import registry
from resolver.dns.records import Walk, write_ttls


def bounded(walk: Walk, least: int, most: int) -> Walk:
    """The walk with every TTL, and so its lifetime, raised to `least` and then lowered to `most` seconds."""
    lasts = walk.lifetime > 0 or (walk.rcode == registry.NOERROR and not walk.negative)
    floor = least if lasts else 0
    ttls = tuple(min(max(ttl, floor), most) for ttl in walk.ttls)
    if ttls == walk.ttls:
        return walk
    body = write_ttls(walk.body, walk.offsets, ttls)
    return walk._replace(body=body, ttls=ttls, lifetime=min(ttls) if lasts else 0)
