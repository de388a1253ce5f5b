"""changeset.py holds words only: they keep their shape on the way to JSON, and cannot be changed."""

from __future__ import annotations

import msgspec
import pytest

from resolver.admin.changeset import Applied, ChangeSet, ListChange, ListResult, Patch
from resolver.generation.manifest import Manifest


def test_a_change_set_asks_for_nothing_by_default() -> None:
    change = ChangeSet()
    assert (change.lists, change.policy, change.preconditions, change.indexed) == ((), None, (), False)
    assert change.records is None
    item = ListChange("ads")
    assert (item.content, item.description, item.delete) == (None, None, False)
    assert Patch() == Patch([], [])


def test_what_was_asked_for_cannot_change_on_the_way() -> None:
    with pytest.raises(AttributeError):
        ListChange("ads").delete = True  # type: ignore[misc]


def test_a_result_goes_to_json_and_back() -> None:
    result = ListResult("ads", changed=True, entries=2, digest="0" * 64, not_found=("a.example",))
    applied = Applied(3, changed=True, dry_run=False, manifest=Manifest(3, None, "", "", ""), lists=(result,))
    assert msgspec.json.decode(msgspec.json.encode(applied), type=Applied) == applied
