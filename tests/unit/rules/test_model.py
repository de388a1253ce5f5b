"""Keys: reversed wire names, so that what is below a name begins with its key."""

from __future__ import annotations

import pytest
from hypothesis import given

from resolver.dns.names import from_host
from resolver.rules.model import key_of, name_of
from tests.unit.rules.shorthand import NAMES, key

KEYS = {
    "com": b"moc\x03",
    "example.com": b"moc\x03elpmaxe\x07",
    "www.example.com": b"moc\x03elpmaxe\x07www\x03",
}


@pytest.mark.parametrize(("name", "expected"), KEYS.items())
def test_key(name: str, expected: bytes) -> None:
    assert key(name) == expected


def test_the_root_has_the_empty_key() -> None:
    assert key_of(b"\0") == b"" and name_of(b"") == b"\0"


@given(NAMES)
def test_name_comes_back_and_lies_below_its_parents(name: str) -> None:
    assert name_of(key(name)) == from_host(name)
    parent = name.partition(".")[2]
    assert key(name).startswith(key(parent))
