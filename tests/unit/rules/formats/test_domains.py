"""Plain names: one on each line, the name alone."""

from __future__ import annotations

import pytest

from resolver.rules.formats.domains import read
from tests.unit.rules.shorthand import said

LINES = {
    "a.example": ["|a.example^"],
    "A.EXAMPLE.": ["|a.example^"],
    "a.example # why": ["|a.example^"],
    "a.example#why": ["|a.example^"],
    "-a.example": ["|-a.example^"],
    "xn--bcher-kva.example": ["|xn--bcher-kva.example^"],
    "bücher.example": ["|xn--bcher-kva.example^"],
    "*.a.example": ["||a.example^"],
    "a.example.123": ["|a.example.123^"],
    "# a": ["comment"],
    "// a": ["comment"],
    "! a": ["comment"],
    "; a": ["comment"],
    "[a]": ["comment"],
    "localhost": ["ignored local-name"],
    "com": ["|com^"],
    "COM.": ["|com^"],
    ".": ["|.^"],
    "/ads[0-9]/": ["/ads[0-9]/"],
    "/": ["not-dns path"],
    "*": ["||.^"],
    "*.com": ["||com^"],
    "192.0.2.1": ["invalid ip-address"],
    "2001:db8::1": ["invalid ip-address"],
    "0.0.0.0 a.example": ["invalid hosts-line"],
    "a.example b.example": ["invalid several-words"],
    "a_b$.example": ["invalid bad-character"],
    ".a.example": ["invalid label-empty"],
    "\ufffda.example": ["invalid bad-unicode"],
    f"{'a' * 64}.example": ["invalid label-too-long"],
    "https://a.example/": ["not-dns scheme"],
    "a.example/path": ["not-dns path"],
    "192.0.2.0/24": ["not-dns path"],
    "a.example:8080": ["not-dns port"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert said(read(line)) == means
