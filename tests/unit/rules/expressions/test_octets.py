"""Octet sets: members, case, and the classes that have names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.expressions.octets import (
    ESCAPED,
    EVERY,
    NAMED,
    OTHER,
    WORD,
    members,
    octets,
    span,
    without_case,
)


@given(st.sets(st.integers(0, 255)))
def test_members_are_what_was_put_in(found: set[int]) -> None:
    assert list(members(octets(found))) == sorted(found)


def test_span_includes_both_ends() -> None:
    assert bytes(members(span(ord("a"), ord("e")))) == b"abcde"
    assert span(0, 255) == EVERY


def test_case_is_added_to_letters_alone() -> None:
    assert bytes(members(without_case(octets(b"aZ_-1[{")))) == b"-1AZ[_az{"


@pytest.mark.parametrize("letter", ESCAPED)
def test_escapes_are_those_of_other_engines(letter: str) -> None:
    theirs = re.compile(b"\\" + letter.encode())
    assert {one for one in range(256) if theirs.match(bytes([one]))} == set(members(ESCAPED[letter]))


def test_words_and_others_are_everything() -> None:
    assert WORD | OTHER == EVERY and not WORD & OTHER


@pytest.mark.parametrize("name", NAMED)
def test_named_classes_do_not_ask_for_case(name: str) -> None:
    assert without_case(NAMED[name]) == NAMED[name]


def test_named_classes_of_the_c_locale() -> None:
    assert bytes(members(NAMED["xdigit"])) == b"0123456789ABCDEFabcdef"
    assert bytes(members(NAMED["blank"])) == b"\t "
    assert NAMED["punct"] | NAMED["alnum"] == NAMED["graph"]
