"""/v1/transactions: all or nothing, every fault at once, rights as for the single calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.api import Answer, Api, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        await api.push("ads", "ads.example\nmoved.example\n")
        yield api


async def send(api: Api, *changes: dict[str, object], policy: object = None, **named: Any) -> Answer:
    body: dict[str, object] = {"changes": list(changes)}
    if policy is not None:
        body["policy"] = policy
    return await api.call("POST", "/v1/transactions", body, **named)


async def test_several_lists_and_the_policy_in_one_swap(api: Api) -> None:
    done = await send(
        api,
        {"list": "ads", "remove": ["moved.example", "nil.example"]},
        {"list": "more", "content": "moved.example\n", "description": {"title": "More"}},
        {"list": "ours", "content": "ok.example\n", "description": {"kind": "allow"}},
        policy={"answer": {"mode": "nxdomain"}},
        reason="tidy",
    )
    assert (done.status, done.json["generation"], done.json["changed"]) == (200, 2, True)
    assert [result["list"] for result in done.json["lists"]] == ["ads", "more", "ours"]
    assert done.json["lists"][0]["not_found"] == ["nil.example"]
    assert done.json["lists"][1]["created"] is True
    manifest, digest = api.road.store.manifest(2)
    assert (manifest.reason, manifest.policy.answer.mode) == ("tidy", "nxdomain")
    assert manifest.lists["more"].description.title == "More"
    assert done.etag == f'"{digest}"'
    assert api.road.verdict("ok.example") == "allow"
    assert (await send(api, {"list": "more", "delete": True})).json["lists"][0]["deleted"] is True


async def test_the_same_again_changes_nothing(api: Api) -> None:
    body: dict[str, object] = {"list": "ads", "content": "ads.example\nmoved.example\n"}
    assert (await send(api, body)).json["changed"] is False
    assert (await send(api)).json == {"generation": 1, "changed": False, "dry_run": False, "lists": []}


async def test_a_dry_run_writes_nothing(api: Api) -> None:
    await api.road.changes.close()
    before = api.road.snapshot()
    done = await send(api, {"list": "new", "content": "new.example\n"}, dry_run=1)
    assert (done.status, done.json["dry_run"], done.json["changed"]) == (200, True, True)
    assert api.road.snapshot() == before


async def test_every_fault_at_once_and_nothing_done(api: Api) -> None:
    await api.road.changes.close()
    before = api.road.snapshot()
    refused = await send(
        api,
        {"list": "fine", "content": "fine.example\n"},
        {"list": "page", "content": "<!DOCTYPE html>\n<html></html>\n"},
        {"list": "void", "content": ""},
    )
    assert (refused.status, refused.code) == (422, "transaction-refused")
    assert [(error["index"], error["list"]) for error in refused.json["errors"]] == [(1, "page"), (2, "void")]
    assert all(error["code"] and error["detail"] for error in refused.json["errors"])
    # A list that was read well before the others failed leaves its file; the next tidying takes it.
    named = {name: data for name, data in api.road.snapshot().items() if not name.startswith("blobs")}
    assert named == {name: data for name, data in before.items() if not name.startswith("blobs")}


async def test_faults_that_need_no_reading_come_at_once_as_well(api: Api) -> None:
    refused = await send(
        api,
        {"list": "nil", "delete": True},
        {"list": "ads", "description": {"kind": "allow"}},
        {"list": "ads", "add": ["x.example"]},
        {"list": "nil2", "add": ["x.example"]},
    )
    assert refused.code == "transaction-refused"
    codes = [(error["index"], error["code"], error["status"]) for error in refused.json["errors"]]
    assert codes == [
        (0, "list-unknown", 404), (1, "content-needed", 409),
        (2, "list-named-twice", 422), (3, "list-unknown", 404),
    ]  # fmt: skip


UNCLEAR: list[dict[str, object]] = [
    {"list": "x"},
    {"list": "x", "delete": True, "content": "x.example\n"},
    {"list": "x", "delete": True, "add": ["x.example"]},
    {"list": "x", "delete": True, "description": {}},
    {"list": "x", "content": "x.example\n", "remove": ["y.example"]},
]


async def test_changes_that_contradict_themselves(api: Api) -> None:
    refused = await send(api, {"list": "ads", "add": ["x.example"]}, *UNCLEAR)
    assert (refused.status, refused.code) == (422, "change-unclear")
    assert [error["index"] for error in refused.json["errors"]] == [1, 2, 3, 4, 5]
    assert api.road.numbers() == [1]


SHAPES: list[object] = [
    {"changes": [{"list": "UPPER", "delete": True}]},
    {"changes": [{"content": "x.example"}]},
    {"changes": [{"list": "x", "contents": "x.example"}]},
    {"changes": {}},
    {"policy": {"answer": {"mode": "address"}}},
    {"lists": []},
    [],
]


@pytest.mark.parametrize("body", SHAPES)
async def test_bodies_of_the_wrong_shape(api: Api, body: object) -> None:
    assert (await api.call("POST", "/v1/transactions", body)).code == "body-invalid"


RIGHTS: list[tuple[tuple[str, ...], dict[str, object], int]] = [
    (("lists:push:ads",), {"list": "ads", "add": ["x.example"]}, 200),
    (("lists:push:*",), {"list": "ads", "content": "x.example\n"}, 200),
    (("lists:push:other",), {"list": "ads", "add": ["x.example"]}, 403),
    (("lists:push:ads",), {"list": "ads", "delete": True}, 403),
    (("lists:push:ads",), {"list": "ads", "description": {}}, 403),
    (("read",), {"list": "ads", "add": ["x.example"]}, 403),
]


@pytest.mark.parametrize(("scopes", "change", "status"), RIGHTS)
async def test_rights(api: Api, scopes: tuple[str, ...], change: dict[str, object], status: int) -> None:
    assert (await send(api, change, scopes=scopes)).status == status


async def test_every_missing_right_is_named(api: Api) -> None:
    refused = await send(
        api,
        {"list": "ads", "add": ["x.example"]},
        {"list": "other", "add": ["x.example"]},
        policy={},
        scopes=("lists:push:ads",),
    )
    assert refused.code == "scope-missing"
    assert refused.json["errors"] == [
        {"index": 1, "list": "other", "scope": "lists:push:other"},
        {"pointer": "#/policy", "scope": "admin"},
    ]
    assert api.road.numbers() == [1]


async def test_a_transaction_can_be_made_from_a_known_state_only(api: Api) -> None:
    tag = (await api.call("GET", "/v1/generations/1")).etag
    change: dict[str, object] = {"list": "ads", "add": ["x.example"]}
    assert (await send(api, change, headers={"If-Match": tag})).status == 200
    stale = await send(api, change, headers={"If-Match": tag})
    assert (stale.status, stale.code) == (412, "precondition-failed")


async def test_text_that_utf8_cannot_write(api: Api) -> None:
    raw = b'{"changes": [{"list": "odd", "content": "good.example\\n\\ud83d.example\\n"}]}'
    headers = {"Content-Type": "application/json"}
    answer = await api.call("POST", "/v1/transactions", raw, headers=headers)
    assert answer.status in (200, 400)
    assert not list((api.road.folder / "spool").iterdir())
