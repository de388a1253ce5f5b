"""hosts lines: which names they block, and that an address is never an answer."""

from __future__ import annotations

import pytest

from resolver.rules.formats.hosts import read
from tests.unit.rules.shorthand import said

LINES = {
    "0.0.0.0 a.example": ["|a.example^"],
    "127.0.0.1\ta.example": ["|a.example^"],
    "127.1.2.3 a.example": ["|a.example^"],
    ":: a.example": ["|a.example^"],
    "::1   a.example": ["|a.example^"],
    "0.0.0.0 A.Example. b.example # why": ["|a.example^", "|b.example^"],
    "0.0.0.0 a.example#why": ["|a.example^"],
    "0.0.0.0 bücher.example": ["|xn--bcher-kva.example^"],
    "0.0.0.0 _x.-y.example": ["|_x.-y.example^"],
    "a.example": ["|a.example^"],  # mixed lists
    # the machine's own names
    "127.0.0.1 localhost": ["ignored local-name"],
    "127.0.0.1 localhost.localdomain local": ["ignored local-name", "ignored local-name"],
    "255.255.255.255 broadcasthost": ["ignored local-name"],
    "fe80::1%lo0 localhost": ["ignored local-name"],
    "ff02::1 ip6-allnodes": ["ignored local-name"],
    "0.0.0.0 LocalHost a.example": ["ignored local-name", "|a.example^"],
    "0.0.0.0 0.0.0.0": ["ignored address-only"],
    "0.0.0.0": ["ignored address-only"],
    "2001:db8::1": ["ignored address-only"],
    # an address from outside redirects nobody
    "192.0.2.7 a.example": ["|a.example^", "note foreign-address"],
    "2001:db8::7 a.example b.example": ["|a.example^", "|b.example^", "note foreign-address"],
    # comments
    "# 0.0.0.0 a.example": ["comment"],
    "! a": ["comment"],
    "; a": ["comment"],
    "[Adblock Plus]": ["comment"],
    # faults
    "0.0.0.0 a..example": ["invalid label-empty"],
    "0.0.0.0 a*.example b.example": ["invalid bad-character", "|b.example^"],
    "a.example b.example": ["invalid no-address"],
    "0.0.0.256 a.example": ["invalid no-address"],
    "0.0.0.0 com": ["refused rule-too-wide"],
    "0.0.0.0 .": ["refused rule-too-wide"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert said(read(line)) == means
