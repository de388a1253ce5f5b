"""`belisha records`: what is sent, and how the answer reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.api import Api, problem

PATH = "/v1/policy/records"
ZONE = b"$ORIGIN home.arpa.\nprinter A 192.0.2.9\n"
DONE: dict[str, Any] = {"records": 1, "generation": 5, "changed": True, "dry_run": False, "left_out": []}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "home.zone"
    path.write_bytes(ZONE)
    return path


def test_a_file_is_sent_as_it_is(api: Api, file: Path) -> None:
    api.answers["PUT", PATH] = (200, DONE)
    result = api.run("records", "push", str(file), "--reason", "the new printer", "--origin", "home.arpa")
    assert (result.exit_code, result.output) == (0, "1 record, in force in generation 5.\n")
    [asked] = api.asked
    assert asked.body == ZONE and asked.headers["Content-Type"] == "text/plain"
    assert asked.query == {"reason": "the new printer", "origin": "home.arpa"}


REPORTS: list[tuple[dict[str, Any], str]] = [
    (DONE | {"records": 1234}, "1,234 records, in force in generation 5.\n"),
    (DONE | {"changed": False}, "1 record, as before. Generation 5 stays in force.\n"),
    (DONE | {"dry_run": True}, "1 record. Nothing was changed (dry run).\n"),
    (
        DONE | {"left_out": [{"line": 3, "message": "SOA records\x1b are left out."}]},
        "1 record, in force in generation 5.\n  line 3: SOA records\ufffd are left out.\n",
    ),
    ({}, "0 records, as before. Generation None stays in force.\n"),
]


@pytest.mark.parametrize(("answer", "text"), REPORTS)
def test_what_the_push_did(api: Api, file: Path, answer: dict[str, Any], text: str) -> None:
    api.answers["PUT", PATH] = (200, answer)
    assert api.run("records", "push", str(file)).output == text


def test_standard_input_and_json(api: Api) -> None:
    api.answers["PUT", PATH] = (200, DONE)
    result = api.run("records", "push", "-", "--dry-run", "--json", stdin=ZONE)
    assert json.loads(result.output) == DONE
    assert api.asked[0].body == ZONE and api.asked[0].query == {"dry_run": "true"}


def test_faulty_lines_are_named(api: Api, file: Path) -> None:
    errors = [{"number": 2, "text": "printer A x", "message": "The words are wrong."}]
    refused = problem(422, "records-invalid", "The records cannot be kept", "Nothing.", errors=errors)
    api.answers["PUT", PATH] = refused
    result = api.run("records", "push", str(file))
    assert result.exit_code == 1 and "line 2: The words are wrong: printer A x" in result.output


def test_a_file_that_is_not_there(api: Api, tmp_path: Path) -> None:
    result = api.run("records", "push", str(tmp_path / "none.zone"))
    assert result.exit_code == 1 and "There is no file" in result.output and not api.asked


def test_they_are_shown_as_they_come(api: Api) -> None:
    api.answers["GET", PATH] = (200, b'a.example. 60 IN A 192.0.2.1\nb.example. 60 IN TXT "x\x1b"\n')
    result = api.run("records", "show")
    assert result.output == 'a.example. 60 IN A 192.0.2.1\nb.example. 60 IN TXT "x\ufffd"\n'
    assert api.asked[0].headers["Accept"] == "text/plain"


def test_a_long_line_is_shown_whole(api: Api) -> None:
    line = f'a.example. 60 IN TXT "{"x" * 1900}"'
    api.answers["GET", PATH] = (200, line.encode())
    assert api.run("records", "show").output == line + "\n"


def test_who_may_not_see_them_is_told(api: Api) -> None:
    api.answers["GET", PATH] = problem(403, "scope-missing", "The token does not reach this far", "No.")
    result = api.run("records", "show")
    assert result.exit_code == 1 and "does not reach this far" in result.output
