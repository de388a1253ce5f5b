"""Escapes and bracket expressions: where they end, and what is between."""

from __future__ import annotations

import pytest

from resolver.rules.expressions.brackets import read_brackets, read_escape
from resolver.rules.expressions.faults import Refused
from resolver.rules.expressions.octets import EVERY, NAMED, members, octets, without_case

# Text -> the octets without case, and where it ends.
BRACKETS = {
    "[abc]x": (b"abc", 5),
    "[]-]x": (b"]-", 4),
    "[a-c.]": (b"abc.", 6),
    "[+--]": (b"+,-", 5),
    r"[\]\\]": (b"]\\", 6),
    r"[\x61-c]": (b"abc", 8),
    "[[]": (b"[", 3),
    "[a[:digit:]]": (b"a0123456789", 12),
    r"[\d_]": (b"0123456789_", 5),
}


@pytest.mark.parametrize(("text", "means"), BRACKETS.items(), ids=repr)
def test_brackets(text: str, means: tuple[bytes, int]) -> None:
    assert read_brackets(text, 0) == (without_case(octets(means[0])), means[1])


def test_negation_turns_everything_round() -> None:
    assert read_brackets("[^a]", 0)[0] == EVERY ^ octets(b"aA")
    assert read_brackets("[^[:^alpha:]]", 0)[0] == NAMED["alpha"]


@pytest.mark.parametrize(
    ("text", "found"), [(r"\.", b"."), (r"\n", b"\n"), (r"\x2D", b"-"), (r"\x{7}", b"\7"), (r"\ ", b" ")]
)
def test_escape(text: str, found: bytes) -> None:
    assert [bytes(members(read_escape(text, 0)[0])), read_escape(text, 0)[1]] == [found, len(text)]


@pytest.mark.parametrize("text", ["\\", r"\y", r"\1", r"\x", r"\x{}", r"\x{fff}", r"\>"])
def test_escape_without_meaning(text: str) -> None:
    with pytest.raises(Refused):
        read_escape(text, 0)
