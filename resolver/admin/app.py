"""The HTTP process, put together: every route in one table, every layer in one order.

A request passes, from the outside in:

    Door          may this connection come in, and is it HTTP?       (connections)
    observe       one event in the log, whatever happens below       (events)
    guard         whatever is raised below becomes a problem         (problems)
    authenticate  nobody passes without a token                      (auth)
    bind          parameters, body, time limit, 304                  (frame)
    handler       the resource itself                                (lists, generations, ...)

The log stands outside the guard, so that it sees the status that was sent; the guard stands outside
authentication, so that a broken token file is a problem document too; nothing of a body is read
before the token is known to be good.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import HttpVersion11, hdrs, web

from resolver.admin import (
    cache,
    explain,
    generations,
    health,
    lists,
    openapi,
    overlap,
    policy,
    records,
    transactions,
)
from resolver.admin.auth import Failures, authenticate
from resolver.admin.changes import Changes
from resolver.admin.compilers import Compilers
from resolver.admin.connections import HEADERS, Door
from resolver.admin.events import observe
from resolver.admin.frame import bind
from resolver.admin.http import Route, Services
from resolver.admin.merger import Merger
from resolver.admin.problems import document, guard, problem
from resolver.admin.tokens import FILE, Tokens
from resolver.admin.upload import empty_spool, spool_folder
from resolver.admin.workers import Workers
from resolver.generation.blobs import Blobs
from resolver.generation.store import FILE_NAME, Store
from resolver.settings import Settings

ROUTES: Final[list[Route]] = [
    *health.ROUTES,
    *lists.ROUTES,
    *overlap.ROUTES,
    *transactions.ROUTES,
    *generations.ROUTES,
    *policy.ROUTES,
    *records.ROUTES,
    *explain.ROUTES,
    *cache.ROUTES,
    *openapi.ROUTES,
]
"""The whole API, in the order in which the documentation shows it."""

BACKLOG: Final = 128
"""Connections that the kernel keeps waiting while this process is busy, or is being started again."""

FINISH_SECONDS: Final = 3.0
"""How long requests may go on after a stop was asked for, and how long the end of those that are then
cancelled may take. The supervisor waits for 10 s in all."""
CHANGE_SECONDS: Final = 2.0
"""How long a change that outlives its request may go on after that."""


def create_app(
    services: Services, routes: Sequence[Route] = tuple(ROUTES), failures: Failures | None = None
) -> web.Application:
    """The application of these routes, in the layers drawn above. `failures` counts wrong tokens."""
    known: dict[web.AbstractRoute, Route] = {}
    wall = authenticate(services.tokens, known, Failures() if failures is None else failures)
    app = web.Application(middlewares=[observe, guard, wall])
    for route in routes:
        handler = bind(route, services)
        # RFC 9110 9.1: whatever can be got can be asked about.
        methods = [route.method] if route.method != hdrs.METH_GET else [hdrs.METH_GET, hdrs.METH_HEAD]
        for method in methods:
            known[app.router.add_route(method, route.path, handler, expect_handler=_expect)] = route
    app[health.PULSE] = health.Pulse(services.workers)
    app[openapi.DOCUMENT] = msgspec.json.encode(openapi.build(routes))
    app.on_response_prepare.append(_add_headers)
    return app


async def _expect(request: web.Request) -> web.StreamResponse | None:
    """Leave `Expect: 100-continue` (RFC 9110 10.1.1) to whoever reads the body.

    aiohttp would say "go on" at once, so that a caller without a token sends its whole list in vain.
    """
    expected = request.headers.get(hdrs.EXPECT, "")
    if request.version >= HttpVersion11 and expected.lower() != "100-continue":
        response = document(problem("expectation-failed", "Only 100-continue is known."))
        response.force_close()
        return response
    return None


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


@contextlib.asynccontextmanager
async def open_services(settings: Settings, channels: list[socket.socket]) -> AsyncIterator[Services]:
    """Everything that the handlers need, opened in order and closed in reverse.

    `channels[i]` is the control socket of worker i. Raises StoreError and ProcessError.
    """
    data = Path(settings.data_dir)
    async with contextlib.AsyncExitStack() as stack:
        empty_spool(spool_folder(settings))
        store = Store(data / FILE_NAME)
        stack.callback(store.close)
        tokens = Tokens(data / FILE)
        stack.callback(tokens.close)
        blobs = Blobs(data / "blobs")
        compilers = Compilers()
        stack.push_async_callback(compilers.close)
        workers = Workers(channels)
        stack.callback(workers.close)
        # Children of its own: a base that takes a minute must not hold up a push.
        merging = Compilers(spare=0, at_once=1)
        stack.push_async_callback(merging.close)
        merger = Merger(store, blobs, merging, workers)
        stack.push_async_callback(merger.close)
        changes = Changes(store, blobs, compilers, workers, settings, moved=merger.consider)
        stack.push_async_callback(changes.close, CHANGE_SECONDS)
        workers.start()
        await compilers.start()
        await changes.resume()
        yield Services(
            settings=settings,
            store=store,
            blobs=blobs,
            compilers=compilers,
            workers=workers,
            changes=changes,
            tokens=tokens,
            started=time.monotonic(),
        )


@contextlib.asynccontextmanager
async def serving(app: web.Application, sockets: Sequence[socket.socket]) -> AsyncIterator[Door]:
    """Answer on these bound sockets while the block runs; then let requests finish.

    A request that does not finish in time is cancelled: an upload leaves nothing, a change that has
    begun belongs to `Changes` and is waited for there.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=FINISH_SECONDS)
    await runner.setup()
    server = runner.server
    assert server is not None  # noqa: S101 - setup() has made it
    door = Door(server)
    loop = asyncio.get_running_loop()
    listening = [await loop.create_server(door, sock=one, backlog=BACKLOG) for one in sockets]
    try:
        yield door
    finally:
        for one in listening:
            one.close()
        await runner.cleanup()
