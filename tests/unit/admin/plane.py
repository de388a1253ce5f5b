"""The real HTTP process in miniature: real door, layers, store and tokens on a free port; and a client
that sends exactly the octets it is given, because a polite one would tidy up what these tests are about."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import msgspec

from resolver.admin.app import create_app, serving
from resolver.admin.connections import OPTIONS, Door
from resolver.admin.http import Context, RawBody, Route, Services, reply
from resolver.admin.tokens import FILE, Tokens
from resolver.admin.upload import spool, spool_folder
from resolver.generation.store import FILE_NAME, Store
from resolver.settings import Admin, Settings
from tests.unit.admin.peers import LONG, Script, good, playing

MEDIA_TYPE = "application/problem+json"


@dataclass
class Reply:
    """A whole answer, taken apart. Header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The last part of the problem's type; "" when the answer is no problem document."""
        if self.headers.get("content-type") != MEDIA_TYPE:
            return ""
        found = self.json
        assert found["status"] == self.status
        assert found["title"] and found["detail"]
        return str(found["type"]).removeprefix("urn:belisha:problem:")


def parse_reply(octets: bytes) -> Reply:
    """Read an answer that ended with the connection; answers of status 1xx are passed over."""
    head, _, body = octets.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1])
    if status < 200:
        return parse_reply(body)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Reply(status, headers, body)


@dataclass
class Plane:
    """A server that is running."""

    services: Services
    door: Door
    host: str
    port: int
    known: dict[tuple[str, ...], str] = field(default_factory=dict)

    def token(self, *scopes: str) -> str:
        """A token with these scopes."""
        if scopes not in self.known:
            self.known[scopes] = self.services.tokens.create(f"t{len(self.known)}", scopes)
        return self.known[scopes]

    async def send(
        self, octets: bytes, *, then: AsyncIterator[bytes] | None = None, end: bool = False
    ) -> bytes:
        """Send octets, then those of `then`, and read until the server closes. `end` half-closes first."""
        async with asyncio.timeout(LONG):
            reader, writer = await asyncio.open_connection(self.host, self.port)
            answer = asyncio.create_task(_read_all(reader))
            try:
                with suppress(ConnectionError):
                    writer.write(octets)
                    await writer.drain()
                    async for piece in then or _nothing():
                        writer.write(piece)
                        await writer.drain()
                        if answer.done():
                            break
                    if end:
                        writer.write_eof()
                return await answer
            finally:
                writer.close()

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        scopes: Sequence[str] | None = ("admin",),
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        then: AsyncIterator[bytes] | None = None,
        end: bool = False,
    ) -> Reply:
        """One request on a connection of its own. `body` sets Content-Length unless `headers` do."""
        lines = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        lines += [("Host", f"{self.host}:{self.port}"), ("Connection", "close")]
        if scopes is not None:
            lines.append(("Authorization", f"Bearer {self.token(*scopes)}"))
        framed = {"content-length", "transfer-encoding"} & {name.lower() for name, _ in lines}
        if body is not None and not framed:
            lines.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
        octets = head.encode("utf-8", "surrogateescape") + b"\r\n" + (body or b"")
        return parse_reply(await self.send(octets, then=then, end=end))

    def spooled(self) -> list[str]:
        """What lies in the spool folder."""
        return sorted(path.name for path in spool_folder(self.services.settings).iterdir())


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    """Everything until the end, also when the end is a reset."""
    parts: list[bytes] = []
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            parts.append(part)
    return b"".join(parts)


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for piece in empty:
        yield piece


def settings(folder: Path, **admin: Any) -> Settings:
    """Small limits: 1 MB received, 2 MB unpacked, unless `admin` says otherwise."""
    limits: dict[str, Any] = {"body_mb": 1, "list_mb": 2, "body_seconds": 20}
    return Settings(data_dir=str(folder), admin=Admin(**{**limits, **admin}))


@asynccontextmanager
async def running(
    tmp_path: Path, routes: Sequence[Route], *scripts: Script, **admin: Any
) -> AsyncIterator[Plane]:
    """These routes, served by the real layers, with scripted workers; nothing that can change lists."""
    configured = settings(tmp_path, **admin)
    spool_folder(configured).mkdir(mode=0o700, exist_ok=True)
    store, tokens = Store(tmp_path / FILE_NAME), Tokens(tmp_path / FILE)
    nothing = cast(Any, None)
    try:
        async with playing(*(scripts or (good(),))) as (workers, _):
            services = Services(
                settings=configured,
                store=store,
                blobs=nothing,
                compilers=nothing,
                workers=workers,
                changes=nothing,
                tokens=tokens,
            )
            async with listening(services, routes) as plane:
                yield plane
    finally:
        tokens.close()
        store.close()


@asynccontextmanager
async def listening(services: Services, routes: Sequence[Route]) -> AsyncIterator[Plane]:
    """Those services behind the real door on a free port. A refused body is read on for less long."""
    with patch.dict(OPTIONS, lingering_time=0.2), socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()[:2]
        async with serving(create_app(services, routes), [listener]) as door:
            yield Plane(services, door, host, port)


class Echo(msgspec.Struct):
    """What a test's handler was handed."""

    path: dict[str, Any]
    query: dict[str, Any]
    body: Any
    caller: str


async def echo(ctx: Context) -> Any:
    """Answers with what the frame made of the request."""
    return reply(Echo(dict(ctx.path), dict(ctx.query), ctx.body, ctx.caller.name), etag="one")


class Taken(msgspec.Struct):
    """What became of a raw body."""

    octets: int
    sha256: str
    encoding: str
    mode: int
    files: int


async def take(ctx: Context) -> Any:
    """Spools the body and tells about it."""
    async with spool(ctx.request, ctx.settings) as spooled:
        files = len(list(spooled.path.parent.iterdir()))
        mode = spooled.path.stat().st_mode & 0o777
        return reply(Taken(spooled.octets, spooled.sha256, spooled.encoding, mode, files))


TAKE = Route("PUT", "/v1/lists/{id}/content", "lists:push", take, "take", body=RawBody("A list."))
