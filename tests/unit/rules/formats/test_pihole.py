"""Pi-hole's expressions and their extensions."""

from __future__ import annotations

import pytest

from tests.unit.rules.formats.told import told

LINES = {
    "^ads[0-9]+": ["/^ads[0-9]+/"],
    "(?#why)ads": ["/(?#why)ads/"],
    "# ads": ["comment"],
    "ads;querytype=A": ["/ads/$dnstype=A"],
    "ads;querytype=a,HTTPS": ["/ads/$dnstype=A|HTTPS"],
    "ads;querytype=!A": ["/ads/$dnstype=~A"],
    "ads;querytype=A,!AAAA": ["/ads/$dnstype=A|~AAAA"],
    "ads;invert": ["/ads/$invert"],
    "ads ; INVERT ; querytype=ANY": ["/ads/$invert,dnstype=ANY"],
    "ads;reply=ip": ["/ads/"],
    "ads;reply=nodata": ["/ads/$dnsrewrite=NOERROR"],
    "ads;reply=NXDOMAIN": ["/ads/$dnsrewrite=NXDOMAIN"],
    "ads;reply=refused": ["/ads/$dnsrewrite=REFUSED"],
    "ads;reply=none": ["/ads/$drop"],
    "ads;reply=nxdomain;querytype=A": ["/ads/$dnstype=A,dnsrewrite=NXDOMAIN"],
    "ads;reply=0.0.0.0": ["/ads/"],
    "ads;reply=::": ["/ads/"],
    "ads;reply=192.0.2.1": ["unenforceable rewrite-not-trusted"],
    "ads;reply=192.0.2.1;reply=198.51.100.1": ["invalid regex-extension"],
    "ads;reply=192.0.2.1;reply=nodata": ["invalid regex-extension"],
    "ads;reply=nodata;reply=none": ["invalid regex-extension"],
    "ads;reply=": ["invalid regex-extension"],
    "ads;reply=nonsense": ["invalid regex-extension"],
    "ads;querytype=": ["invalid regex-extension"],
    "ads;querytype=NONSENSE": ["invalid regex-extension"],
    "ads;invert=1": ["invalid regex-extension"],
    "ads;": ["invalid regex-extension"],
    "ads;nonsense": ["invalid regex-extension"],
    ";invert": ["invalid regex-empty"],
    "ads{~1}": ["invalid regex-approximate"],
    r"(a)\1": ["invalid regex-back-reference"],
}

TRUSTED = {
    "ads;reply=192.0.2.1": ["/ads/$dnsrewrite=NOERROR;A;192.0.2.1"],
    "ads;reply=2001:db8::1;reply=192.0.2.1": [
        "/ads/$dnsrewrite=NOERROR;A;192.0.2.1,dnsrewrite=NOERROR;AAAA;2001:db8::1"
    ],
    "ads;reply=127.0.0.1": ["/ads/"],
    "ads;reply=nodata": ["/ads/$dnsrewrite=NOERROR"],
}


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert told("pihole-regex", line) == means


@pytest.mark.parametrize(("line", "means"), TRUSTED.items(), ids=repr)
def test_line_of_a_list_that_is_trusted_with_rewrites(line: str, means: list[str]) -> None:
    assert told("pihole-regex", line, rewrites=True) == means


def test_lines_of_one_list_share_an_allowance() -> None:
    said = told("pihole-regex", "(a|b)*a(a|b){20}\n" * 300 + "ads;invert")
    assert (said[0], said[-1]) == ("invalid regex-too-complex", "invalid regex-too-many")
