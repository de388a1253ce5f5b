"""`belisha rollback`: where it goes with and without a number."""

from __future__ import annotations

import json

from tests.unit.cli.api import Api, problem


def test_without_a_number_it_goes_where_the_server_says(api: Api) -> None:
    api.answers["GET", "/v1/generations"] = (
        200,
        {"in_force": 9, "previous": 6, "generations": [], "next": None},
    )
    api.answers["POST", "/v1/generations/6/activate"] = (200, {"generation": 6, "changed": True})
    result = api.run("rollback", "--reason", "exam site")
    assert result.output == "Generation 6 is in force now.\n"
    assert api.asked[-1].query == {"reason": "exam site"}


def test_a_number(api: Api) -> None:
    api.answers["POST", "/v1/generations/3/activate"] = (200, {"generation": 3, "changed": False})
    assert api.run("rollback", "3").output == "Generation 3 was in force already; nothing changed.\n"
    assert len(api.asked) == 1


def test_json(api: Api) -> None:
    api.answers["POST", "/v1/generations/3/activate"] = (200, {"generation": 3, "changed": True})
    assert json.loads(api.run("rollback", "3", "--json").output) == {"generation": 3, "changed": True}


def test_nowhere_to_go(api: Api) -> None:
    api.answers["GET", "/v1/generations"] = (200, {"in_force": 1, "previous": None, "generations": []})
    result = api.run("rollback")
    assert result.exit_code == 1
    assert result.stderr.startswith("belisha: Nothing to go back to: ")


def test_one_that_is_gone(api: Api) -> None:
    api.answers["POST", "/v1/generations/3/activate"] = problem(
        404, "generation-unknown", "There is no such generation", "Generation 3 is not kept."
    )
    result = api.run("rollback", "3")
    assert (result.exit_code, result.stderr) == (
        1,
        "belisha: There is no such generation: Generation 3 is not kept.\n",
    )


def test_no_generation_0(api: Api) -> None:
    assert api.run("rollback", "0").exit_code == 2
