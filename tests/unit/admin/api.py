"""The real frame around the real handlers on a real port, and a client with short words."""

from __future__ import annotations

import io
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import ClientSession, web

from resolver.admin.app import create_app
from resolver.admin.app import serving as app_serving
from resolver.admin.http import Services
from resolver.admin.tokens import Tokens
from resolver.admin.upload import FOLDER
from resolver.settings import Settings
from tests.unit.admin.peers import Script
from tests.unit.admin.road import Road, built, settings


@dataclass
class Answer:
    """A whole answer; `json` is None unless it came as JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @property
    def etag(self) -> str:
        return self.headers["ETag"]

    @property
    def code(self) -> str:
        """The last part of the problem's type."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        return str(self.json["type"]).rpartition(":")[2]


class Api:
    """A client of one server. `call` sends what it is given; a JSON value goes as JSON."""

    def __init__(self, road: Road, tokens: Tokens, session: ClientSession, base: str) -> None:
        self.road = road
        self._tokens = tokens
        self._session = session
        self._base = base
        self._known = {"admin": tokens.create("admin", ["admin"])}

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server."""
        host, _, port = self._base.removeprefix("http://").rpartition(":")
        return host, int(port)

    def token(self, *scopes: str) -> str:
        """A token with these scopes."""
        name = ".".join(scopes).replace(":", "-").replace("*", "all")
        if name not in self._known:
            self._known[name] = self._tokens.create(name, scopes)
        return self._known[name]

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        scopes: Sequence[str] = ("admin",),
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.token(*scopes)}", **(headers or {})}
        data: Any = None
        if isinstance(body, bytes | str):
            data = io.BytesIO(body.encode() if isinstance(body, str) else body)
        elif isinstance(body, AsyncIterator):
            data = body
        elif body is not None:
            data = io.BytesIO(msgspec.json.encode(body))
            sent.setdefault("Content-Type", "application/json")
        target = f"{self._base}{path}" + (f"?{urlencode(query)}" if query else "")
        async with self._session.request(
            method, target, data=data, headers=sent, skip_auto_headers=["Content-Type"]
        ) as response:
            octets = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answer(
                response.status, response.headers, octets, msgspec.json.decode(octets) if is_json else None
            )

    async def push(self, list_id: str, text: str | bytes, **named: Any) -> Answer:
        return await self.call("PUT", f"/v1/lists/{list_id}/content", text, **named)


@asynccontextmanager
async def serving(tmp_path: Path, *scripts: Script, require_reason: bool = False) -> AsyncIterator[Api]:
    """The API of a road, as the process serves it."""
    async with built(tmp_path, *scripts) as road:
        tokens = Tokens(road.folder / "tokens.sqlite3")
        (road.folder / FOLDER).mkdir(mode=0o700)
        app = _application(road, tokens, settings(road.folder, require_reason=require_reason))
        listening = socket.create_server(("127.0.0.1", 0))
        host, port = listening.getsockname()
        try:
            async with app_serving(app, [listening]), ClientSession() as session:
                yield Api(road, tokens, session, f"http://{host}:{port}")
        finally:
            tokens.close()


def _application(road: Road, tokens: Tokens, configured: Settings) -> web.Application:
    return create_app(
        Services(
            settings=configured,
            store=road.store,
            blobs=road.blobs,
            compilers=road.compilers,
            workers=road.workers,
            changes=road.changes,
            tokens=tokens,
        )
    )
