"""The table of promises names tests that exist, and says something of every promise there is."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.house.tree import ROOT, functions, modules

PAGE = ROOT / "docs" / "promises.md"
ROW = re.compile(r"(?m)^\| (\w+) \| (.+?) \| (.*?) \| (.+?) \|$")
TEST = re.compile(r"`([\w/.-]+?\.(?:py::\w+|txt))`")
WITHOUT = {"later", "no need"}

NUMBERS = {str(number) for number in range(1, 32)} | {f"A{number}" for number in range(1, 17)}
"""Statements about DNS and classes of attacks; none of them may be passed over in silence."""

ROWS: list[tuple[str, str, str, str]] = ROW.findall(PAGE.read_text("utf-8"))


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the test functions in a file below `tests`."""
    found = [module for module in modules("tests") if module.path == ROOT / "tests" / path]
    return frozenset(function.name for module in found for function in functions(module))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}-{number}" for number, row in enumerate(ROWS)])
def test_every_promise_is_held_by_tests_that_exist(row: tuple[str, str, str, str]) -> None:
    held = row[3]
    if held in WITHOUT:
        return
    named = TEST.findall(held)
    assert named and len(named) == held.count("`") // 2
    for name in named:
        path, _, function = name.partition("::")
        assert Path(ROOT / "tests" / path).is_file(), f"no such file: tests/{path}"
        assert not function or function in names_in(path), f"no such test: {name}"


def test_no_promise_is_passed_over() -> None:
    assert {row[0] for row in ROWS} >= NUMBERS
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| \w", line)]
    assert len(ROWS) == len([line for line in lines if not line.startswith("| |")]), "every line can be read"
