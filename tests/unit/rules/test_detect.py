"""Formats are told by their lines, with a confidence that means something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.detect import MAX_VOTES, detect

LISTS = {
    "hosts": b"# x\n127.0.0.1 localhost\n::1 localhost\n0.0.0.0 a.example\n0.0.0.0 b.example # y\n",
    "domains": b"! x\na.example\nb.c.example\nxn--a.example\nb\xc3\xbccher.example\n",
    "wildcard": b"*.a.example\nads.*\n*sex*\n=b.example\nad[0-9].example\nads? @work\n",
    "adblock": b"[Adblock Plus 2.0]\n! x\n||a.example^\n@@||b.example^\na.example##.ad\n||c.example^$x\n",
    "dnsmasq": b"# x\naddress=/a.example/#\nlocal=/b.example/\nserver=/c.example/\n",
    "unbound": b'server:\n  local-zone: "a.example." static\n  local-zone: "b.example" always_null\n',
    "rpz": b"$TTL 300\n@ SOA a. b. 1 2 3 4 5\n  NS localhost.\na.example CNAME .\n*.a.example CNAME .\n",
    "regex": b"/^ads[0-9]+\\./\n/banner/\n",
    "pihole-regex": b"^ads[0-9]+\\.\nbanner;querytype=A\n(^|\\.)x\\.example$;reply=nodata\n",
}

ZONES = {
    "SOA over several lines": b"@ 1h IN SOA a. b. (\n 1 ; serial\n 1h 3\n 2 ) ; end\nx CNAME .\n",
    "transferred": b"rpz.example. 300 IN SOA a. b. 1 2 3 4 5\na.example.rpz.example. 300 IN CNAME *.\n",
    "local data": b'a.example A 192.0.2.1\n  AAAA 2001:db8::1\nb.example 60 TXT "x"\n',
    "addresses": b"32.1.2.0.192.rpz-ip CNAME .\n24.0.2.0.192.rpz-client-ip cname rpz-drop.\n",
}

MIXED = {
    # plain names are read alike by hosts, adblock and wildcard, so these lead with few lines
    b"a.example\n" * 9 + b"||b.example^\n": ("adblock", 1.0),
    b"a.example\n" * 9 + b"0.0.0.0 b.example\n": ("hosts", 1.0),
    b"a.example\n" * 9 + b"*.b.example\n": ("wildcard", 1.0),
    b"a.example\n" * 9 + b"/b.*/\n": ("domains", 1.0),
    b"||a.example^\n" * 9 + b"/b.*/\n": ("adblock", 1.0),
    b"a.example CNAME .\n" * 9 + b"b.example\n": ("rpz", 0.9),
    b"0.0.0.0 a.example\n" * 8 + b"b.example\n||c.example^\n": ("adblock", 1.0),
    b"0.0.0.0 a.example\n" * 9 + b"*.b.example\n": ("hosts", 0.9),
    # ... but not with one among hundreds
    b"a.example\n" * 99 + b"||b.example^\n": ("domains", 0.99),
    # dnsmasq reads no plain names: the larger part wins
    b"a.example\n" * 9 + b"address=/b.example/#\n": ("domains", 0.9),
    b"a.example\n" + b"address=/b.example/#\n" * 9: ("dnsmasq", 0.9),
    b"": ("domains", 0.0),
    b"# only\n! comments\n": ("domains", 0.0),
    b"one two three\n": ("domains", 0.0),
    b"192.0.2.1\n": ("domains", 1.0),
}

HOSTS_WITH_SHORT_NAMES = b"0.0.0.0 a.example\n192.0.2.1 a ns\n192.0.2.2 mx txt\n"

PIHOLE = [rb"(^|\.)ads?[0-9]*\.", rb"^ad[sx]\.", rb"\.example$", rb"(ads|banner)+"]


@pytest.mark.parametrize("name", LISTS)
def test_format_is_found(name: str) -> None:
    found = detect(LISTS[name])
    assert found.format == name and found.confidence >= 0.8
    assert detect(LISTS[name].replace(b"\n", b"\r\n")) == found


@pytest.mark.parametrize(("data", "expected"), MIXED.items(), ids=lambda value: repr(value)[:40])
def test_mixed_lists(data: bytes, expected: tuple[str, float]) -> None:
    assert detect(data) == expected


@pytest.mark.parametrize("data", ZONES.values(), ids=ZONES)
def test_zones_are_found(data: bytes) -> None:
    assert detect(data) == ("rpz", 1.0)


def test_names_of_machines_are_not_taken_for_record_types() -> None:
    assert detect(HOSTS_WITH_SHORT_NAMES) == ("hosts", 1.0)


def test_pihole_expressions_are_not_taken_for_names() -> None:
    assert detect(b"\n".join(PIHOLE)) == ("pihole-regex", 1.0)


def test_only_the_first_lines_vote() -> None:
    assert detect(b"a.example\n" * MAX_VOTES + b"0.0.0.0 a.example\n" * 5000).format == "domains"


def test_long_lines_do_not_vote() -> None:
    assert detect(b"x" * 10_000 + b"\n0.0.0.0 a.example\n") == ("hosts", 1.0)


@given(st.binary(max_size=300))
def test_anything_has_a_format(data: bytes) -> None:
    found = detect(data)
    assert found.format in LISTS and 0.0 <= found.confidence <= 1.0
