"""The error tree: drawn as it is, and each type carries what a shell needs to answer."""

from __future__ import annotations

import inspect
import re

import pytest

from resolver import errors
from resolver.errors import BelishaError, ListRefused, RequestError, WireError

CLASSES = {
    name: one
    for name, one in inspect.getmembers(errors, inspect.isclass)
    if one.__module__ == errors.__name__
}


def drawn() -> dict[str, str]:
    """Type → parent, as the docstring's drawing says: each is deeper than its parent."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"(?P<lead>[ │├└─]*)(?P<name>[A-Z]\w+(?:Error|Refused|File|Generation))\b", line)
        if not found or line.startswith(("An ", "The ")):
            continue
        depth = len(found["lead"]) // 4
        path = [*path[: depth - 1], found["name"]]
        parents[found["name"]] = path[-2] if len(path) > 1 else "Exception"
    return parents


def test_the_tree_is_the_one_that_is_drawn() -> None:
    assert drawn() == {name: one.__mro__[1].__name__ for name, one in CLASSES.items()}


@pytest.mark.parametrize("kind", CLASSES.values())
def test_every_type_says_whose_fault_it_is(kind: type[BelishaError]) -> None:
    assert kind.__doc__ and kind.__doc__.strip().endswith(".")


def test_a_request_error_is_a_problem_document_in_parts() -> None:
    extra = {"name": "x"}
    error = RequestError(404, "unknown-list", "There is no such list", "There is no list `x`.", extra)
    extra.clear()
    assert str(error) == error.detail == "There is no list `x`."
    assert (error.status, error.code, error.title) == (404, "unknown-list", "There is no such list")
    assert error.extra == {"name": "x"}
    assert RequestError(400, "a", "b", "c").extra == {}


def test_a_refused_list_is_422() -> None:
    error = ListRefused("list-empty", "The list is empty", "It has no line.", {"report": None})
    assert (error.status, error.code, error.extra) == (422, "list-empty", {"report": None})


def test_a_wire_error_says_where() -> None:
    assert str(WireError("half a pointer", 17)) == "half a pointer (octet 17)"
    assert WireError("x").offset == 0
