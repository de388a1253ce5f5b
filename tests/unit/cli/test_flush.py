"""`belisha flush`: what is sent, what is said, and the exit code when a worker is silent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.cli.api import Api, problem

DOOR = ("POST", "/v1/cache/flush")


def done(name: str | None = None, below: bool = False, answers: int = 0, unconfirmed: Any = ()) -> Any:
    return 200, {"name": name, "below": below, "answers": answers, "unconfirmed": list(unconfirmed)}


RUNS: list[tuple[tuple[str, ...], dict[str, Any], Any, str]] = [
    ((), {}, done(answers=12_345), "Everything is forgotten: 12,345 answers.\n"),
    (
        ("www.example.org",),
        {"name": "www.example.org", "below": False},
        done("www.example.org", answers=1),
        "www.example.org: 1 answer forgotten.\n",
    ),
    (
        ("Example.org", "--below"),
        {"name": "Example.org", "below": True},
        done("example.org", True, 7),
        "example.org and all names below it: 7 answers forgotten.\n",
    ),
]


@pytest.mark.parametrize(("arguments", "body", "answer", "said"), RUNS, ids=[row[3] for row in RUNS])
def test_flushing(api: Api, arguments: tuple[str, ...], body: dict[str, Any], answer: Any, said: str) -> None:
    api.answers[DOOR] = answer
    result = api.run("flush", *arguments)
    assert (result.exit_code, result.output) == (0, said)
    assert api.asked[-1].json == body


def test_a_worker_that_is_silent_is_named(api: Api) -> None:
    api.answers[DOOR] = done(answers=3, unconfirmed=[1, 4])
    result = api.run("flush")
    assert result.exit_code == 1
    assert result.stdout == "Everything is forgotten: 3 answers.\n"
    assert result.stderr.startswith("belisha: Not confirmed by worker 1, 4:")


def test_json(api: Api) -> None:
    api.answers[DOOR] = done("example.org", answers=3)
    assert json.loads(api.run("flush", "example.org", "--json").output) == done("example.org", answers=3)[1]


def test_a_name_that_cannot_be_read(api: Api) -> None:
    api.answers[DOOR] = problem(422, "name-invalid", "The name cannot be read", "There is no name.")
    result = api.run("flush", "")
    assert (result.exit_code, result.stderr) == (1, "belisha: The name cannot be read: There is no name.\n")
    assert api.asked[-1].json == {"name": "", "below": False}, "and not everything"


def test_below_nothing_is_a_mistake(api: Api) -> None:
    result = api.run("flush", "--below")
    assert result.exit_code == 2 and "--below needs a NAME" in result.stderr
    assert api.asked == []


@pytest.mark.parametrize("answer", [{}, {"answers": "\x1b[2J", "name": "\x1b[2J", "unconfirmed": "\x1b"}])
def test_whatever_answers_the_terminal_is_safe(api: Api, answer: dict[str, Any]) -> None:
    api.answers[DOOR] = (200, answer)
    result = api.run("flush")
    assert result.exit_code == 0 and "\x1b" not in result.output
