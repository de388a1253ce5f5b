"""The door of the HTTP process: how many may come in, and how long they may say nothing.

aiohttp's protocol with three things added. A bound on connections, in all and from one address, beyond
which a newcomer gets a short 503 instead of silence: one neighbour with a broken script must not lock the
administrator out. Octets that are no HTTP get a problem document like every other mistake. And a
reader that takes nothing for half a minute is given up by the kernel (TCP_USER_TIMEOUT).

A connection that never finishes its request headers is ended by aiohttp itself after
`keepalive_timeout`, counted from the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from typing import Any, Final

import structlog
from aiohttp import hdrs, web

from resolver.admin.problems import document, problem

_log = structlog.get_logger(__name__)

MAXIMUM: Final = 256
PER_ADDRESS: Final = 128

OPTIONS: Final[dict[str, Any]] = {
    "auto_decompress": False,  # upload.py unpacks, with bounds
    "keepalive_timeout": 15.0,
    "lingering_time": 2.0,  # to read on after a refusal, so that the caller sees it
    "max_line_size": 4096,
    "max_field_size": 4096,
    "max_headers": 64,
    "access_log": None,  # events.py writes one event per request
    "tcp_keepalive": True,
}
"""What aiohttp's protocol is told. Octets, seconds."""

HEADERS: Final = {
    hdrs.SERVER: "Belisha",  # without versions
    "X-Content-Type-Options": "nosniff",
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""On every answer: it is for the one who asked, and never a page."""

_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n"
    b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s"
)
_PARTING: Final = 0.2
"""Seconds that a refused connection stays open, so that closing it does not tear up the answer."""
_PARTINGS: Final = 64
"""Refused connections that get that much politeness at the same time; the others are just closed."""

_STALLED_MILLISECONDS: Final = 30_000


class Door:
    """The protocol factory of the listening sockets, and the count of who is inside."""

    def __init__(self, server: web.Server, *, maximum: int = MAXIMUM, per_address: int = PER_ADDRESS) -> None:
        self._server: Final = server
        self._maximum: Final = maximum
        self._per_address: Final = per_address
        self._inside: Final[Counter[str]] = Counter()
        self.parting = 0

    def __call__(self) -> Guest:
        """The protocol for one connection."""
        return Guest(self, self._server)

    @property
    def inside(self) -> int:
        """How many connections are open."""
        return self._inside.total()

    def enter(self, address: str) -> bool:
        """Whether one more may come in from there; it is counted then, until `leave`."""
        if self.inside >= self._maximum or self._inside[address] >= self._per_address:
            return False
        self._inside[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One that was let in has gone."""
        self._inside[address] -= 1
        if self._inside[address] <= 0:
            del self._inside[address]


class Guest(web.RequestHandler):
    """One connection."""

    __slots__ = ("_address", "_door", "_let_in", "_parting")

    def __init__(self, door: Door, server: web.Server) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **OPTIONS)
        self._door: Final = door
        self._address = ""
        self._let_in = False
        self._parting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let in or turn away."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server promises
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        self._let_in = self._door.enter(self._address)
        if not self._let_in:
            self._turn_away(transport)
            return
        with contextlib.suppress(OSError, AttributeError):  # not on every kernel
            transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MILLISECONDS
            )
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Octets for aiohttp; those of a refused connection go nowhere."""
        if self._let_in:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room for the next."""
        if self._let_in:
            self._door.leave(self._address)
            super().connection_lost(exc)
        elif self._parting:
            self._door.parting -= 1

    def _turn_away(self, transport: asyncio.Transport) -> None:
        """Answer 503 without reading, and close."""
        body = document(problem("busy", "All connections are in use; try again soon.")).body
        transport.write(_BUSY % (len(body), body) if isinstance(body, bytes) else b"")
        if self._door.parting >= _PARTINGS:
            transport.close()
            return
        self._door.parting += 1
        self._parting = True
        transport.write_eof()
        asyncio.get_running_loop().call_later(_PARTING, transport.close)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP, or failed outside every handler: a problem document, then the end.

        aiohttp's text is left out: it repeats the octets that came.
        """
        if isinstance(exc, ConnectionError):
            raise exc  # the caller hung up: no fault of ours, and nobody to tell; aiohttp cleans up
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way, no other can be sent")
        if status < 500:
            _log.info("request.unreadable", address=self._address, error=str(exc)[:200])
            found = problem("request-invalid", "This is not HTTP, or a header is broken or too long.")
        else:
            _log.error("request.crashed", exc_info=exc)
            found = problem("internal-error", "This is a fault of Belisha; its log holds the details.")
        response = document(found)
        response.headers.update(HEADERS)
        response.force_close()
        return response
