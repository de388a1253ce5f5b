"""dnsmasq options: which of them block, which allow, which are none of our business."""

from __future__ import annotations

import pytest

from resolver.rules.formats.dnsmasq import read
from tests.unit.rules.shorthand import said

LINES = {
    "address=/a.example/0.0.0.0": ["||a.example^"],
    "address=/a.example/::": ["||a.example^"],
    "address=/a.example/#": ["||a.example^"],
    "address=/a.example/": ["||a.example^"],
    "address=/a.example/b.example/#": ["||a.example^", "||b.example^"],
    "address = /a.example/#": ["||a.example^"],
    "--address=/a.example/#": ["||a.example^"],
    "address=/a.example/# # why": ["||a.example^"],
    "address=/A.Example./0.0.0.0": ["||a.example^"],
    "local=/a.example/": ["||a.example^"],
    "server=/a.example/": ["||a.example^"],
    "server=/a.example/b.example/": ["||a.example^", "||b.example^"],
    "server=/a.example/#": ["@@||a.example^"],
    "local=/a.example/#": ["@@||a.example^"],
    "address=/*.a.example/#": ["||*.a.example^"],
    "server=/*.a.example/#": ["@@||*.a.example^"],
    "address=/.a.example/#": ["||a.example^"],
    "address=/a.example/192.0.2.1": ["||a.example^", "note foreign-address"],
    # nothing to block
    "server=/a.example/192.0.2.53": ["ignored conditional-forward"],
    "server=/a.example/192.0.2.53#5353": ["ignored conditional-forward"],
    "local=/a.example/2001:db8::53": ["ignored conditional-forward"],
    "server=192.0.2.53": ["ignored other-option"],
    "conf-file=/etc/other.conf": ["ignored other-option"],
    "ipset=/a.example/set": ["ignored other-option"],
    "domain-needed": ["ignored other-option"],
    "address=/localhost/127.0.0.1": ["ignored local-name"],
    "# address=/a.example/#": ["comment"],
    # too much, or not understood
    "address=/#/192.0.2.1": ["refused rule-too-wide", "note foreign-address"],
    "address=/*/#": ["refused rule-too-wide"],
    "address=/com/#": ["refused rule-too-wide"],
    "server=/com/#": ["refused rule-too-wide"],
    "address=/*a.example/#": ["invalid unsupported-pattern"],
    "address=//#": ["invalid name-empty"],
    "address=/a..example/#": ["invalid label-empty"],
    "address=/a.example/nowhere": ["invalid not-dnsmasq"],
    "address=/a.example": ["invalid not-dnsmasq"],
    "a.example": ["invalid not-dnsmasq"],
    "0.0.0.0 a.example": ["invalid not-dnsmasq"],
    "||a.example^": ["invalid not-dnsmasq"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert said(read(line)) == means
