"""The log of the HTTP process: JSON lines on standard error, one event for each request.

An event names the method, the template of the path (not the path: it holds what callers typed),
status, time and the name of the token. Never a token, a body or a query. The encoder escapes control
characters and everything beyond ASCII, so a hostile name cannot begin a line of its own or turn the
text around.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog
from aiohttp import web

from resolver.admin.auth import CALLER, NOBODY

_log = structlog.get_logger(__name__)

# `timestamp`, `level`, `event`, then the facts: the shape that every process of Belisha writes.
_SHARED: Final[list[Any]] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    structlog.processors.format_exc_info,
]


def _lead(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """When, how bad and what come first, as whoever reads along needs them."""
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return {**first, **event}


class _Lines(logging.StreamHandler[Any]):
    """Writes to standard error; a log that nobody takes never stops a request."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the event: there is nowhere left to tell it."""


def configure(level: int = logging.INFO) -> None:
    """Send structlog's events and those of the libraries the same way, once per process.

    Both end in logging, because aiohttp and asyncio know nothing else, and one line format is one
    thing less to parse.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = _Lines(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _lead,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def observe(request: web.Request, handler: _Next) -> web.StreamResponse:
    """One event for each request. A health check that goes well is only told at level debug.

    Status 0 stands for a caller who hung up, or an answer that was cut off.
    """
    begun = time.monotonic()
    status = 0  # stays so when the caller hung up
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        resource = request.match_info.route.resource
        caller = request.get(CALLER)
        tell = _log.debug if caller is NOBODY and 0 < status < 400 else _log.info
        tell(
            "request",
            method=request.method[:16],
            path=resource.canonical if resource else "",
            status=status,
            ms=round((time.monotonic() - begun) * 1000, 1),
            caller=caller.name if caller else "",
            address=request.remote or "",
        )
