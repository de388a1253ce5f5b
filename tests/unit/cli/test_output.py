"""What people see: harmless, bounded, and with the lines that are to blame."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.cli import output
from resolver.errors import RequestError


@given(st.text(max_size=2000))
def test_nothing_reaches_the_terminal_but_printable_characters(text: str) -> None:
    shown = output.plain(text)
    assert shown.isprintable()
    assert len(shown) <= 504


def test_an_escape_sequence_is_shown_and_not_obeyed() -> None:
    assert output.plain("\x1b[31mred\nline") == "\ufffd[31mred\ufffdline"


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (999, "999"), (1234567, "1,234,567")])
def test_numbers(value: int, text: str) -> None:
    assert output.number(value) == text


@pytest.mark.parametrize(
    ("value", "words", "text"),
    [(1, ("entry", "entries"), "1 entry"), (2, ("entry", "entries"), "2 entries"), (0, ("list",), "0 lists")],
)
def test_counts(value: int, words: tuple[str, ...], text: str) -> None:
    assert output.count(value, *words) == text


def test_a_problem_with_its_lines() -> None:
    errors = [{"number": n, "message": "not a name", "text": f"bad {n}\x07"} for n in range(1, 15)]
    error = RequestError(
        422, "all-invalid", "No line can be used.", "Look at the format.", {"errors": errors}
    )
    lines = output.problem_text(error).splitlines()
    assert lines[0] == "No line can be used: Look at the format."
    assert lines[1] == "  line 1: not a name: bad 1\ufffd"
    assert len(lines) == 1 + output.LINES_SHOWN + 1
    assert lines[-1] == "  and 4 more"


def test_a_problem_with_advice_and_an_incident() -> None:
    error = RequestError(401, "token-missing", "A token is needed", "", {"incident": "ab12"})
    assert output.problem_text(error).splitlines() == [
        "A token is needed",
        "Set BELISHA_TOKEN or name a file with --token-file; `belisha token create` makes one.",
        "The server's log knows more under incident ab12.",
    ]


@pytest.mark.parametrize("errors", [None, "x", {}, [1, "two", None, {}, {"message": 5}]])
def test_errors_of_an_unexpected_shape_are_left_out(errors: object) -> None:
    assert output.offending_lines(errors) == []


def test_json_is_the_same_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_json({"name": "bücher", "n": [1]})
    assert json.loads(capsys.readouterr().out) == {"name": "bücher", "n": [1]}


def test_a_table_shows_every_cell_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name", ">entries"), [("[bold]x[/bold]", 12345), ("a" * 90, 1)])
    shown = capsys.readouterr().out
    assert "[bold]x[/bold]" in shown
    assert "12,345" in shown
    assert "a" * 90 in shown


@pytest.mark.parametrize("text", ["adult", "a.b_c-9", "A"])
def test_an_id_that_can_stand_in_a_path(text: str) -> None:
    assert output.list_id(text) == text


@pytest.mark.parametrize("text", ["", "a/b", "a b", "ü", "%2e"])
def test_an_id_that_cannot(text: str) -> None:
    with pytest.raises(RequestError, match="an id has small letters"):
        output.list_id(text)
