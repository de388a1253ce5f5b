"""Cookies for upstreams: what each is sent, and whether its replies prove that they are its own.

RFC 7873 5.1 and 5.3, with RFC 9018 3. Each upstream gets a client cookie of its own, random, so that two
of them cannot compare what they saw. An upstream that knows cookies sends it back with every reply, which
an attacker who does not see our packets cannot: 64 bits beside the ID and the port. What it adds, its
server cookie, is shown to it with the next query.

Client cookies are made anew every hour: they should not outlive our address for long, and an upstream that
has given up cookies is expected to send some for no longer than that. The one before is still accepted,
for replies under way. This module must not know sockets; nothing here may raise for what an upstream sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from resolver.dns import registry
from resolver.dns.cookies import split
from resolver.dns.edns import written
from resolver.dns.query import option

FORGED: Final = 0
"""Not from this upstream: to be ignored, and the wait goes on (RFC 7873 5.3)."""
ACCEPTED: Final = 1
"""Nothing speaks against it."""
MISSING: Final = 2
"""An upstream that always sent cookies has sent none: over UDP it proves nothing, and the question is to be
asked again over TCP. RFC 7873 5.3 would have it discarded; but some of the servers behind one address may
know cookies and others not, and whoever asks them must get an answer."""

HOUR: Final = 3600.0
"""Seconds that a client cookie is used."""

_MOST: Final = 1_024
"""Upstreams remembered. The settings name a handful; beyond this all begin anew."""


class _Upstream:
    """What is known of one upstream.

    client   our cookie for it; `former` is the one before
    server   what it gave us (b"" for nothing yet)
    option   both as the option that is sent
    knows    whether it has ever sent our cookie back together with its own
    until    seconds on the caller's clock when a new client cookie is due
    """

    __slots__ = ("client", "former", "knows", "option", "server", "until")

    def __init__(self, client: bytes, former: bytes, until: float) -> None:
        self.client = client
        self.former = former
        self.server = b""
        self.option = written(registry.OPTION_COOKIE, client)
        self.knows = False
        self.until = until


class UpstreamCookies:
    """The cookies of one worker towards its upstreams. `chance` gives 32 random bits at a time."""

    __slots__ = ("_chance", "_upstreams")

    def __init__(self, chance: Iterator[int]) -> None:
        self._chance = chance
        self._upstreams: dict[str, _Upstream] = {}

    def for_query(self, server: str, now: float) -> bytes:
        """The COOKIE option for a query to this upstream, whole, for its OPT. `server` is any name for it;
        `now` in seconds on a clock that never goes back."""
        found = self._upstreams.get(server)
        if found is None or now >= found.until:
            found = self._begun(server, now)
        return found.option

    def check(self, server: str, options: bytes) -> int:
        """FORGED, ACCEPTED or MISSING for a UDP reply to a query that carried our cookie, whatever its
        rcode; `options` is the RDATA of its OPT, b"" without one. What it gives is kept for the next query.

        After BADCOOKIE in an accepted reply the next query has the right cookie; after the second in a row
        TCP is the way (RFC 7873 5.3).
        """
        known = self._upstreams.get(server)
        if known is None:
            return ACCEPTED
        data = option(options, registry.OPTION_COOKIE)
        if data is None:
            return MISSING if known.knows else ACCEPTED
        parts = split(data)
        if parts is None:
            return FORGED
        client, given = parts
        if client != known.client:
            return ACCEPTED if client == known.former else FORGED
        if given and given != known.server:
            known.server = given
            known.option = written(registry.OPTION_COOKIE, client + given)
        known.knows = known.knows or bool(given)
        return ACCEPTED

    def _begun(self, server: str, now: float) -> _Upstream:
        """A new client cookie; the server cookie belongs to the old one and is forgotten with it."""
        before = self._upstreams.get(server)
        if before is None and len(self._upstreams) >= _MOST:
            self._upstreams.clear()
        client = next(self._chance).to_bytes(4, "big") + next(self._chance).to_bytes(4, "big")
        found = _Upstream(client, before.client if before else client, now + HOUR)
        self._upstreams[server] = found
        return found
