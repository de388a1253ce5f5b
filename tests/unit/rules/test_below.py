"""Above, below, and runs of sorted keys: held to the same questions asked of names as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.below import above, children, is_below, is_single, lies_under, parent, run
from tests.unit.rules.shorthand import NAMES, key

KEYS = st.lists(NAMES.map(key), max_size=30, unique=True).map(sorted)


def test_the_way_up() -> None:
    assert list(above(key("a.b.c.test"))) == [key("b.c.test"), key("c.test"), key("test")]
    assert list(above(key("test"))) == []
    assert list(above(b"")) == []
    assert parent(key("a.test")) == key("test")
    assert parent(key("test")) == parent(b"") == b""


@pytest.mark.parametrize(("name", "single"), [("test", True), ("a.test", False), ("1" * 49, True)])
def test_single_labels(name: str, single: bool) -> None:
    assert is_single(key(name)) is single


def test_the_root_is_no_label_and_above_everything() -> None:
    assert not is_single(b"")
    assert is_below(key("test"), b"")
    assert not is_below(b"", b"")


LOOKS = [
    ("a.test", "test", True),
    ("test", "test", False),
    ("a.b.test", "test", True),
    ("test", "a.test", False),
    ("atest", "test", False),
    # 0x31 is a length octet and the digit 1: `1…` of fifty octets begins, reversed, as `…` of 49 does.
    ("1" + "x" * 49, "x" * 49, False),
    ("a." + "x" * 49, "x" * 49, True),
    # So does a label of 57 octets before the digit 9.
    ("a" * 57 + ".test", "9.test", False),
    ("a" * 57 + ".9.test", "9.test", True),
]


@pytest.mark.parametrize(("name", "higher", "below"), LOOKS)
def test_is_below(name: str, higher: str, below: bool) -> None:
    assert is_below(key(name), key(higher)) is below
    assert lies_under(key(name), key(higher)) is (below or name == higher)
    assert lies_under(key(name), b"")


def below_as_text(name: str, higher: str) -> bool:
    return name.endswith(f".{higher}")


@given(NAMES, NAMES)
def test_below_means_what_it_means_for_text(name: str, higher: str) -> None:
    assert is_below(key(name), key(higher)) is below_as_text(name, higher)


@given(KEYS, NAMES)
def test_a_run_holds_everything_below(keys: list[bytes], name: str) -> None:
    start, end = run(keys, key(name))
    inside = set(keys[start:end])
    assert all(one.startswith(key(name)) for one in inside)
    assert {one for one in keys if one == key(name) or is_below(one, key(name))} <= inside


@given(KEYS, NAMES)
def test_children_are_exact(keys: list[bytes], name: str) -> None:
    assert children(keys, key(name)) == [one for one in keys if parent(one) == key(name)]
