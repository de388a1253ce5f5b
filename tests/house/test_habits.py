"""Small habits that a linter does not know: prose first, no stray output, no loose ends.

Each exemption stands in a table here with its reason. A rule that would need many exemptions is a
wrong rule: change it, do not pile them up.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, Module, docstring_lines, modules, text_files

# Where a person reads standard output.
PRINTERS = {
    "cli": "the command line talks to a person",
    "supervisor": "`make run` prints where it listens and the first token",
}

# Where one line of docstring is enough.
SHORT_DOCSTRINGS = {
    "__init__.py": "a room is described by its files, and by resolver/__init__.py",
    "__main__.py": "an entry point only starts what another file describes",
}
SHORT_DOCSTRING_ROOMS = {"cli": "the prose of a verb is its --help, which is the docstring of its function"}

every_module = pytest.mark.parametrize("module", modules(), ids=str)
every_python_file = pytest.mark.parametrize("module", modules() + modules("tests"), ids=str)
every_text_file = pytest.mark.parametrize(
    "path", text_files(), ids=[str(p.relative_to(ROOT)) for p in text_files()]
)

LOOSE_END = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b(?!\(#\d+\))")
BARE_IGNORE = re.compile(r"#\s*type:\s*" + r"ignore(?!\[)|#\s*no" + r"qa(?!:\s?[A-Z])")

# Paths of one person's machine. They are put together here so that this file does not contain them.
PRIVATE_PATH = re.compile(
    r"(?<![\w.~$}{-])/(?:" + "|".join(("wo" + "rk", "ho" + "me", "ro" + "ot", "Us" + "ers")) + r")/"
)
TEMPORARY_PATH = re.compile(r"/t" + r"mp/[a-z]/")


@every_module
def test_module_opens_with_prose(module: Module) -> None:
    short = module.path.name in SHORT_DOCSTRINGS or module.room in SHORT_DOCSTRING_ROOMS
    least = 1 if short else 2
    assert docstring_lines(module.tree) >= least, "say what it is, how it works, what it must not know"


@every_module
def test_only_shells_print(module: Module) -> None:
    if module.room in PRINTERS:
        return
    lines = [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not lines


@every_python_file
def test_every_except_names_what_it_expects(module: Module) -> None:
    bare = [n.lineno for n in ast.walk(module.tree) if isinstance(n, ast.ExceptHandler) and n.type is None]
    assert not bare


@every_python_file
def test_ignored_findings_name_their_code(module: Module) -> None:
    lines = [n for n, line in enumerate(module.text.splitlines(), 1) if BARE_IGNORE.search(line)]
    assert not lines


@every_text_file
def test_no_loose_ends(path: Path) -> None:
    lines = [n for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if LOOSE_END.search(line)]
    assert not lines, "finish it, or file an issue and name it: (#12)"


@every_text_file
def test_no_path_of_one_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    found = PRIVATE_PATH.findall(text) + TEMPORARY_PATH.findall(text)
    assert not found
