"""`belisha lists`: one line a list."""

from __future__ import annotations

import json

from tests.unit.cli.api import Api

ANSWER = {
    "generation": 4,
    "lists": [
        {
            "id": "adult", "title": "Not for children", "kind": "block", "format": "auto", "match": "auto",
            "enabled": True, "entries": 12345, "digest": "ab", "detected": "hosts",
            "updated": "2026-01-02T03:04:05Z",
        },
        {
            "id": "off", "title": "\x1b[2J", "kind": "allow", "format": "domains", "match": "suffix",
            "enabled": False, "entries": 0, "digest": None, "detected": "", "updated": "",
        },
    ],
}  # fmt: skip


def test_a_line_for_each_list(api: Api) -> None:
    api.answers["GET", "/v1/lists"] = (200, ANSWER)
    result = api.run("lists")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "Generation 4, 2 lists."
    adult = next(line for line in lines if line.startswith("adult"))
    for word in ("block", "12,345", "hosts", "auto", "2026-01-02T03:04:05Z", "Not for children"):
        assert word in adult
    off = next(line for line in lines if line.startswith("off"))
    assert "switched off" in off
    assert "no content" in off
    assert "\x1b" not in result.output


def test_no_list_at_all(api: Api) -> None:
    api.answers["GET", "/v1/lists"] = (200, {"generation": 0, "lists": []})
    assert api.run("lists").output == "Generation 0, 0 lists.\n"


def test_json(api: Api) -> None:
    api.answers["GET", "/v1/lists"] = (200, ANSWER)
    assert json.loads(api.run("lists", "--json").output) == ANSWER


def test_the_token_is_shown(api: Api) -> None:
    api.answers["GET", "/v1/lists"] = (200, ANSWER)
    api.run("lists", token="bel_other")
    assert api.asked[0].headers["Authorization"] == "Bearer bel_other"
