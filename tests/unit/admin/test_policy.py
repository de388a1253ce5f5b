"""/v1/policy: read, replace, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.admin.api import Api, serving

DEFAULT = {
    "answer": {"mode": "null", "ttl": 10, "ipv4": [], "ipv6": []},
    "why": {"contact": [], "organization": "", "justification": "", "language": ""},
    "rebinding": {"protect": True, "allow": []},
    "records": [],
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        yield api


async def test_read_and_replace(api: Api) -> None:
    got = await api.call("GET", "/v1/policy")
    assert got.json == DEFAULT
    answer = {"mode": "address", "ttl": 60, "ipv4": ["192.0.2.1"], "ipv6": ["2001:db8::1"]}
    wanted = {**DEFAULT, "answer": answer, "records": ["printer.home.arpa. A 192.0.2.9"]}
    done = await api.call("PUT", "/v1/policy", wanted, reason="our page", headers={"If-Match": got.etag})
    assert (done.status, done.json["policy"], done.json["generation"]) == (200, wanted, 1)
    assert done.etag != got.etag
    now = await api.call("GET", "/v1/policy")
    assert (now.json, now.etag) == (wanted, done.etag)
    stale = await api.call("PUT", "/v1/policy", {}, headers={"If-Match": got.etag})
    assert (stale.status, stale.code) == (412, "precondition-failed")
    again = await api.call("PUT", "/v1/policy", wanted)
    assert (again.json["changed"], again.json["generation"]) == (False, 1)


async def test_what_is_left_out_gets_its_default(api: Api) -> None:
    await api.call("PUT", "/v1/policy", {"answer": {"mode": "nxdomain", "ttl": 60}})
    assert (await api.call("PUT", "/v1/policy", {})).json["policy"] == DEFAULT


async def test_a_dry_run(api: Api) -> None:
    tried = await api.call("PUT", "/v1/policy", {"answer": {"mode": "refused"}}, dry_run=1)
    assert (tried.json["changed"], tried.json["dry_run"], tried.json["generation"]) == (True, True, 0)
    assert (await api.call("GET", "/v1/policy")).json == DEFAULT


@pytest.mark.parametrize(
    "body",
    [
        {"answer": {"mode": "address"}},
        {"answer": {"mode": "address", "ipv4": ["2001:db8::1"]}},
        {"answer": {"mode": "address", "ipv6": ["no address"]}},
        {"answer": {"mode": "maybe"}},
        {"answer": {"ttl": -1}},
        {"answer": {"ttl": 90_000}},
        {"colour": "red"},
        {"records": ["printer A 192.0.2.9"]},
        {"records": ["a.example. A 192.0.2.9", "a.example. CNAME b.example."]},
        {"rebinding": {"allow": ["*.example"]}},
        [],
    ],
)
async def test_what_cannot_be_answered_is_refused(api: Api, body: object) -> None:
    answer = await api.call("PUT", "/v1/policy", body)
    assert (answer.status, answer.code) == (422, "body-invalid")
    assert api.road.store.current() is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"records": ["a.example. A 192.0.2.9", "printer"]}, "#/records/1"),
        ({"records": ["a.example. A 192.0.2.9", 1]}, "#/records/1"),
        ({"rebinding": {"allow": ["a.example", "a..b"]}}, "#/rebinding/allow/1"),
        ({"answer": {"ttl": -1}}, "#/answer/ttl"),
    ],
)
async def test_the_place_of_the_fault_is_named(api: Api, body: object, pointer: str) -> None:
    answer = await api.call("PUT", "/v1/policy", body)
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert not answer.json["detail"].endswith("..")


async def test_only_an_admin_changes_it(api: Api) -> None:
    assert (await api.call("GET", "/v1/policy", scopes=("read",))).status == 200
    assert (await api.call("PUT", "/v1/policy", {}, scopes=("read",))).status == 403
    assert (await api.call("PUT", "/v1/policy", {}, scopes=("lists:push:*",))).status == 403
