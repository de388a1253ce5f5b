"""/v1/generations and /v1/journal: pages, manifests, and the way back."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.admin.api import Api, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        for number in range(1, 6):
            await api.push("ads", f"name{number}.example\n", reason=f"number {number}")
        yield api


async def test_before_the_first_generation(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        got = await api.call("GET", "/v1/generations")
        assert got.json == {"in_force": None, "previous": None, "generations": [], "next": None}
        assert (await api.call("GET", "/v1/journal")).json == {"rows": [], "next": None}


async def test_pages(api: Api) -> None:
    first = (await api.call("GET", "/v1/generations", limit=2)).json
    assert (first["in_force"], first["previous"], first["next"]) == (5, 4, 4)
    assert [one["number"] for one in first["generations"]] == [5, 4]
    assert [one["active"] for one in first["generations"]] == [True, False]
    assert first["generations"][0]["reason"] == "number 5"
    second = (await api.call("GET", "/v1/generations", limit=2, before=4)).json
    assert ([one["number"] for one in second["generations"]], second["next"]) == ([3, 2], 2)
    last = (await api.call("GET", "/v1/generations", limit=2, before=2)).json
    assert ([one["number"] for one in last["generations"]], last["next"]) == ([1], None)
    whole = (await api.call("GET", "/v1/generations", limit=5)).json
    assert (len(whole["generations"]), whole["next"]) == (5, None)


async def test_a_manifest_is_given_octet_for_octet(api: Api) -> None:
    got = await api.call("GET", "/v1/generations/3")
    assert got.headers["Content-Type"].startswith("application/json")
    assert got.etag == f'"{hashlib.sha256(got.body).hexdigest()}"'
    assert (got.json["number"], got.json["reason"]) == (3, "number 3")
    assert (await api.call("GET", "/v1/generations/4")).json["parent"] == got.etag.strip('"')
    assert (await api.call("GET", "/v1/generations/3", headers={"If-None-Match": got.etag})).status == 304


async def test_a_rollback_and_the_journal(api: Api) -> None:
    back = await api.call("POST", "/v1/generations/2/activate", reason="too much")
    assert (back.status, back.json) == (200, {"generation": 2, "changed": True})
    assert api.road.verdict("name2.example") == "block"
    again = await api.call("POST", "/v1/generations/2/activate")
    assert again.json == {"generation": 2, "changed": False}
    got = (await api.call("GET", "/v1/generations")).json
    assert (got["in_force"], got["previous"]) == (2, 1)
    rows = (await api.call("GET", "/v1/journal", limit=1)).json
    assert rows["rows"][0]["generation"] == 2
    assert rows["rows"][0]["previous"] == 5
    assert (rows["rows"][0]["reason"], rows["rows"][0]["author"]) == ("too much", "admin")
    rest = (await api.call("GET", "/v1/journal", before=rows["next"])).json
    assert [row["generation"] for row in rest["rows"]] == [5, 4, 3, 2, 1]


async def test_a_rollback_from_a_known_state_only(api: Api) -> None:
    tag = (await api.call("GET", "/v1/generations/5")).etag
    await api.push("ads", "name6.example\n")
    refused = await api.call("POST", "/v1/generations/4/activate", headers={"If-Match": tag})
    assert (refused.status, refused.code) == (412, "precondition-failed")
    assert api.road.store.current() == 6


async def test_the_way_out_of_a_damaged_manifest(api: Api) -> None:
    await api.road.changes.close()
    with contextlib.closing(sqlite3.connect(api.road.store.path)) as database, database:
        database.execute("UPDATE generation SET body = x'7b7d' WHERE number = 5")
    assert (await api.call("GET", "/v1/lists")).code == "store-failed"
    assert (await api.push("ads", "more.example\n")).code == "store-failed"
    got = (await api.call("GET", "/v1/generations")).json
    assert (got["in_force"], got["previous"]) == (5, 4)
    back = await api.call("POST", "/v1/generations/4/activate")
    assert (back.status, back.json) == (200, {"generation": 4, "changed": True})
    assert (await api.push("ads", "more.example\n")).json["generation"] == 6


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/generations/9", 404),
        ("POST", "/v1/generations/9/activate", 404),
        ("GET", "/v1/generations/0", 400),
        ("GET", "/v1/generations/x", 400),
        ("GET", "/v1/generations/99999999999999999999", 400),
        ("GET", "/v1/generations?limit=0", 400),
        ("GET", "/v1/generations?limit=1001", 400),
        ("GET", "/v1/generations?before=x", 400),
        ("GET", "/v1/journal?before=-1", 400),
    ],
)
async def test_bad_calls(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.call(method, path)
    assert answer.status == status
    assert answer.code
    assert api.road.store.current() == 5


async def test_reading_is_enough_to_read_and_not_to_activate(api: Api) -> None:
    for path in ("/v1/generations", "/v1/generations/1", "/v1/journal"):
        assert (await api.call("GET", path, scopes=("read",))).status == 200
    activate = await api.call("POST", "/v1/generations/1/activate", scopes=("read",))
    assert (activate.status, activate.code) == (403, "scope-missing")
