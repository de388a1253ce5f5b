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
    "*": ["||.^"],
    "*.": ["||.^"],
    "*.com": ["||com^"],
    "=com": ["|com^"],
    "ads.*": [r"/^ads\./"],
    "ads.* # why": [r"/^ads\./"],
    "ADS*": ["/^ads/"],
    "*ads*": ["/ads/"],
    "*.ads.*": [r"/\.ads\./"],
    "ad[0-9].example": [r"/^ad[0-9]\.example$/"],
    "ad?.example": [r"/^ad.\.example$/"],
    "*.*.example": [r"/^.*\..*\.example$/"],
    "ads*.a.example": [r"/^ads.*\.a\.example$/"],
    "*a.example": ["||a.example^"],
    "/^ads[0-9]/": ["/^ads[0-9]/"],
    "/(/": ["invalid regex-brackets"],
    "ad[9-0].example": ["invalid regex-class"],
    "ad[0-9.example": ["invalid regex-class"],
    "ad*ü.example": ["invalid bad-character"],
    "**": ["invalid name-empty"],
    "*a??????????????????.example": ["invalid regex-too-complex"],
    "*.a.example @work": ["unenforceable schedule"],
    "ads.* @work # why": ["unenforceable schedule"],
    "*.a.example work": ["invalid several-words"],
    "*.a..example": ["invalid label-empty"],
    "*.192.0.2.1": ["invalid ip-address"],
    "*.a.example/x": ["not-dns path"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert said(read(line)) == means
