"""The words handlers are written in: replies, entity tags, preconditions, reasons."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from resolver.admin.http import Context, Route, etag_matches, reason_of, reply, require_match
from resolver.admin.tokens import Caller
from resolver.errors import RequestError
from resolver.settings import Admin, Settings


class Thing(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("value", "status", "sent", "body"),
    [
        (Thing("<x>"), 200, 200, b'{"name":"<x>"}'),
        ([], 201, 201, b"[]"),
        (None, 200, 204, None),
        (None, 202, 202, None),
    ],
)
def test_replies(value: object, status: int, sent: int, body: bytes | None) -> None:
    response = reply(value, status)
    assert (response.status, response.body) == (sent, body)
    assert "ETag" not in response.headers
    assert reply(value, status, etag="abc").headers["ETag"] == '"abc"'


@pytest.mark.parametrize(
    ("header", "etag", "strong", "weak"),
    [
        ('"a"', "a", True, True),
        ('"a"', "b", False, False),
        ('"a"', None, False, False),
        ('"x", "a"', "a", True, True),
        ('"x","a" , "b"', "a", True, True),
        ('W/"a"', "a", False, True),
        ('W/"x", "a"', "a", True, True),
        ("*", "a", True, True),
        (" * ", "a", True, True),
        ("*", None, False, False),
        ('""', "", True, True),
        ('"a,b"', "a,b", True, True),
        (', "x", , "a",', "a", True, True),
    ],
)
def test_entity_tags(header: str, etag: str | None, strong: bool, weak: bool) -> None:
    assert etag_matches(header, etag) == strong
    assert etag_matches(header, etag, weak=True) == weak


@pytest.mark.parametrize(
    "header", ["", " ", ",", "a", '"a', 'a"', '"a" "b"', '"a", b', 'w/"a"', "*, *", '"a b"']
)
def test_what_is_no_entity_tag_is_not_overlooked(header: str) -> None:
    with pytest.raises(RequestError) as caught:
        etag_matches(header, "a")
    assert caught.value.code == "precondition-invalid"


@given(st.text(max_size=50), st.text(max_size=10) | st.none())
def test_no_header_raises_anything_else(header: str, etag: str | None) -> None:
    try:
        etag_matches(header, etag)
    except RequestError as error:
        assert error.status == 400


@pytest.mark.parametrize(
    ("headers", "etag", "passes"),
    [
        ([], "a", True),
        ([], None, True),
        ([("If-Match", '"a"')], "a", True),
        ([("If-Match", '"b"')], "a", False),
        ([("If-Match", '"a"')], None, False),
        ([("If-Match", "*")], None, False),
        ([("If-Match", "*")], "a", True),
        ([("If-Match", '"x"'), ("If-Match", '"a"')], "a", True),
        ([("If-Match", 'W/"a"')], "a", False),
        ([("If-None-Match", "*")], "a", False),
        ([("If-None-Match", "*")], None, True),
        ([("If-None-Match", '"a"')], "a", False),
        ([("If-None-Match", 'W/"a"')], "a", False),
        ([("If-None-Match", '"b"')], "a", True),
        ([("If-Match", '"a"'), ("If-None-Match", '"a"')], "a", False),
    ],
)
def test_preconditions(headers: list[tuple[str, str]], etag: str | None, passes: bool) -> None:
    request = make_mocked_request("PUT", "/", headers=CIMultiDict(headers))
    if passes:
        require_match(request, etag)
        return
    with pytest.raises(RequestError) as caught:
        require_match(request, etag)
    assert (caught.value.status, caught.value.code) == (412, "precondition-failed")


def context(reason: str | None, *, required: bool) -> Context:
    nothing = cast(Any, None)
    return Context(
        settings=Settings(admin=Admin(require_reason=required)),
        store=nothing, blobs=nothing, compilers=nothing, workers=nothing, changes=nothing, tokens=nothing,
        request=nothing, caller=Caller("x", ()), query={"reason": reason},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "required", "found"),
    [
        (None, False, ""),
        ("", False, ""),
        ("  ", False, ""),
        ("  new term ", True, "new term"),
        ("naïve 学校 🏫", False, "naïve 学校 🏫"),
        ("x" * 500, False, "x" * 500),
    ],
)
def test_reasons(reason: str | None, required: bool, found: str) -> None:
    assert reason_of(context(reason, required=required)) == found


@pytest.mark.parametrize(
    ("reason", "required", "code"),
    [
        (None, True, "reason-required"),
        (" \t ", True, "reason-required"),
        ("x" * 501, False, "reason-invalid"),
        ("two\nlines", False, "reason-invalid"),
        ("bell\a", False, "reason-invalid"),
        ("escape\x1b[31m", False, "reason-invalid"),
        ("nul\0", False, "reason-invalid"),
        ("turned \u202e round", False, "reason-invalid"),
        ("zero\u200bwidth", False, "reason-invalid"),
        ("line\u2028end", False, "reason-invalid"),
        ("half \udcff", False, "reason-invalid"),
    ],
)
def test_reasons_that_cannot_be_kept(reason: str | None, required: bool, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        reason_of(context(reason, required=required))
    assert (caught.value.status, caught.value.code) == (400, code)


@pytest.mark.parametrize(
    ("method", "unsafe"),
    [("GET", False), ("HEAD", False), ("PUT", True), ("POST", True), ("PATCH", True), ("DELETE", True)],
)
def test_which_methods_may_change_something(method: str, unsafe: bool) -> None:
    assert Route(method, "/", "read", cast(Any, None), "x").unsafe == unsafe
