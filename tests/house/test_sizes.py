"""How large a thing may grow, and how much of it must be prose.

A function is read in one look, a file in one sitting. The hard limits are tests; the 90th percentile
keeps them from becoming the habit.
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize

import pytest

from tests.house.tree import Module, docstring_lines, function_lines, functions, modules, nesting

FUNCTION_LINES = 60
FUNCTION_LINES_P90 = 30
FILE_LINES = 600
FILE_LINES_P90 = 400
NESTING = 4
PROSE_PERCENT = 25

every_module = pytest.mark.parametrize("module", modules() + modules("tests"), ids=str)


def _filled(module: Module) -> int:
    return sum(1 for line in module.text.splitlines() if line.strip())


def _p90(values: list[int]) -> float:
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


@every_module
def test_file_is_read_in_one_sitting(module: Module) -> None:
    assert _filled(module) <= FILE_LINES


@every_module
def test_functions_are_read_in_one_look(module: Module) -> None:
    long = {f.name: function_lines(f) for f in functions(module) if function_lines(f) > FUNCTION_LINES}
    assert not long


@pytest.mark.parametrize("module", modules(), ids=str)
def test_blocks_are_not_nested_deep(module: Module) -> None:
    deep = {f.name: nesting(f) for f in functions(module) if nesting(f) > NESTING}
    assert not deep


def test_most_things_are_well_below_the_limits() -> None:
    assert _p90([_filled(module) for module in modules()]) <= FILE_LINES_P90
    assert _p90([function_lines(f) for m in modules() for f in functions(m)]) <= FUNCTION_LINES_P90


def _prose(module: Module) -> int:
    """Lines that hold a docstring or a comment."""
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    comments = len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})
    classes = [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    strings = sum(docstring_lines(node) for node in (module.tree, *classes, *functions(module)))
    return comments + strings


def test_a_quarter_of_the_source_is_prose() -> None:
    prose = sum(_prose(module) for module in modules())
    lines = sum(_filled(module) for module in modules())
    assert 100 * prose / lines >= PROSE_PERCENT
