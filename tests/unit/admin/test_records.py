"""/v1/policy/records: a zone file in, a zone file out, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.api import Answer, Api, serving

PATH = "/v1/policy/records"

ZONE = """\
$ORIGIN home.arpa.
printer  60 A    192.0.2.9
            TXT  "second floor"
*.dev       CNAME printer
"""

# The same as it is kept, one record a line.
FLAT = [
    "printer.home.arpa. 60 IN A 192.0.2.9",
    'printer.home.arpa. 60 IN TXT "second floor"',
    "*.dev.home.arpa. 60 IN CNAME printer.home.arpa.",
]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        yield api


async def push(api: Api, text: str | bytes, **query: Any) -> Answer:
    return await api.call("PUT", PATH, text, **query)


async def shown(api: Api) -> list[str]:
    got = await api.call("GET", PATH)
    assert got.status == 200 and got.headers["Content-Type"] == "text/plain; charset=utf-8"
    return got.body.decode().splitlines()


async def test_push_and_read_back(api: Api) -> None:
    assert await shown(api) == []
    done = await push(api, ZONE, reason="a name for the printer")
    assert done.status == 200 and done.json == {
        "records": 3, "generation": 1, "changed": True, "dry_run": False, "left_out": [],
    }  # fmt: skip
    assert await shown(api) == FLAT
    assert (await api.call("GET", "/v1/policy")).json["records"] == FLAT
    entry = (await api.call("GET", "/v1/generations/1")).json
    assert (entry["reason"], entry["author"]) == ("a name for the printer", "admin")


async def test_the_same_records_make_no_generation(api: Api) -> None:
    await push(api, ZONE)
    again = await push(api, "\n".join([*FLAT, FLAT[0], "; said twice"]))
    assert (again.json["changed"], again.json["generation"]) == (False, 1)


async def test_what_is_shown_can_be_pushed(api: Api) -> None:
    lines = ["a.example. 60 A 192.0.2.1", "b.example. A 192.0.2.2", "c.example. ( TXT x ) ; odd"]
    await api.call("PUT", "/v1/policy", {"records": lines})
    text = "\n".join(await shown(api))
    assert "b.example. 300 IN A 192.0.2.2" in text  # and not the 60 of the line above it
    await push(api, text)
    assert "\n".join(await shown(api)) == text


async def test_the_rest_of_the_policy_stays(api: Api) -> None:
    await api.call(
        "PUT", "/v1/policy", {"answer": {"mode": "nxdomain"}, "rebinding": {"allow": ["a.example"]}}
    )
    await push(api, ZONE)
    policy = (await api.call("GET", "/v1/policy")).json
    assert policy["answer"]["mode"] == "nxdomain" and policy["rebinding"]["allow"] == ["a.example"]
    assert policy["records"] == FLAT


async def test_a_push_replaces_all_of_them(api: Api) -> None:
    await push(api, ZONE)
    assert (await push(api, "; none any more")).json["records"] == 0
    assert await shown(api) == []
    assert (await push(api, b"")).code == "body-empty"  # which may be a mistake


async def test_a_rollback_brings_them_back(api: Api) -> None:
    await push(api, ZONE)
    await push(api, FLAT[0])
    assert await shown(api) == FLAT[:1]
    assert (await api.call("POST", "/v1/generations/1/activate")).status == 200
    assert await shown(api) == FLAT


async def test_a_dry_run(api: Api) -> None:
    tried = await push(api, ZONE, dry_run=1)
    assert (tried.json["records"], tried.json["changed"], tried.json["dry_run"]) == (3, True, True)
    assert "ETag" not in tried.headers and await shown(api) == []


async def test_preconditions(api: Api) -> None:
    before = await api.call("GET", PATH)
    done = await api.call("PUT", PATH, ZONE, headers={"If-Match": before.etag})
    assert done.status == 200 and done.etag == (await api.call("GET", PATH)).etag != before.etag
    stale = await api.call("PUT", PATH, FLAT[0], headers={"If-Match": before.etag})
    assert (stale.status, stale.code) == (412, "precondition-failed")
    held = await api.call("GET", PATH, headers={"If-None-Match": done.etag})
    assert held.status == 304
    # The rest of the policy has a tag of its own.
    await api.call("PUT", "/v1/policy", {"answer": {"ttl": 60}, "records": FLAT})
    assert (await api.call("GET", PATH)).etag == done.etag


async def test_an_origin_may_be_named(api: Api) -> None:
    await push(api, "printer 60 A 192.0.2.9", origin="home.arpa")
    assert await shown(api) == FLAT[:1]
    wrong = await push(api, "printer A 192.0.2.9", origin="a..b")
    assert (wrong.status, wrong.code, wrong.json["errors"][0]["number"]) == (422, "records-invalid", 0)


async def test_what_belongs_to_a_zone_is_told(api: Api) -> None:
    done = await push(
        api, "a.example. NS b.example.\na.example. SOA b. c. 1 2 3 4 5\na.example. A 192.0.2.1\n"
    )
    assert done.json["records"] == 1 and [one["line"] for one in done.json["left_out"]] == [1, 2]


FAULTS = {
    "no records at all": ("one\ntwo", [(1, "one"), (2, "two")]),
    "one among good ones": ("a. A 192.0.2.1\nb. A x\n", [(2, "b. A x")]),
    "records that contradict": ("a. A 192.0.2.1\n\na. CNAME b.", [(3, "a. CNAME b.")]),
    "localhost": ("localhost. A 192.0.2.1", [(1, "localhost. A 192.0.2.1")]),
    "another file": ("$INCLUDE /etc/shadow", [(1, "$INCLUDE /etc/shadow")]),
    "no UTF-8": (b"a. A 192.0.2.1\na. TXT \xff", [(2, "")]),
    "one that is too long to keep": (
        "a. TXT" + ' "' + "\\001" * 250 + '"' * 1 + ' "' + "\\001" * 255 + '"',
        [(1, None)],
    ),
}


@pytest.mark.parametrize(("text", "errors"), FAULTS.values(), ids=FAULTS)
async def test_faults(api: Api, text: str | bytes, errors: list[tuple[int, str | None]]) -> None:
    answer = await push(api, text)
    assert (answer.status, answer.code) == (422, "records-invalid")
    for found, (number, line) in zip(answer.json["errors"], errors, strict=True):
        assert found["number"] == number and found["message"] and len(found["text"]) <= 200
        assert line is None or found["text"] == line
    assert api.road.store.current() is None


async def test_bounds(api: Api) -> None:
    large = await push(api, ";" * ((1 << 20) + 1))
    assert (large.status, large.code) == (413, "body-too-large")
    many = "".join(f"a{number}. A 192.0.2.1\n" for number in range(10_001))
    assert (await push(api, many)).code == "records-invalid"


@pytest.mark.parametrize(
    ("kind", "status"), [("text/dns", 200), ("text/plain", 200), ("application/json", 415)]
)
async def test_media_types(api: Api, kind: str, status: int) -> None:
    answer = await api.call("PUT", PATH, ZONE, headers={"Content-Type": kind})
    assert answer.status == status


async def test_only_an_admin_changes_them(api: Api) -> None:
    assert (await api.call("GET", PATH, scopes=("read",))).status == 200
    assert (await api.call("PUT", PATH, ZONE, scopes=("read",))).status == 403
    assert (await api.call("PUT", PATH, ZONE, scopes=("lists:push:*",))).status == 403
