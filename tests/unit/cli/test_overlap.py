"""`belisha lists overlap`: one line for each list that has something in common, then what is idle."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resolver.cli.overlap import beside_others
from tests.unit.cli.api import Api

OVERLAP = ("GET", "/v1/lists/adult/overlap")

COMPARISON: dict[str, Any] = {
    "overlaps": [
        {"list": "more", "same": 12345, "covered": 6},
        {"list": "x\x1b", "same": 0, "covered": 2},
        {"list": "none", "same": 0, "covered": 0},
    ],
    "shadowed": 1234,
    "shadowed_sample": ["||a.example^", "||b\x1b.example^"],
    "not_compared": ["broken"],
}
ANSWER = {"list": "adult", "generation": 4, "comparison": COMPARISON}


def test_a_line_for_each_list_that_has_something_in_common(api: Api) -> None:
    api.answers[OVERLAP] = (200, ANSWER)
    result = api.run("lists", "overlap", "adult")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "adult, generation 4:",
        "  12,345 also in more, 6 covered there",
        "  0 also in x\ufffd, 2 covered there",
        "  not compared with broken",
        "  1,234 idle: allow rules beat them",
        "    ||a.example^",
        "    ||b\ufffd.example^",
    ]
    assert [(one.method, one.path) for one in api.asked] == [OVERLAP]


def test_nothing_in_common(api: Api) -> None:
    api.answers[OVERLAP] = (200, {**ANSWER, "comparison": {}})
    assert api.run("lists", "overlap", "adult").output.splitlines()[1] == (
        "  nothing in common with another list, and nothing idle"
    )


def test_json(api: Api) -> None:
    api.answers[OVERLAP] = (200, ANSWER)
    assert json.loads(api.run("lists", "overlap", "adult", "--json").output) == ANSWER


@pytest.mark.parametrize("name", ["a/b", "..%2f"])
def test_an_id_that_would_leave_its_place_in_the_path(api: Api, name: str) -> None:
    result = api.run("lists", "overlap", name)
    assert (result.exit_code, api.asked) == (1, [])


def test_the_first_few_are_shown_where_there_is_little_room() -> None:
    assert list(beside_others(COMPARISON, 1))[:2] == [
        "  12,345 also in more, 6 covered there",
        "  not compared with broken",
    ]
    assert list(beside_others({})) == []
