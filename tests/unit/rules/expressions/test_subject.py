"""Subjects: what of a name is searched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import fold, from_text
from resolver.rules.expressions.subject import INNER_DOT, subject_of

SUBJECTS = {
    ".": b"",
    "com": b"com",
    "www.example.org": b"www.example.org",
    r"a\.b.example": b"a" + INNER_DOT + b"b.example",
    r"\..\.\..example": INNER_DOT + b"." + INNER_DOT * 2 + b".example",
    r"a\000b\255.example": b"a\0b\xff.example",
    f"{'0' * 46}.example": b"0" * 46 + b".example",  # whose length octet is a dot
}


@pytest.mark.parametrize(("name", "subject"), SUBJECTS.items(), ids=repr)
def test_subject(name: str, subject: bytes) -> None:
    assert subject_of(fold(from_text(name))) == subject


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8))
def test_dots_are_the_bounds_of_labels(labels: list[bytes]) -> None:
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    subject = subject_of(wire)
    assert subject.count(b".") == max(0, len(labels) - 1)
    assert list(map(len, subject.split(b"."))) == (list(map(len, labels)) or [0])
