"""/v1/explain: the verdict, its reasons, and the answer as a client would get it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.api import Api, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        yield api


async def explain(api: Api, name: str, **query: Any) -> dict[str, Any]:
    answer = await api.call("GET", "/v1/explain", name=name, **query)
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


async def test_before_the_first_generation_nothing_is_blocked(api: Api) -> None:
    found = await explain(api, "ads.example")
    assert (found["verdict"], found["generation"], found["matches"]) == ("none", 0, [])
    assert found["answer"]["by"] == "upstream"


async def test_a_blocked_name_with_list_rule_line_and_answer(api: Api) -> None:
    await api.push("ads", "# first line\n||ads.example^\n")
    found = await explain(api, "www.ads.example")
    assert {key: found[key] for key in ("name", "type", "verdict", "list", "line", "generation")} == {
        "name": "www.ads.example", "type": "A", "verdict": "block", "list": "ads", "line": 2, "generation": 1,
    }  # fmt: skip
    assert found["rule"] == "||ads.example^"
    assert found["matches"][0]["effects"] == ["block-below"]
    assert found["answer"]["by"] == "policy"
    assert found["answer"]["rcode"] == "NOERROR"
    assert any("0.0.0.0" in record for record in found["answer"]["records"])
    assert found["answer"]["extended_errors"][0]["code"] == 15


async def test_allow_beats_block_and_both_are_shown(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    await api.call("PUT", "/v1/lists/ours", {"kind": "allow"})
    await api.push("ours", "ads.example\n")
    found = await explain(api, "ads.example")
    assert (found["verdict"], found["list"]) == ("allow", "ours")
    assert {match["list"] for match in found["matches"]} == {"ads", "ours"}
    assert found["answer"] == {"by": "upstream", "rcode": None, "records": [], "extended_errors": []}


SPELLINGS = ["bücher.example", "BÜCHER.Example.", "xn--bcher-kva.example", " XN--BCHER-KVA.EXAMPLE. "]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_any_spelling(api: Api, spelling: str) -> None:
    await api.push("ads", "xn--bcher-kva.example\n")
    found = await explain(api, spelling)
    assert (found["verdict"], found["name"]) == ("block", "xn--bcher-kva.example")


async def test_the_answer_follows_the_policy_and_the_type(api: Api) -> None:
    await api.push("ads", "ads.example\n")
    assert (await explain(api, "ads.example", type="https"))["answer"]["records"] == []
    await api.call("PUT", "/v1/policy", {"answer": {"mode": "nxdomain"}})
    assert (await explain(api, "ads.example"))["answer"]["rcode"] == "NXDOMAIN"
    await api.call("PUT", "/v1/policy", {"answer": {"mode": "address", "ipv6": ["2001:db8::7"]}})
    assert "2001:db8::7" in (await explain(api, "ads.example", type="AAAA"))["answer"]["records"][0]
    assert (await explain(api, "ads.example", type="TYPE65280"))["type"] == "TYPE65280"


async def test_special_names_are_answered_here(api: Api) -> None:
    found = await explain(api, "localhost")
    assert found["answer"]["by"] == "special"
    assert "127.0.0.1" in found["answer"]["records"][0]


async def test_a_special_name_can_be_blocked_but_localhost_cannot(api: Api) -> None:
    """As the pipeline has it: a list may block `ads.test`, which would get NXDOMAIN without it."""
    await api.push("ads", "||ads.test^\n||x.localhost^\n")
    blocked = (await explain(api, "ads.test"))["answer"]
    assert blocked["by"] == "policy"
    local = await explain(api, "www.x.localhost")
    assert (local["verdict"], local["answer"]["by"]) == ("block", "special")


async def test_it_follows_every_swap(api: Api) -> None:
    await api.push("ads", "one.example\n")
    assert (await explain(api, "one.example"))["verdict"] == "block"
    await api.push("ads", "two.example\n")
    assert (await explain(api, "one.example"))["verdict"] == "none"
    await api.call("POST", "/v1/generations/1/activate")
    assert (await explain(api, "one.example"))["generation"] == 1


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "parameter-invalid"),
    ({"name": ""}, 422, "name-invalid"),
    ({"name": "a..example"}, 422, "name-invalid"),
    ({"name": "exa mple.org"}, 422, "name-invalid"),
    ({"name": "<script>.example"}, 422, "name-invalid"),
    ({"name": "x" * 64 + ".example"}, 422, "name-invalid"),
    ({"name": ".".join(["label"] * 60)}, 422, "name-invalid"),
    ({"name": "ads.example", "type": "nonsense"}, 422, "type-invalid"),
    ({"name": "ads.example", "type": "TYPE70000"}, 422, "type-invalid"),
    ({"name": "ads.example", "client": "192.0.2.1"}, 400, "parameter-unknown"),
]


@pytest.mark.parametrize(("query", "status", "code"), BAD)
async def test_bad_names_and_types(api: Api, query: dict[str, Any], status: int, code: str) -> None:
    answer = await api.call("GET", "/v1/explain", **query)
    assert (answer.status, answer.code) == (status, code)


async def test_the_root_is_a_name(api: Api) -> None:
    assert (await explain(api, "."))["verdict"] == "none"
