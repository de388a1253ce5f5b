"""The order of the rooms, and what a pure room may not even call.

import-linter says the first part again in `make check` (pyproject.toml), along chains of imports. It
is repeated here because `make test` alone must fail when a room reaches up, and because a call such as
`open()` or `datetime.now()` needs no import that a contract could name.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib

import pytest

from tests.house.tree import ROOT, Module, imports, modules

# From the bottom up. A room may import itself and what stands before it.
ORDER = (
    "errors",
    "dns",
    "rules",
    "policy",
    "generation",
    "records",
    "serving",
    "admin",
    "supervisor",
    "cli",
    "__main__",
)
LEAVES = ("settings", "upstreams", "inherited", "shipped", "events")
PURE = ("dns", "rules", "policy")

# `serving` and `admin` stand side by side: neither sees the other.
SIBLINGS = {"serving": "admin", "admin": "serving"}

# A heavy or dangerous import has one home; everybody else goes through that home's door.
HOMES = {
    "dnslib": "resolver.dns.message",  # can be stalled by crafted octets: our bound checks stand before it
    "marisa_trie": "resolver.rules",  # the format of a compiled list is known in one room
    "aiohttp": "resolver.admin",  # its size must never reach a DNS worker
    "click": "resolver.cli",
    "rich": "resolver.cli",
}

IMPURE_MODULES = {
    "asyncio", "concurrent", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess",
    "tempfile", "threading", "time", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "breakpoint", "exec", "eval"}
IMPURE_METHODS = {
    "now", "today", "utcnow", "getenv", "urandom", "read_text", "read_bytes", "write_text", "write_bytes",
    "mmap",  # a mapped file may be handed in; mapping it is the caller's
}  # fmt: skip

every_module = pytest.mark.parametrize("module", modules(), ids=str)
every_pure_module = pytest.mark.parametrize("module", [m for m in modules() if m.room in PURE], ids=str)


def _ours(module: Module) -> list[tuple[int, str]]:
    """Line and room of everything of `resolver` that a module imports."""
    return [(line, name.split(".")[1]) for line, name in imports(module) if name.startswith("resolver.")]


def _allowed(room: str) -> set[str]:
    if room in LEAVES:
        return {"errors", "__version__", *LEAVES}
    below = set(ORDER[: ORDER.index(room) + 1]) - {SIBLINGS.get(room, "")}
    return below | {"__version__"} | (set() if room in PURE else set(LEAVES))


def test_every_module_belongs_to_a_room() -> None:
    unknown = {str(m) for m in modules() if m.room not in {"", *ORDER, *LEAVES}}
    assert not unknown, "give the new module a place in resolver/__init__.py, pyproject.toml and ORDER"


@every_module
def test_room_imports_only_below(module: Module) -> None:
    if not module.room:
        return
    allowed = _allowed(module.room)
    wrong = [f"line {line}: {room}" for line, room in _ours(module) if room not in allowed]
    assert not wrong, f"{module} reaches up or sideways"


@every_module
def test_libraries_stay_at_home(module: Module) -> None:
    wrong = [
        f"line {line}: {name}"
        for line, name in imports(module)
        if (home := HOMES.get(name.split(".")[0])) and f"{module.name}.".startswith(f"{home}.") is False
    ]
    assert not wrong


@every_pure_module
def test_pure_room_imports_nothing_impure(module: Module) -> None:
    wrong = [f"line {line}: {name}" for line, name in imports(module) if name.split(".")[0] in IMPURE_MODULES]
    assert not wrong, "time, chance and octets are arguments of a pure room"


@every_pure_module
def test_pure_room_calls_nothing_impure(module: Module) -> None:
    wrong = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in IMPURE_CALLS:
                wrong.append(f"line {node.lineno}: {name}()")
            case ast.Attribute(attr=name) if name in IMPURE_METHODS:
                wrong.append(f"line {node.lineno}: .{name}()")
    assert not wrong


def _declared() -> set[str]:
    """The packages to import; that of `backports.zstd` is `backports`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {re.split(r"[<>=!~;.\[ ]", text)[0].replace("-", "_").lower() for text in project["dependencies"]}


STANDARD = set(sys.stdlib_module_names) | {"compression"}
"""`compression` came with Python 3.14; before, `backports` stands in."""


def test_declared_requirements_are_the_imported_ones() -> None:
    found = {name.split(".")[0] for module in modules() for _, name in imports(module)}
    foreign = found - STANDARD - {"resolver", "__future__", ""}
    assert foreign == _declared(), "pyproject.toml and the imports of resolver/ name different libraries"
