"""`belisha push`: what is sent, in one step or as a transaction, and how the report reads."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from resolver.cli import push as push_file
from tests.unit.cli.api import Api, problem

CONTENT = ("PUT", "/v1/lists/adult/content")
LIST = ("GET", "/v1/lists/adult")
TRANSACTION = ("POST", "/v1/transactions")

DONE: dict[str, Any] = {
    "list": "adult", "generation": 5, "changed": True, "created": True, "dry_run": False, "entries": 1234,
    "digest": "ab", "diff": {"added": 1200, "removed": 3}, "not_found": [], "seconds": 0.1234,
    "report": {
        "format": "hosts", "entries": 1234, "lines": 1300, "invalid_total": 2, "duplicates": 60, "not_dns": 4,
        "ignored": 0, "warnings": ["It is old."],
        "invalid": [{"number": 7, "message": "not a name", "text": "bad\x1bline", "code": "x"},
                   {"number": 9, "message": "not a name", "text": "worse", "code": "x"}],
    },
}  # fmt: skip
DESCRIBED = {"id": "adult", "kind": "block", "format": "auto", "match": "auto", "enabled": True, "title": "",
             "entries": 5, "digest": "ab", "detected": "hosts", "updated": ""}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "adult.txt"
    path.write_bytes(b"one.example\ntwo.example\n")
    return path


def test_a_file_is_sent_as_it_is(api: Api, file: Path) -> None:
    api.answers[CONTENT] = (200, DONE)
    result = api.run("push", "adult", str(file), "--reason", "first import")
    assert result.exit_code == 0
    [asked] = api.asked
    assert asked.body == file.read_bytes()
    assert asked.query == {"reason": "first import"}
    assert result.output.splitlines() == [
        "adult: 1,234 entries, made and in force in generation 5.",
        "  1,200 added, 3 removed, 0 changed",
        "  read as hosts, 1,300 lines",
        "  60 said again what was said before",
        "  4 were for browsers, not for DNS",
        "  note: It is old.",
        "  2 could not be used:",
        "    line 7: not a name: bad\ufffdline",
        "    line 9: not a name: worse",
        "  0.12 s to read and compile",
    ]


REPORTS: list[tuple[dict[str, Any], str]] = [
    (DONE | {"created": False}, "adult: 1,234 entries, in force in generation 5."),
    (DONE | {"changed": False}, "adult: 1,234 entries, as before. Generation 5 stays in force."),
    (DONE | {"dry_run": True}, "adult: 1,234 entries. Nothing was changed (dry run)."),
    (DONE | {"entries": 1, "created": False}, "adult: 1 entry, in force in generation 5."),
    ({"changed": False, "generation": 5, "report": None, "diff": None}, "adult: 0 entries, as before. Gener"),
]


@pytest.mark.parametrize(("answer", "first"), REPORTS)
def test_what_the_push_did(api: Api, file: Path, answer: dict[str, Any], first: str) -> None:
    api.answers[CONTENT] = (200, answer)
    assert api.run("push", "adult", str(file)).output.startswith(first)


def test_standard_input(api: Api) -> None:
    api.answers[CONTENT] = (200, DONE)
    assert api.run("push", "adult", "-", stdin=b"x.example\n").exit_code == 0
    assert api.asked[0].body == b"x.example\n"


@pytest.mark.parametrize(("suffix", "encoding"), [(".gz", "gzip"), (".zst", "zstd"), (".txt", None)])
def test_packed_files_are_named_as_such(api: Api, tmp_path: Path, suffix: str, encoding: str | None) -> None:
    path = tmp_path / f"adult{suffix}"
    path.write_bytes(b"octets")
    api.answers[CONTENT] = (200, DONE)
    api.run("push", "adult", str(path))
    assert api.asked[0].headers.get("Content-Encoding") == encoding


def test_a_dry_run_says_so_to_the_server(api: Api, file: Path) -> None:
    api.answers[CONTENT] = (200, DONE | {"dry_run": True})
    api.run("push", "adult", str(file), "--dry-run")
    assert api.asked[0].query == {"dry_run": "true"}


def test_json(api: Api, file: Path) -> None:
    api.answers[CONTENT] = (200, DONE)
    assert json.loads(api.run("push", "adult", str(file), "--json").output) == DONE


# --- With a description ------------------------------------------------------------------------


def test_a_new_list_is_described_and_filled_in_one_step(api: Api, file: Path) -> None:
    api.answers[TRANSACTION] = (
        200,
        {
            "generation": 6,
            "changed": True,
            "dry_run": False,
            "lists": [{"list": "adult", "created": True, "entries": 2}],
        },
    )
    options = ("--kind", "allow", "--title", "Needed", "--match", "suffix", "--format", "domains")
    result = api.run("push", "adult", str(file), *options, "--reason", "x")
    assert result.output.startswith("adult: 2 entries, made and in force in generation 6.")
    assert api.asked[-1].query == {"reason": "x"}
    assert api.asked[-1].json == {
        "changes": [
            {
                "list": "adult",
                "content": "one.example\ntwo.example\n",
                "description": {"kind": "allow", "title": "Needed", "match": "suffix", "format": "domains"},
            }
        ]
    }


def test_what_is_not_said_stays_as_it_is(api: Api, file: Path) -> None:
    api.answers[LIST] = (200, DESCRIBED | {"title": "Old", "match": "exact"})
    api.answers[TRANSACTION] = (200, {"generation": 6, "changed": True, "dry_run": False, "lists": [{}]})
    assert api.run("push", "adult", str(file), "--kind", "allow").exit_code == 0
    [change] = api.asked[-1].json["changes"]
    assert change["description"] == {
        "kind": "allow", "format": "auto", "match": "exact", "enabled": True, "title": "Old",
    }  # fmt: skip


def test_trust_and_what_the_guard_lets_through(api: Api, file: Path) -> None:
    known = {"rewrites": True, "unguarded": ["zip"]}
    api.answers[LIST] = (200, DESCRIBED | known)
    api.answers[TRANSACTION] = (200, {"generation": 6, "changed": True, "dry_run": False, "lists": [{}]})
    said = [
        (("--kind", "allow"), known | {"kind": "allow"}),
        (("--no-rewrites",), known | {"rewrites": False}),
        (("--unguarded", "zip", "--unguarded", "mov"), known | {"unguarded": ["zip", "mov"]}),
        (("--unguarded", ""), known | {"unguarded": []}),
    ]
    for options, wanted in said:
        assert api.run("push", "adult", str(file), *options).exit_code == 0
        [change] = api.asked[-1].json["changes"]
        description = change["description"]
        assert {key: description[key] for key in wanted} == wanted


def test_rules_held_back_and_other_lists_are_told(api: Api, file: Path) -> None:
    report = {
        "format": "adblock", "lines": 3, "held": 1,
        "held_lines": [{"number": 2, "message": "It covers a suffix.", "text": "||co.uk^", "code": "x"}],
        "comparison": {"overlaps": [{"list": "more", "same": 2, "covered": 0}], "shadowed": 1},
    }  # fmt: skip
    api.answers[CONTENT] = (200, DONE | {"report": report})
    lines = api.run("push", "adult", str(file)).output.splitlines()
    assert lines[3:7] == [
        "  1 held back, because they reach too far:",
        "    line 2: It covers a suffix: ||co.uk^",
        "  2 also in more, 0 covered there",
        "  1 idle: allow rules beat them",
    ]


def test_a_description_that_is_so_already_is_not_sent(api: Api, file: Path) -> None:
    api.answers[LIST] = (200, DESCRIBED)
    api.answers[CONTENT] = (200, DONE)
    assert api.run("push", "adult", str(file), "--kind", "block").exit_code == 0
    assert [asked.method for asked in api.asked] == ["GET", "PUT"]


def test_a_packed_file_is_unpacked_for_a_transaction(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "adult.gz"
    path.write_bytes(gzip.compress(b"x.example\n"))
    api.answers[TRANSACTION] = (200, {"generation": 6, "changed": True, "dry_run": False, "lists": [{}]})
    api.run("push", "adult", str(path), "--kind", "allow")
    assert api.asked[-1].json["changes"][0]["content"] == "x.example\n"


@pytest.mark.parametrize("name", ["large.txt", "bomb.gz", "small.zst"])
def test_what_cannot_go_in_one_piece(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(push_file, "_MOST_DESCRIBED", 1000)
    path = tmp_path / name
    path.write_bytes(
        gzip.compress(b"x" * 100_000) if name == "bomb.gz" else b"x" * (5 if "small" in name else 2000)
    )
    result = api.run("push", "adult", str(path), "--kind", "allow")
    assert result.exit_code == 1
    assert "Description and content cannot go together" in result.stderr
    assert [asked.method for asked in api.asked] == ["GET"]


def test_a_file_that_is_no_gzip(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "adult.gz"
    path.write_bytes(b"plain")
    result = api.run("push", "adult", str(path), "--kind", "allow")
    assert (result.exit_code, "cannot be unpacked" in result.stderr) == (1, True)


# --- Refusals ----------------------------------------------------------------------------------


def test_a_refused_list_shows_its_lines_and_exits_with_1(api: Api, file: Path) -> None:
    api.answers[CONTENT] = problem(
        422, "all-invalid", "No line could be used", "Is it the right format?",
        errors=[{"number": 1, "message": "not a name", "text": "<html>"}],
    )  # fmt: skip
    result = api.run("push", "adult", str(file))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "belisha: No line could be used: Is it the right format?",
        "  line 1: not a name: <html>",
    ]
    assert result.stdout == ""


def test_a_question_that_fails_is_not_taken_for_a_new_list(api: Api, file: Path) -> None:
    api.answers[LIST] = problem(403, "scope-missing", "The token does not reach this far", "")
    assert api.run("push", "adult", str(file), "--kind", "allow").exit_code == 1
    assert len(api.asked) == 1


def test_a_file_that_is_not_there(api: Api, tmp_path: Path) -> None:
    result = api.run("push", "adult", str(tmp_path / "absent.txt"))
    assert result.exit_code == 1
    assert "There is no file" in result.stderr
    assert not api.asked


@pytest.mark.parametrize("name", ["a/b", "", "a b", "ü", "..%2f"])
def test_an_id_that_would_leave_its_place_in_the_path(api: Api, file: Path, name: str) -> None:
    result = api.run("push", name, str(file))
    assert result.exit_code == 1
    assert "is no list id" in result.stderr
    assert not api.asked


def test_an_unknown_format_is_a_wrong_command_line(api: Api, file: Path) -> None:
    assert api.run("push", "adult", str(file), "--format", "excel").exit_code == 2
    assert not api.asked


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    with push_file._progress(2000, quiet=False) as sent:
        sent(1500)
        sent(500)
    assert "compiling" in shown.getvalue()


@pytest.mark.parametrize(("terminal", "quiet"), [(True, True), (False, False)])
def test_programs_see_no_bar(monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet: bool) -> None:
    shown = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with push_file._progress(2000, quiet=quiet) as sent:
        sent(2000)
    assert shown.getvalue() == ""
