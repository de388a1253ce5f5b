"""`belisha generations`: the newest first, the one in force marked."""

from __future__ import annotations

import json

from tests.unit.cli.api import Api


def row(number: int, *, active: bool = False, kept: bool = True) -> dict[str, object]:
    return {
        "number": number, "hash": "ab", "created": "2026-01-02T03:04:05Z", "author": "anna",
        "reason": f"reason {number}", "lists": 2, "entries": 54321, "active": active, "kept": kept,
    }  # fmt: skip


ANSWER = {
    "in_force": 2,
    "previous": 1,
    "generations": [row(3), row(2, active=True), row(1, kept=False)],
    "next": None,
}


def test_who_changed_what(api: Api) -> None:
    api.answers["GET", "/v1/generations"] = (200, ANSWER)
    result = api.run("generations", "--limit", "3")
    assert result.exit_code == 0
    assert api.asked[0].query == {"limit": "3"}
    rows = [line.split() for line in result.output.splitlines() if "54,321" in line]
    assert [line[:1] for line in rows] == [["3"], ["*"], ["gone"]]
    assert "anna" in rows[0]
    assert "54,321" in rows[0]


def test_json(api: Api) -> None:
    api.answers["GET", "/v1/generations"] = (200, ANSWER)
    assert json.loads(api.run("generations", "--json").output) == ANSWER


def test_a_limit_beyond_reason(api: Api) -> None:
    assert api.run("generations", "--limit", "0").exit_code == 2
    assert not api.asked
