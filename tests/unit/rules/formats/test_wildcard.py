"""Wildcards: `*.name` and what is refused as a mask."""

from __future__ import annotations

import pytest

from resolver.rules.formats.wildcard import read
from tests.unit.rules.shorthand import said

LINES = {
    "*.a.example": ["||a.example^"],
    "*.A.example.  # why": ["||a.example^"],
    "*.bücher.example": ["||xn--bcher-kva.example^"],
    "a.example": ["|a.example^"],
    "=a.example": ["|a.example^"],
    "# a": ["comment"],
    "! a": ["comment"],
    "; a": ["comment"],
    "*.local": ["ignored local-name"],
    "*": ["refused rule-too-wide"],
    "*.": ["refused rule-too-wide"],
    "*.com": ["refused rule-too-wide"],
    "=com": ["refused rule-too-wide"],
    "ads.*": ["invalid unsupported-pattern"],
    "*ads*": ["invalid unsupported-pattern"],
    "*.ads.*": ["invalid unsupported-pattern"],
    "ad[0-9].example": ["invalid unsupported-pattern"],
    "ad?.example": ["invalid unsupported-pattern"],
    "*.*.example": ["invalid unsupported-pattern"],
    "*a.example": ["invalid unsupported-pattern"],
    "*.a.example @work": ["invalid several-words"],
    "*.a..example": ["invalid label-empty"],
    "*.192.0.2.1": ["invalid ip-address"],
    "*.a.example/x": ["not-dns path"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert said(read(line)) == means
