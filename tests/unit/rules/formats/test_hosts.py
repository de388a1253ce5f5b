"""hosts lines: which names they block, and when an address is an answer."""

from __future__ import annotations

import pytest

from tests.unit.rules.formats.told import told

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
    # an address from outside redirects nobody, unless the list is trusted to
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
    "0.0.0.0 com": ["|com^"],
    "0.0.0.0 .": ["|.^"],
}


TRUSTED = {
    "192.0.2.7 a.example b.example # why": [
        "1: |a.example^$dnsrewrite=NOERROR;A;192.0.2.7",
        "1: |b.example^$dnsrewrite=NOERROR;A;192.0.2.7",
    ],
    "192.0.2.7 a.example\n192.0.2.8 a.example\n2001:db8::7 a.example": [
        "1: |a.example^$dnsrewrite=NOERROR;A;192.0.2.7,dnsrewrite=NOERROR;A;192.0.2.8,"
        "dnsrewrite=NOERROR;AAAA;2001:db8::7"
    ],
    "fe80::7%eth0 a.example": ["1: |a.example^$dnsrewrite=NOERROR;AAAA;fe80::7"],
    "192.0.2.7 localhost a..example": ["ignored local-name", "invalid label-empty"],
    "0.0.0.0 a.example": ["|a.example^"],
    "::1 a.example": ["|a.example^"],
    "a.example": ["|a.example^"],
    "# 192.0.2.7 a.example": ["comment"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert told("hosts", line) == means


@pytest.mark.parametrize(("text", "means"), TRUSTED.items(), ids=repr)
def test_line_of_a_list_that_may_rewrite(text: str, means: list[str]) -> None:
    assert told("hosts", text, rewrites=True) == means
