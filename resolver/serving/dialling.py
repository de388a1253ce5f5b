"""Opening a connection to an upstream: to which of its addresses, with TLS or without, how long.

    its addresses, the one that answered last first ──► TCP ──► handshake ──► check ──► a connection

An upstream of several addresses (a name that was looked up) is tried at each in turn. One that may be
used unchecked and does not speak TLS at all is asked in plain TCP, and for a while TLS is not tried
again (RFC 8310 5: opportunistic privacy falls back to clear text). A task for each connection, never
for a question. This module must not know what is asked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from resolver.events import log
from resolver.serving import tls
from resolver.serving.framing import Framed
from resolver.upstreams import PLAIN_PORT, Endpoint, UpstreamAddress

ATTEMPT_SECONDS: Final = 1.5
"""For TCP and handshake at one address."""
MAX_PLACES: Final = 3
"""Addresses tried for one connection; the next begins where this one ended."""
PLAIN_SECONDS: Final = 300.0
"""How long an opportunistic upstream that failed at TLS is asked without."""
_GOODBYE_SECONDS: Final = 1.0
"""How long a peer may take over the end of TLS."""

Places = Callable[[], Awaitable[Sequence[Endpoint]]]
"""Gives the addresses of an upstream, best first; empty when nobody knows them."""


class Dialler:
    """Opens connections to one upstream, one at a time; who calls decides when, and how often."""

    def __init__(
        self, address: UpstreamAddress, clock: Callable[[], float], places: Places | None = None
    ) -> None:
        """`places` is needed for an upstream that is `named`, and only for it."""
        self._address: Final = address
        self._clock: Final = clock
        self._places: Final = places
        self._context = tls.context_for(address) if address.scheme == "tls" else None
        self._notice: Final = tls.Notice(address)
        self._plain_until = 0.0
        self._turn = 0

    async def dial(self) -> Framed:
        """A connection that can be trusted as far as the settings ask for it. Raises OSError."""
        if self._places is not None:
            places = await self._places()
        else:
            # A name is never left to the system to look up: it may ask us.
            places = () if self._address.named else (self._address.endpoint,)
        why = "no address of the upstream is known"
        for _ in range(min(len(places), MAX_PLACES)):
            try:
                return await self._attempt(places[self._turn % len(places)])
            except OSError as error:
                why = str(error)
                # Its frames hold it and it holds them, some kilobytes, and nobody collects such cycles
                # (`resolver.serving.tidying`).
                error.__traceback__ = error.__context__ = error.__cause__ = None
                self._turn += 1
        raise OSError(why)

    def remember(self, connection: Framed) -> None:
        """Keep the session of a connection that did well, for the next one."""
        if self._context is not None and (established := connection.tls) is not None:
            self._context.session = established.session

    async def _attempt(self, place: Endpoint) -> Framed:
        """One connection to one address. Raises OSError."""
        if self._context is None or self._clock() < self._plain_until:
            return await self._plain(place)
        try:
            return await self._secure(place, self._context)
        except OSError as error:
            self._context.session = None
            if isinstance(error, ssl.SSLError):
                self._notice.failed(tls.reason(error), self._clock())
            if not self._address.opportunistic:
                raise
        connection = await self._plain(place)
        self._plain_until = self._clock() + PLAIN_SECONDS
        log("an upstream is asked without encryption", "warning", upstream=str(self._address))
        return connection

    async def _plain(self, place: Endpoint) -> Framed:
        """TCP alone, at the port of plain DNS when the settings name that of TLS. Raises OSError."""
        port = PLAIN_PORT if self._address.scheme == "tls" else place.port
        async with asyncio.timeout(ATTEMPT_SECONDS):
            _, connection = await asyncio.get_running_loop().create_connection(Framed, place.host, port)
        return connection

    async def _secure(self, place: Endpoint, context: tls.Context) -> Framed:
        """TCP, handshake, check. Raises OSError."""
        async with asyncio.timeout(ATTEMPT_SECONDS):
            _, connection = await asyncio.get_running_loop().create_connection(
                Framed,
                place.host,
                place.port,
                ssl=context,
                server_hostname=self._address.certificate,
                ssl_handshake_timeout=ATTEMPT_SECONDS,
                ssl_shutdown_timeout=_GOODBYE_SECONDS,
            )
        why = tls.fault(self._address, connection.tls)
        if why:
            connection.abort()
            self._notice.failed(why, self._clock())
            raise OSError(why)
        self._notice.well()
        return connection
