"""Nobody passes without a token: every route, every trick with paths and methods, over raw sockets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.admin.app import ROUTES
from resolver.admin.auth import Failures
from resolver.admin.http import Route
from tests.unit.admin.plane import Plane, echo, parse_reply, running

PUBLIC = ["/healthz", "/openapi.json", "/readyz"]

ECHO = [
    Route("GET", "/open", "public", echo, "open"),
    Route("GET", "/v1/things", "read", echo, "read"),
    Route("GET", "/v1/lists/{id}", "read", echo, "read one"),
    Route("PUT", "/v1/lists/{id}", "lists:push", echo, "push to one"),
    Route("POST", "/v1/transactions", "lists:push", echo, "push to some"),
    Route("DELETE", "/v1/lists/{id}", "admin", echo, "remove"),
]


def test_the_open_routes_are_these_three() -> None:
    assert sorted(route.path for route in ROUTES if route.scope == "public") == PUBLIC


async def test_every_other_route_needs_a_token(tmp_path: Path) -> None:
    async with running(tmp_path, ROUTES) as plane:
        for route in ROUTES:
            target = route.path.replace("{id}", "news").replace("{number}", "1")
            for method in {route.method, "HEAD" if route.method == "GET" else route.method}:
                reply = await plane.ask(method, target, scopes=None)
                assert (reply.status == 401 or reply.status == 429) == (route.path not in PUBLIC), target
                assert reply.status < 500 or route.path == "/readyz"


TRICKS = [
    "//", "//healthz", "/healthz/", "/healthz/../v1/lists", "/healthz%2f..%2fv1/lists", "/./v1/lists",
    "/healthz/..;/v1/lists", "/..;/v1/lists", "/%2e%2e/v1/lists", "/v1/lists%00", "/v1//lists",
    "/V1/lists", "/v1/lists/", "/v1/lists;/healthz", "/v1/lists?x=/healthz", "/v1/lists#/healthz",
    "/v1/lists/%2e%2e/%2e%2e/healthz", "/healthz%0d%0aX: y", "/%ff%fe", "/openapi.json/../v1/lists",
    "/openapi.json%20", "/v1/lists/..%5c..%5chealthz", "http://localhost/v1/lists",
    "http://localhost/healthz/../v1/lists", "/v1/%6cists", "/v1/lists/%252e%252e", "*", "healthz",
    "/v1/lists\\healthz", "/" + "a/" * 1000, "/v1/lists?" + "a=b&" * 500,
]  # fmt: skip


@pytest.mark.parametrize("target", TRICKS)
async def test_path_tricks_reach_nothing(tmp_path: Path, target: str) -> None:
    """Without a token only what the router itself takes for an open route is answered."""
    async with running(tmp_path, ROUTES) as plane:
        for method in ("GET", "PUT"):
            reply = await plane.ask(method, target, scopes=None)
            assert reply.status in (400, 401), (method, reply.status, reply.body)
            assert reply.code in ("request-invalid", "token-missing")


@pytest.mark.parametrize(
    "method", ["TRACE", "CONNECT", "OPTIONS", "HEAD", "PROPFIND", "GET2", "get", "PRI", "POST"]
)
async def test_no_method_is_special(tmp_path: Path, method: str) -> None:
    async with running(tmp_path, ROUTES) as plane:
        for target in ("/v1/lists", "/healthz" if method not in ("HEAD",) else "/v1/status"):
            reply = await plane.ask(method, target, scopes=None)
            assert reply.status in (400, 401), reply.body
            reply = await plane.ask(method, "/v1/things", b"secret", headers={"X-Secret": "mirror"})
            assert reply.status in (400, 404)
            assert b"mirror" not in reply.body


@pytest.mark.parametrize(
    "header",
    [
        ("X-HTTP-Method-Override", "GET"), ("X-HTTP-Method", "GET"), ("X-Method-Override", "GET"),
        ("X-Original-URL", "/healthz"), ("X-Rewrite-URL", "/healthz"), ("X-Forwarded-Prefix", "/healthz"),
        ("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1"), ("Upgrade", "h2c"),
        ("Upgrade", "websocket"), ("Cookie", "Authorization=Bearer x"), ("X-Api-Key", "x"),
    ],
)  # fmt: skip
async def test_no_header_opens_a_door(tmp_path: Path, header: tuple[str, str]) -> None:
    async with running(tmp_path, ROUTES) as plane:
        reply = await plane.ask("DELETE", "/v1/lists/news", scopes=None, headers=[header])
        assert (reply.status, reply.code) == (401, "token-missing")


class Case(NamedTuple):
    lines: list[str]
    code: str


@pytest.mark.parametrize(
    "case",
    [
        Case([], "token-missing"),
        Case([""], "token-missing"),
        Case(["Bearer"], "token-missing"),
        Case(["Bearer    "], "token-missing"),
        Case(["Basic {}"], "token-missing"),
        Case(["{}"], "token-missing"),
        Case(["Bearer {}", "Bearer {}"], "token-missing"),
        Case(["Bearer x"], "token-invalid"),
        Case(["Bearer {}x"], "token-invalid"),
        Case(["Bearer {} {}"], "token-invalid"),
        Case(["Bearer " + "x" * 3000], "token-invalid"),
        Case(["Bearer \xff\xfe"], "token-invalid"),
        Case(["Bearer {expired}"], "token-invalid"),
        Case(["Bearer {revoked}"], "token-invalid"),
        Case(["Bearer {}"], ""),
        Case(["bearer {}"], ""),
        Case(["BEARER   {}  "], ""),
    ],
)
async def test_only_a_bearer_token_counts(tmp_path: Path, case: Case) -> None:
    async with running(tmp_path, ECHO) as plane:
        tokens = plane.services.tokens
        texts = {
            "expired": tokens.create("old", ["admin"], time.time() - 1),
            "revoked": tokens.create("gone", ["admin"]),
        }
        tokens.revoke("gone")
        lines = [line.format(*[plane.token("admin")] * 2, **texts) for line in case.lines]
        headers = [("Authorization", line) for line in lines]
        reply = await plane.ask("GET", "/v1/things", scopes=None, headers=headers)
        assert reply.code == case.code
        assert reply.status == (401 if case.code else 200)
        if case.code:
            assert reply.headers["www-authenticate"].startswith('Bearer realm="belisha"')
            assert plane.token("admin").encode() not in reply.body


async def test_wrong_unknown_and_expired_are_told_alike(tmp_path: Path) -> None:
    async with running(tmp_path, ECHO) as plane:
        good = plane.token("admin")
        old = plane.services.tokens.create("old", ["admin"], time.time() - 1)
        bodies = set()
        for text in (
            good[:-1] + "7" if good[-1] != "7" else good[:-1] + "6",
            "bel_aaaaaaaa_" + "a" * 39,
            old,
            "x",
        ):
            headers = {"Authorization": f"Bearer {text}"}
            reply = await plane.ask("GET", "/v1/things", scopes=None, headers=headers)
            bodies.add((reply.status, reply.body, reply.headers["www-authenticate"]))
        assert len(bodies) == 1


RIGHTS = [
    # scopes, method, target, status
    (["read"], "GET", "/v1/things", 200),
    (["read"], "GET", "/v1/lists/news", 200),
    (["read"], "PUT", "/v1/lists/news", 403),
    (["read"], "POST", "/v1/transactions", 403),
    (["read"], "DELETE", "/v1/lists/news", 403),
    (["lists:push:news"], "GET", "/v1/things", 403),
    (["lists:push:news"], "GET", "/v1/lists/news", 200),
    (["lists:push:news"], "GET", "/v1/lists/other", 403),
    (["lists:push:news"], "PUT", "/v1/lists/news", 200),
    (["lists:push:news"], "PUT", "/v1/lists/other", 403),
    (["lists:push:news"], "PUT", "/v1/lists/%6eews", 200),
    (["lists:push:news"], "PUT", "/v1/lists/news%2f..%2fother", 403),
    (["lists:push:news"], "POST", "/v1/transactions", 200),
    (["lists:push:news"], "DELETE", "/v1/lists/news", 403),
    (["lists:push:*"], "PUT", "/v1/lists/other", 200),
    (["lists:push:*"], "PUT", "/v1/lists/*", 400),
    (["lists:push:*"], "DELETE", "/v1/lists/other", 403),
    (["admin"], "DELETE", "/v1/lists/other", 200),
    (["read"], "GET", "/v1/nowhere", 404),
    (["read"], "PATCH", "/v1/things", 405),
    (None, "GET", "/open", 200),
    (["read"], "GET", "/open", 200),
]


@pytest.mark.parametrize(("scopes", "method", "target", "status"), RIGHTS)
async def test_rights(
    tmp_path: Path, scopes: list[str] | None, method: str, target: str, status: int
) -> None:
    async with running(tmp_path, ECHO) as plane:
        reply = await plane.ask(method, target, scopes=scopes)
        assert reply.status == status, reply.body
        if status == 403:
            assert reply.code == "scope-missing"
            assert reply.json["scope"].startswith(("read", "admin", "lists:push:"))
            assert "insufficient_scope" in reply.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "anything"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "http://{host}.evil.example"}, True),
        ({"Origin": "http://[broken"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "http://{host}"}, False),
        ({"Origin": "https://{host}"}, False),  # behind a TLS proxy
    ],
)
async def test_changes_from_other_sites_are_refused(
    tmp_path: Path, headers: dict[str, str], refused: bool
) -> None:
    async with running(tmp_path, ECHO) as plane:
        host = f"{plane.host}:{plane.port}"
        sent = {name: value.format(host=host) for name, value in headers.items()}
        for method, target in (
            ("PUT", "/v1/lists/news"),
            ("POST", "/v1/transactions"),
            ("DELETE", "/v1/lists/news"),
        ):
            reply = await plane.ask(method, target, headers=sent)
            assert (reply.code == "cross-site") == refused
            assert reply.status == (403 if refused else 200)
        reply = await plane.ask("GET", "/v1/things", headers=sent)
        assert reply.status == 200
        assert not [name for name in reply.headers if name.startswith("access-control")]


async def test_failures_are_limited_and_a_good_token_still_works(tmp_path: Path) -> None:
    async with running(tmp_path, ECHO) as plane:
        replies = [await plane.ask("GET", "/v1/things", scopes=None) for _ in range(21)]
        assert [reply.status for reply in replies] == [401] * 20 + [429]
        assert replies[-1].code == "too-many-failures"
        assert 0 < int(replies[-1].headers["retry-after"]) <= 60
        assert (await plane.ask("GET", "/v1/things")).status == 200
        assert (await plane.ask("GET", "/open", scopes=None)).status == 200


async def test_a_broken_token_file_lets_nobody_in_and_is_not_shown(tmp_path: Path) -> None:
    async with running(tmp_path, ECHO) as plane:
        token = plane.token("admin")
        plane.services.tokens.close()
        for _ in range(25):
            headers = {"Authorization": f"Bearer {token}"}
            reply = await plane.ask("GET", "/v1/things", scopes=None, headers=headers)
            assert (reply.status, reply.code) == (500, "store-failed")
            assert str(tmp_path).encode() not in reply.body
        assert (await plane.ask("GET", "/open", scopes=None)).status == 200


async def test_many_requests_on_one_connection_are_each_checked(tmp_path: Path) -> None:
    """A good request first does not carry the one that follows on the same connection."""
    async with running(tmp_path, ECHO) as plane:
        first = _request(plane, "GET /v1/things", plane.token("admin"))
        second = _request(plane, "GET /v1/things", None, "Connection: close")
        octets = await plane.send(first + second)
        assert octets.startswith(b"HTTP/1.1 200 ")
        assert parse_reply(octets[octets.index(b"HTTP/1.1 401") :]).code == "token-missing"


def _request(plane: Plane, line: str, token: str | None, *more: str) -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: x", *([f"Authorization: Bearer {token}"] if token else []), *more]
    return "\r\n".join([*lines, "", ""]).encode()


def test_the_count_begins_anew_after_the_window() -> None:
    failures = Failures(limit=2, window=60.0)
    assert [failures.add("192.0.2.1", now) for now in (0.0, 1.0, 2.0, 59.0)] == [0.0, 0.0, 58.0, 1.0]
    assert failures.add("192.0.2.2", 2.0) == 0.0
    assert failures.add("192.0.2.1", 60.0) == 0.0


def test_an_ipv6_network_counts_as_one() -> None:
    failures = Failures(limit=1)
    assert failures.add("2001:db8::1", 0.0) == 0.0
    assert failures.add("2001:db8::ffff:2", 0.0) > 0
    assert failures.add("2001:db8:0:1::1", 0.0) == 0.0
    assert failures.add("nonsense", 0.0) == 0.0
    assert failures.add("", 0.0) > 0


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.floats(0, 1e6)), max_size=300))
def test_memory_is_bounded(events: list[tuple[int, float]]) -> None:
    failures = Failures(limit=3, addresses=50)
    for number, now in events:
        assert failures.add(".".join(str(octet) for octet in number.to_bytes(4, "big")), now) >= 0
        assert len(failures) <= 50
