"""What the frame makes of a request before a handler sees it, and what it refuses."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.admin import frame
from resolver.admin.frame import _wrong_shape
from resolver.admin.http import DRY_RUN, REASON, Context, Parameter, RawBody, Route
from tests.unit.admin.plane import echo, running


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    ttl: Annotated[int, msgspec.Meta(ge=0)]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: Inner | None = None
    many: list[Inner] = []


COUNT = Parameter("limit", Annotated[int, msgspec.Meta(ge=1, le=100)], "How many.", 10)
ROUTES = [
    Route("GET", "/v1/things", "read", echo, "get", query=(COUNT, REASON, DRY_RUN), etag=True),
    Route("GET", "/v1/lists/{id}", "read", echo, "list"),
    Route("GET", "/v1/name", "read", echo, "name", query=(Parameter("name", str, "It.", required=True),)),
    Route("GET", "/v1/generations/{number}", "read", echo, "generation"),
    Route("POST", "/v1/things", "admin", echo, "post", body=Body, body_octets=1000),
    Route("PUT", "/v1/raw", "admin", echo, "raw", body=RawBody("Octets.")),
]


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/v1/things", {"limit": 10, "reason": "", "dry_run": False}),
        ("/v1/things?limit=5&dry_run=1", {"limit": 5, "reason": "", "dry_run": True}),
        ("/v1/things?dry_run=true&reason=a%20b+c", {"limit": 10, "reason": "a b c", "dry_run": True}),
        ("/v1/things?reason=12&dry_run=0", {"limit": 10, "reason": "12", "dry_run": False}),
        ("/v1/things?", {"limit": 10, "reason": "", "dry_run": False}),
    ],
)
async def test_parameters_arrive_as_declared(tmp_path: Path, target: str, query: dict[str, Any]) -> None:
    async with running(tmp_path, ROUTES) as plane:
        reply = await plane.ask("GET", target)
        assert reply.status == 200, reply.body
        assert reply.json["query"] == query


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/v1/things?dryrun=1", "parameter-unknown"),
        ("/v1/things?Limit=1", "parameter-unknown"),
        ("/v1/things?%00=1", "parameter-unknown"),
        ("/v1/things?" + "x" * 500 + "=1", "parameter-unknown"),
        ("/v1/things?limit=1&limit=1", "parameter-invalid"),
        ("/v1/things?limit=0", "parameter-invalid"),
        ("/v1/things?limit=101", "parameter-invalid"),
        ("/v1/things?limit=", "parameter-invalid"),
        ("/v1/things?limit", "parameter-invalid"),
        ("/v1/things?limit=1.5", "parameter-invalid"),
        ("/v1/things?limit=%ff", "parameter-invalid"),
        ("/v1/things?limit=" + "9" * 3000, "parameter-invalid"),
        ("/v1/things?dry_run=maybe", "parameter-invalid"),
        ("/v1/things?dry_run=", "parameter-invalid"),
        ("/v1/name", "parameter-invalid"),
        ("/v1/lists/UPPER", "parameter-invalid"),
        ("/v1/lists/..%2f..", "parameter-invalid"),
        ("/v1/lists/%00", "parameter-invalid"),
        ("/v1/lists/" + "x" * 64, "parameter-invalid"),
        ("/v1/generations/0", "parameter-invalid"),
        ("/v1/generations/-1", "parameter-invalid"),
        ("/v1/generations/x", "parameter-invalid"),
        ("/v1/generations/9007199254740993", "parameter-invalid"),
        ("/v1/lists/x?a=b", "parameter-unknown"),
    ],
)
async def test_parameters_that_are_refused(tmp_path: Path, target: str, code: str) -> None:
    async with running(tmp_path, ROUTES) as plane:
        reply = await plane.ask("GET", target)
        assert (reply.status, reply.code) == (400, code)
        assert len(reply.body) < 2000


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b'{"name":"x"}', "application/json", 200, ""),
        (b'{"name":"x"}', "application/json; charset=utf-8", 200, ""),
        (b' {"name":"x","many":[{"ttl":1}]}\n', "Application/JSON", 200, ""),
        (b'{"name":"x"}', None, 415, "content-type-not-supported"),
        (b'{"name":"x"}', "text/plain", 415, "content-type-not-supported"),
        (b'{"name":"x"}', "application/x-www-form-urlencoded", 415, "content-type-not-supported"),
        (b'{"name":"x"}', "application/jsonp", 415, "content-type-not-supported"),
        (b'{"name":"x"}', "<script>", 415, "content-type-not-supported"),
        (b"", "application/json", 400, "body-empty"),
        (b"{", "application/json", 400, "json-invalid"),
        (b"name=x", "application/json", 400, "json-invalid"),
        (b'{"name":"x"}{}', "application/json", 400, "json-invalid"),
        (b'{"name":"\xff"}', "application/json", 400, "json-invalid"),
        (b'{"name":"\xed\xa0\x80"}', "application/json", 400, "json-invalid"),
        (b'{"name":NaN}', "application/json", 400, "json-invalid"),
        (b"[" * 900, "application/json", 422, "body-invalid"),
        (b'{"name":"x","other":' + b"[" * 900 + b"}", "application/json", 422, "body-invalid"),
        (b"[]", "application/json", 422, "body-invalid"),
        (b"null", "application/json", 422, "body-invalid"),
        (b'{"name":5}', "application/json", 422, "body-invalid"),
        (b'{"name":"x","extra":1}', "application/json", 422, "body-invalid"),
        (b'{"name":"' + b"x" * 1000 + b'"}', "application/json", 413, "body-too-large"),
    ],
)
async def test_json_bodies(tmp_path: Path, body: bytes, kind: str | None, status: int, code: str) -> None:
    async with running(tmp_path, ROUTES) as plane:
        headers = {"Content-Type": kind} if kind else {}
        reply = await plane.ask("POST", "/v1/things", body, headers=headers)
        assert (reply.status, reply.code) == (status, code), reply.body


async def test_json_may_be_packed_within_the_same_limit(tmp_path: Path) -> None:
    async with running(tmp_path, ROUTES) as plane:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        reply = await plane.ask("POST", "/v1/things", gzip.compress(b'{"name":"x"}'), headers=headers)
        assert reply.json["body"]["name"] == "x"
        bomb = gzip.compress(b'{"name":"' + b"x" * 2000 + b'"}')
        reply = await plane.ask("POST", "/v1/things", bomb, headers=headers)
        assert (reply.status, reply.code) == (413, "list-too-large")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"name":5}', "#/name"),
        (b'{"name":"x","inner":{"ttl":-1}}', "#/inner/ttl"),
        (b'{"name":"x","many":[{"ttl":1},{"ttl":"x"}]}', "#/many/1/ttl"),
        (b"{}", "#"),
        (b"5", "#"),
    ],
)
async def test_a_wrong_body_names_the_place(tmp_path: Path, body: bytes, pointer: str) -> None:
    async with running(tmp_path, ROUTES) as plane:
        reply = await plane.ask("POST", "/v1/things", body, headers={"Content-Type": "application/json"})
        assert [error["pointer"] for error in reply.json["errors"]] == [pointer]
        assert reply.json["errors"][0]["message"]


@given(st.text())
def test_any_message_can_be_taken_apart(text: str) -> None:
    assert _wrong_shape(text).status == 422


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 200), ("text/plain", 200), ("text/plain; charset=utf-8", 200),
        ("application/octet-stream", 200), ("application/json", 415), ("multipart/form-data", 415),
        ("application/x-www-form-urlencoded", 415), ("", 200),
    ],
)  # fmt: skip
async def test_raw_bodies_have_a_plain_type_or_none(tmp_path: Path, kind: str | None, status: int) -> None:
    async with running(tmp_path, ROUTES) as plane:
        headers = {"Content-Type": kind} if kind is not None else {}
        reply = await plane.ask("PUT", "/v1/raw", b"x", headers=headers)
        assert reply.status == status, reply.body


@pytest.mark.parametrize(
    ("held", "status"),
    [('"one"', 304), ('W/"one"', 304), ("*", 304), ('"x", "one"', 304), ('"two"', 200), ("one", 400)],
)
async def test_what_the_caller_already_has_is_not_sent_again(tmp_path: Path, held: str, status: int) -> None:
    async with running(tmp_path, ROUTES) as plane:
        for method in ("GET", "HEAD"):
            reply = await plane.ask(method, "/v1/things", headers={"If-None-Match": held})
            assert reply.status == status
            if status != 400:
                assert reply.headers["etag"] == '"one"'
                assert bool(reply.body) == (method == "GET" and status == 200)


async def test_large_bodies_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than may be under way waits unread; when it waits too long it is told to come again."""
    monkeypatch.setattr(frame, "RAW_AT_ONCE", 2)
    monkeypatch.setattr(frame, "LARGE_AT_ONCE", 1)
    monkeypatch.setattr(frame, "TURN_SECONDS", 0.1)
    inside, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(ctx: Context) -> Any:
        inside.release()
        await go_on.wait()
        return await echo(ctx)

    routes = [
        Route("PUT", "/v1/raw", "admin", slow, "raw", body=RawBody("x")),
        Route("POST", "/v1/large", "admin", slow, "large", body=Body, body_octets=2 << 20),
        Route("POST", "/v1/small", "admin", slow, "small", body=Body),
    ]
    json = {"Content-Type": "application/json"}
    body = b'{"name":"x"}'
    async with running(tmp_path, routes) as plane:
        plane.token("admin")
        waiting = [asyncio.create_task(plane.ask("PUT", "/v1/raw", b"x")) for _ in range(2)]
        waiting += [asyncio.create_task(plane.ask("POST", "/v1/large", body, headers=json))]
        waiting += [asyncio.create_task(plane.ask("POST", "/v1/small", body, headers=json)) for _ in range(5)]
        for _ in waiting:
            await inside.acquire()
        for late in (plane.ask("PUT", "/v1/raw", b"x"), plane.ask("POST", "/v1/large", body, headers=json)):
            reply = await late
            assert (reply.status, reply.code) == (503, "busy")
        go_on.set()
        assert {reply.status for reply in await asyncio.gather(*waiting)} == {200}
        assert (await plane.ask("PUT", "/v1/raw", b"x")).status == 200


async def test_the_time_of_a_route_is_its_own(tmp_path: Path) -> None:
    async def slow(ctx: Context) -> Any:
        await asyncio.sleep(0.2)
        return await echo(ctx)

    routes = [
        Route("GET", "/v1/quick", "read", slow, "quick", seconds=0.05),
        Route("GET", "/v1/patient", "read", slow, "patient", seconds=20),
        Route("PUT", "/v1/raw", "admin", slow, "body time on top", body=RawBody("x"), seconds=0.05),
    ]
    async with running(tmp_path, routes) as plane:
        assert (await plane.ask("GET", "/v1/quick")).code == "took-too-long"
        assert (await plane.ask("GET", "/v1/patient")).status == 200
        assert (await plane.ask("PUT", "/v1/raw", b"x")).status == 200
