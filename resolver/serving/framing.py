"""Messages with their length before them, in both directions, on a connection that we opened.

RFC 1035 4.2.2: two octets of length, then the message. RFC 7766 8: both leave in one segment. Whole
messages are handed on as they come; what is kept of an unfinished one is bounded by what two octets
can say. This module must not know what a message holds, nor who waits for it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

from resolver.serving.tidying import beneath, untie


class Framed(asyncio.Protocol):
    """One connection. `message(octets)` is called for each that comes, `lost()` once at the end."""

    def __init__(self) -> None:
        self._buffer: Final = bytearray()
        self._transport: asyncio.Transport | None = None
        self._beneath: asyncio.BaseTransport | None = None
        self.message: Callable[[bytes], None] = _nobody
        self.lost: Callable[[], None] = _nobody_at_all

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; with TLS, after the handshake."""
        self._transport = cast(asyncio.Transport, transport)
        self._beneath = beneath(transport)

    def data_received(self, data: bytes) -> None:
        """Hand on every whole message, until nobody wants the rest."""
        buffer = self._buffer
        buffer += data
        position, size = 0, len(buffer)
        while size - position >= 2:
            end = position + 2 + (buffer[position] << 8 | buffer[position + 1])
            if size < end:
                break
            self.message(bytes(buffer[position + 2 : end]))
            position = end
        del buffer[:position]

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever wanted it. Whoever heard of messages is let go of, who holds on to this."""
        untie(self._beneath)
        self._transport = self._beneath = None
        lost = self.lost
        self.unheard()
        lost()

    def unheard(self) -> None:
        """Nobody hears of anything any more."""
        self.message, self.lost = _nobody, _nobody_at_all

    @property
    def closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The finished handshake; None without TLS, or when the connection has ended."""
        found = self._transport.get_extra_info("ssl_object") if self._transport else None
        return found if isinstance(found, ssl.SSLObject) else None

    def send(self, octets: bytes) -> None:
        """Send one message; the caller bounds how many the peer may leave unread."""
        if self._transport is not None:
            self._transport.write(len(octets).to_bytes(2, "big") + octets)

    def close(self) -> None:
        """Close it in good order, which with TLS says goodbye first."""
        self.message = _nobody
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it at once: nothing good can come from it any more."""
        self.message = _nobody
        if self._transport is not None:
            self._transport.abort()


def _nobody(_: bytes) -> None:
    """Takes what nobody waits for."""


def _nobody_at_all() -> None:
    """Hears of an end that nobody asked about."""
