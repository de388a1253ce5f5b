"""Problem documents: every error in, the right type out, and nothing of ours or hostile beside it."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

import resolver.admin
from resolver.admin import app  # its routes register all their problems
from resolver.admin.http import Context, Route
from resolver.admin.problems import PROBLEMS, Problem, document, of_exception, problem, register
from resolver.errors import (
    BelishaError,
    CorruptFile,
    ListRefused,
    ProcessError,
    RequestError,
    StoreError,
    UnknownGeneration,
)
from tests.unit.admin.plane import running

SECRET = "/srv/secret/place"


def chained(error: Exception, cause: BaseException) -> Exception:
    """As `raise error from cause` leaves it."""
    error.__cause__ = cause
    return error


def full() -> sqlite3.Error:
    """What SQLite raises on a disk that is really full, by a limit on its pages."""
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA max_page_count = 1")
    try:
        database.execute("CREATE TABLE t AS SELECT randomblob(100000)")
    except sqlite3.Error as error:
        return error
    finally:
        database.close()
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestError(418, "tea", "Tea", "No coffee."), 418, "tea"),
        (ListRefused("list-empty", "Empty", "Nothing in it.", {"report": 1}), 422, "list-empty"),
        (StoreError("it broke"), 500, "store-failed"),
        (CorruptFile("it rotted"), 500, "store-failed"),
        (UnknownGeneration("not kept"), 500, "store-failed"),
        (chained(StoreError("x"), OSError(errno.ENOSPC, "x")), 507, "store-full"),
        (chained(StoreError("x"), OSError(errno.EDQUOT, "x")), 507, "store-full"),
        (chained(StoreError("x"), chained(StoreError("y"), full())), 507, "store-full"),
        (chained(StoreError("x"), OSError(errno.EIO, "x")), 500, "store-failed"),
        (ProcessError("worker 1"), 503, "process-failed"),
        (TimeoutError(), 503, "took-too-long"),
        (web.HTTPNotFound(), 404, "not-found"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), 405, "method-not-allowed"),
        (web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2), 413, "body-too-large"),
        (web.HTTPBadRequest(), 400, "request-invalid"),
        (web.HTTPExpectationFailed(), 417, "expectation-failed"),
        (web.HTTPRequestHeaderFieldsTooLarge(), 431, "headers-too-large"),
        (web.HTTPFound("/elsewhere"), 500, "internal-error"),
        (ZeroDivisionError(SECRET), 500, "internal-error"),
        (BelishaError(SECRET), 500, "internal-error"),
        (KeyError(SECRET), 500, "internal-error"),
        (OSError(errno.EIO, SECRET), 500, "internal-error"),
        (RecursionError(SECRET), 500, "internal-error"),
    ],
)
def test_every_error_has_its_document(error: Exception, status: int, code: str) -> None:
    response = of_exception(error)
    assert isinstance(response.body, bytes)
    found = json.loads(response.body)
    assert response.status == found["status"] == status
    assert response.content_type == "application/problem+json"
    assert found["type"] == f"urn:belisha:problem:{code}"
    assert found["title"] and found["detail"]
    assert SECRET.encode() not in response.body
    assert (response.status == 503) == ("Retry-After" in response.headers)


def test_no_member_replaces_a_standard_one() -> None:
    response = document(RequestError(400, "x", "X", "d", {"status": 200, "type": "y", "line": 7}))
    assert json.loads(str(response.text)) == {
        "type": "urn:belisha:problem:x", "title": "X", "status": 400, "detail": "d", "line": 7,
    }  # fmt: skip


@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())))
def test_any_text_can_be_told(detail: str, extra: dict[str, Any]) -> None:
    """Halves of surrogate pairs come from header octets that are no UTF-8."""
    response = document(RequestError(400, "x", "X", detail + "\udcff", extra))
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["detail"] == detail + "\udcff"


class Report(msgspec.Struct):
    lines: int


def test_members_may_be_structs_and_what_is_unknown_becomes_text() -> None:
    response = document(problem("not-ready", "d\udcff", report=Report(3), place=Path("x")))
    found = json.loads(str(response.text))
    assert (found["report"], found["place"]) == ({"lines": 3}, "x")


def test_a_code_stands_once() -> None:
    register({"not-found": PROBLEMS["not-found"]})
    with pytest.raises(ValueError, match="twice"):
        register({"not-found": Problem(410, "Gone")})


def test_every_code_is_in_the_table() -> None:
    """What the source raises and what the routes promise: nobody meets a code that is not explained."""
    folder = Path(resolver.admin.__file__).parent
    raised = {
        code
        for file in folder.glob("*.py")
        for code in re.findall(r'\bproblem\(\s*"([^"]+)"', file.read_text(encoding="utf-8"))
    }
    assert raised
    promised = {code for route in app.ROUTES for code in route.problems}
    assert raised | promised <= PROBLEMS.keys()
    for code, (status, title) in PROBLEMS.items():
        assert re.fullmatch(r"[a-z][a-z0-9-]+", code)
        assert 400 <= status < 600
        assert title and not title.endswith(".")


def raising(make: Callable[[], BaseException]) -> Route:
    async def handler(ctx: Context) -> NoReturn:
        raise make()

    return Route("GET", "/v1/boom", "read", handler, "boom", seconds=0.05)


async def test_a_crash_is_an_incident_and_the_server_lives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path, [raising(lambda: ZeroDivisionError(SECRET))]) as plane:
        replies = [await plane.ask("GET", "/v1/boom") for _ in range(3)]
    assert {(reply.status, reply.code) for reply in replies} == {(500, "internal-error")}
    incidents = [reply.json["incident"] for reply in replies]
    assert len(set(incidents)) == 3
    told = "".join(capsys.readouterr())
    for incident, reply in zip(incidents, replies, strict=True):
        assert incident in told
        assert SECRET.encode() not in reply.body and b"Traceback" not in reply.body


async def test_an_answer_that_breaks_in_the_middle_has_no_end(tmp_path: Path) -> None:
    """A problem document behind half a list would look like a part of it."""

    async def handler(ctx: Context) -> NoReturn:
        response = web.StreamResponse()
        await response.prepare(ctx.request)
        await response.write(b"half.example\n")
        raise StoreError("the disk is gone")

    async with running(tmp_path, [Route("GET", "/v1/half", "read", handler, "half")]) as plane:
        reply = await plane.ask("GET", "/v1/half")
        assert reply.status == 200
        assert b"half.example" in reply.body
        assert b"problem" not in reply.body
        assert not reply.body.endswith(b"0\r\n\r\n")
        assert (await plane.ask("GET", "/v1/half")).status == 200


async def test_a_handler_that_hangs_is_given_up(tmp_path: Path) -> None:
    async def handler(ctx: Context) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError

    hanging = Route("GET", "/v1/hang", "read", handler, "hang", seconds=0.05)
    async with running(tmp_path, [hanging]) as plane:
        reply = await plane.ask("GET", "/v1/hang")
        assert (reply.status, reply.code) == (503, "took-too-long")


@pytest.mark.parametrize(
    "target", ["/<script>alert(1)</script>", "/%3Cscript%3E", "/v1/%0d%0aSet-Cookie:x", "/\u202e\x7f"]
)
async def test_hostile_paths_are_never_shown_as_a_page(tmp_path: Path, target: str) -> None:
    async with running(tmp_path, []) as plane:
        reply = await plane.ask("GET", target, headers={"Accept": "text/html"})
        assert reply.status in (400, 404)
        assert reply.code in ("request-invalid", "not-found")
        assert b"<" not in reply.body
        assert "set-cookie" not in reply.headers
