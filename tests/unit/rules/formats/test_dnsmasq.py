"""dnsmasq options: which of them block, allow or answer, which are none of our business."""

from __future__ import annotations

import pytest

from tests.unit.rules.formats.told import told

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
    "cname=a.example,b.example": ["ignored other-option"],
    "host-record=a.example,192.0.2.1": ["ignored other-option"],
    # any name, and the ends of names
    "address=/#/": ["||.^"],
    "address=/*/#": ["||.^"],
    "server=/#/#": ["@@||.^"],
    "address=/#/192.0.2.1": ["||.^", "note foreign-address"],
    "address=/com/#": ["||com^"],
    "server=/com/#": ["@@||com^"],
    "address=/*a.example/#": [r"/a\.example$/"],
    "address=/*-_.a.example/b.example/": [r"/-_\.a\.example$/", "||b.example^"],
    "server=/*a.example/#": [r"@@/a\.example$/"],
    "local=/*a.example/": [r"/a\.example$/"],
    "address=/*a.example/192.0.2.1": [r"/a\.example$/", "note foreign-address"],
    # not understood
    "address=/a*.example/#": ["invalid wildcard-inside"],
    "address=/*a*.example/#": ["invalid wildcard-inside"],
    "address=/*.*.example/#": ["invalid wildcard-inside"],
    "address=/*a..example/#": ["invalid label-empty"],
    "address=//#": ["invalid name-empty"],
    "address=/a..example/#": ["invalid label-empty"],
    "address=/a.example/nowhere": ["invalid not-dnsmasq"],
    "address=/a.example/2001:db8::1": ["||a.example^", "note foreign-address"],
    "address=/a.example": ["invalid not-dnsmasq"],
    "a.example": ["invalid not-dnsmasq"],
    "0.0.0.0 a.example": ["invalid not-dnsmasq"],
    "||a.example^": ["invalid not-dnsmasq"],
}


TRUSTED = {
    "address=/a.example/192.0.2.1": ["1: ||a.example^$dnsrewrite=NOERROR;A;192.0.2.1"],
    "address=/*.a.example/192.0.2.1": ["1: ||*.a.example^$dnsrewrite=NOERROR;A;192.0.2.1"],
    "address=/*a.example/192.0.2.1": [r"1: /a\.example$/$dnsrewrite=NOERROR;A;192.0.2.1"],
    "address=/#/192.0.2.1": ["1: *$dnsrewrite=NOERROR;A;192.0.2.1"],
    "address=/a.example/b.example/192.0.2.1": [
        "1: ||a.example^$dnsrewrite=NOERROR;A;192.0.2.1",
        "1: ||b.example^$dnsrewrite=NOERROR;A;192.0.2.1",
    ],
    "address=/a.example/192.0.2.1\naddress=/a.example/2001:db8::1": [
        "1: ||a.example^$dnsrewrite=NOERROR;A;192.0.2.1,dnsrewrite=NOERROR;AAAA;2001:db8::1"
    ],
    "address=/a..example/192.0.2.1": ["invalid label-empty"],
    "address=/a.example/0.0.0.0": ["||a.example^"],
    "address=/a.example/": ["||a.example^"],
    "server=/a.example/192.0.2.1": ["ignored conditional-forward"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert told("dnsmasq", line) == means


@pytest.mark.parametrize(("text", "means"), TRUSTED.items(), ids=repr)
def test_line_of_a_list_that_may_rewrite(text: str, means: list[str]) -> None:
    assert told("dnsmasq", text, rewrites=True) == means
