"""The layers put together, and requests made from our own OpenAPI document against the whole API."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as effort
from schemathesis.checks import positive_data_acceptance

from resolver.admin import app
from resolver.admin.app import ROUTES, create_app, open_services, serving
from resolver.admin.auth import Failures
from resolver.admin.http import Context, RawBody, Route
from resolver.admin.upload import spool, spool_folder
from resolver.errors import StoreError
from tests.unit.admin.peers import Peer, good, pairs
from tests.unit.admin.plane import Plane, echo, running, settings

OPEN = Route("GET", "/open", "public", echo, "open")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/open", 200), ("HEAD", "/open", 200), ("GET", "/x", 404), ("PUT", "/open", 405)],
)
async def test_every_answer_carries_the_same_headers(
    tmp_path: Path, method: str, target: str, status: int
) -> None:
    async with running(tmp_path, [OPEN]) as plane:
        reply = await plane.ask(method, target)
        assert reply.status == status
        assert reply.headers["server"] == "Belisha"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert (reply.body == b"") == (method == "HEAD")
        if status == 405:
            assert reply.headers["allow"] == "GET, HEAD"


def test_no_two_routes_are_the_same() -> None:
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


async def test_expectations_are_known_or_refused(tmp_path: Path) -> None:
    async with running(tmp_path, [OPEN]) as plane:
        reply = await plane.ask("GET", "/open", scopes=None, headers={"Expect": "tea"})
        assert (reply.status, reply.code) == (417, "expectation-failed")
        assert (await plane.ask("GET", "/open", headers={"Expect": "100-continue"})).status == 200


async def test_a_stop_lets_requests_finish_and_takes_no_new_ones(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(ctx: Context) -> Any:
        begun.set()
        await go_on.wait()
        return await echo(ctx)

    async with asyncio.timeout(20):
        async with running(tmp_path, [Route("GET", "/v1/slow", "read", slow, "slow")]) as plane:
            answer = asyncio.create_task(plane.ask("GET", "/v1/slow"))
            await begun.wait()
            asyncio.get_running_loop().call_later(0.2, go_on.set)
        assert (await answer).status == 200
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(plane.host, plane.port)


async def test_a_stop_ends_what_does_not_finish_and_leaves_no_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "FINISH_SECONDS", 0.1)
    begun = asyncio.Event()

    async def stuck(ctx: Context) -> NoReturn:
        async with spool(ctx.request, ctx.settings):
            begun.set()
            await asyncio.Event().wait()
        raise AssertionError

    routes = [Route("PUT", "/v1/stuck", "admin", stuck, "stuck", body=RawBody("x"))]
    async with asyncio.timeout(20):
        async with running(tmp_path, routes) as plane:
            answer = asyncio.create_task(plane.send(_put(plane, b"x")))
            await begun.wait()
            assert len(plane.spooled()) == 1
        await asyncio.wait([answer])
        assert plane.spooled() == []


def _put(plane: Plane, body: bytes) -> bytes:
    head = f"PUT /v1/stuck HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {plane.token('admin')}\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


async def test_services_open_on_what_a_killed_process_left(tmp_path: Path) -> None:
    folder = spool_folder(settings(tmp_path))
    folder.mkdir()
    (folder / "tmpleft").write_bytes(b"half a list")
    async with open_services(settings(tmp_path), []) as services:
        assert list(folder.iterdir()) == []
        assert services.store.current() is None
        assert not services.tokens.any()
    with pytest.raises(StoreError):
        async with open_services(settings(tmp_path / "missing"), []):
            raise AssertionError("it opened")


@asynccontextmanager
async def whole(folder: Path, failures: Failures | None = None) -> AsyncIterator[Plane]:
    """The whole process in miniature: real services, a compiler, one scripted worker."""
    with pairs(1) as (near, far), socket.create_server(("127.0.0.1", 0)) as listener:
        peer = Peer(far[0], good())
        async with open_services(settings(folder), near) as services:
            peer.start()
            try:
                async with serving(create_app(services, failures=failures), [listener]) as door:
                    host, port = listener.getsockname()[:2]
                    yield Plane(services, door, host, port)
            finally:
                peer.stop()


async def test_a_list_is_pushed_explained_and_rolled_back(tmp_path: Path) -> None:
    """Through every layer at once: what a new user does first."""
    async with whole(tmp_path) as plane:
        for text in (b"bad.example\n", b"worse.example\n"):
            pushed = await plane.ask("PUT", "/v1/lists/mine/content?reason=test", text)
            assert pushed.status in (200, 201), pushed.body
        explained = await plane.ask("GET", "/v1/explain?name=worse.example", scopes=["read"])
        assert explained.status == 200, explained.body
        assert (await plane.ask("GET", "/readyz", scopes=None)).status == 200
        numbers = await plane.ask("GET", "/v1/generations", scopes=["read"])
        assert numbers.status == 200
        assert (await plane.ask("POST", "/v1/generations/1/activate")).status == 200
        assert plane.services.store.current() == 1
        assert plane.spooled() == []


class Server(threading.Thread):
    """The whole process in a thread of its own, for a client that is not asynchronous."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self.base = self.token = ""

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with whole(self._folder, Failures(limit=1_000_000)) as plane:
            self.base = f"http://{plane.host}:{plane.port}"
            self.token = plane.token("admin")
            await plane.ask("PUT", "/v1/lists/news/content", b"bad.example\n")
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Server:
        self.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None and self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running_server:
        yield running_server


EXAMPLES = int(os.environ.get("BELISHA_TEST_API_EXAMPLES", "12"))
"""Requests for each operation and mode, by default few enough for every run of the tests."""

CONFIG = schemathesis.Config.from_dict(
    # Any refusal of an invalid request will do: a precondition may fail before the body is looked at.
    {"checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}}}
)
VALID, INVALID = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


def _attempts() -> Iterator[Any]:
    for route in ROUTES:
        name = f"{route.method} {route.path}"
        yield pytest.param(route, VALID, id=f"{name} valid")
        # Where nothing is declared, nothing can be invalid.
        if route.query or route.body or route.etag or "{" in route.path:
            yield pytest.param(route, INVALID, id=f"{name} invalid")


@pytest.mark.slow
@pytest.mark.parametrize(("route", "mode"), list(_attempts()))
def test_requests_made_from_the_document_find_no_fault(
    server: Server, route: Route, mode: schemathesis.GenerationMode
) -> None:
    """No 5xx, no way past the token, and every answer as the document says.

    One check is left out: what is well-formed is not yet accepted (a precondition that does not
    hold, a line that is no rule).
    """
    headers = {"Authorization": f"Bearer {server.token}"}
    schema = schemathesis.openapi.from_url(f"{server.base}/openapi.json", config=CONFIG)
    requests = schema[route.path][route.method].as_strategy(generation_mode=mode)

    @effort(
        max_examples=EXAMPLES,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(requests)
    def attempt(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, timeout=20, excluded_checks=[positive_data_acceptance])

    attempt()
