"""The source tree as the house rules see it: modules parsed once, imports, sizes, text files.

Nothing of Belisha is imported here: a module that does not even parse must still be named by the
rule it breaks. Sizes are counted as the house counts them: blank lines and a function's own docstring
are free, so that nobody is ever better off without a docstring.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Function = ast.FunctionDef | ast.AsyncFunctionDef

_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)
_SKIPPED = {".git", ".venv", "var", "build", "dist", "__pycache__", ".hypothesis"}
_TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".service", ".cfg", ".json", ".ini", ".rpl", ""}


@dataclass(frozen=True)
class Module:
    """A Python file: `name` is its dotted name from the root of the checkout."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def room(self) -> str:
        """The first part below `resolver`: the room, or the name of a top-level file."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""


@cache
def modules(folder: str = "resolver") -> tuple[Module, ...]:
    """Every Python file below a folder of the checkout, in the order of their paths."""
    return tuple(_read(path) for path in sorted((ROOT / folder).rglob("*.py")))


def _read(path: Path) -> Module:
    text = path.read_text("utf-8")
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return Module(path, dotted.removesuffix(".__init__"), text, ast.parse(text, str(path)))


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything a module imports, wherever the import stands."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def functions(module: Module) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield node


def docstring_lines(node: ast.Module | ast.ClassDef | Function) -> int:
    """Lines of a docstring; 0 without one."""
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


def function_lines(node: Function) -> int:
    """Lines of a function without its docstring and decorators."""
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)


def nesting(node: ast.AST, depth: int = 0) -> int:
    """Deepest nesting of blocks; an `elif` is no deeper than its `if`, an inner function starts anew."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, nesting(child, depth + (isinstance(child, _BLOCKS) and not is_elif)))
    return deepest


@cache
def text_files() -> tuple[Path, ...]:
    """Every text file that belongs to the project: what git tracks or would, or all without git."""
    try:
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout.decode()
        candidates = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.SubprocessError):
        candidates = [
            path for path in ROOT.rglob("*") if not _SKIPPED.intersection(path.relative_to(ROOT).parts)
        ]
    return tuple(path for path in sorted(candidates) if path.suffix in _TEXT and path.is_file())
