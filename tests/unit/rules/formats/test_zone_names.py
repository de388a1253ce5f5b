"""Names of a policy zone: what is cut off an owner, and what the rest triggers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import Fault, from_text, to_text
from resolver.rules.formats.zone_names import Zone, as_skip, read_trigger
from resolver.rules.lines import Skip
from resolver.rules.render import render_side
from resolver.rules.side import SideRule


def shown(found: bytes | Skip | Fault) -> str:
    return to_text(found + b"\0") if isinstance(found, bytes) else found.code


# $ORIGIN lines (and the owner of the SOA record behind `SOA `), an owner, and what is left of it.
OWNERS = {
    ((), "a.example"): "a.example",
    ((), "@"): ".",
    ((), "a.example."): "owner-outside-zone",
    (("$ORIGIN sub",), "a"): "a.sub",
    (("$ORIGIN rpz.example.",), "a.example"): "a.example",
    (("$ORIGIN rpz.example.",), "a.example.rpz.example."): "a.example",
    (("$ORIGIN RPZ.example.",), "A.example.rpz.EXAMPLE."): "a.example",
    (("$ORIGIN rpz.example.",), "rpz.example."): ".",
    (("$ORIGIN rpz.example.",), "a.example."): "owner-outside-zone",
    (("$ORIGIN rpz.example.",), "xrpz.example."): "owner-outside-zone",
    (("$ORIGIN rpz.example.",), r"x\.rpz.example."): "owner-outside-zone",
    (("$ORIGIN rpz.example.", "$ORIGIN com.rpz.example."), "a"): "a.com",
    (("$ORIGIN rpz.example.", "$ORIGIN com"), "a"): "a.com",
    (("$ORIGIN rpz.example.", "$ORIGIN com.rpz.example."), "b.net.rpz.example."): "b.net",
    (("$ORIGIN rpz.example.", "$ORIGIN com.rpz.example."), "@"): "com",
    (("$ORIGIN rpz.example.", "$ORIGIN other.example."), "a"): "owner-outside-zone",
    (("$ORIGIN rpz.example.", "$ORIGIN other.example.", "$ORIGIN rpz.example."), "a"): "a",
    # as BIND writes a zone
    (("$ORIGIN .", "SOA rpz.example", "$ORIGIN rpz.example."), "a"): "a",
    (("$ORIGIN .", "SOA rpz.example"), "a"): "owner-outside-zone",
    (("SOA rpz.example.",), "a.example.rpz.example."): "a.example",
    (("$ORIGIN rpz.example.", "SOA @"), "a"): "a",
    (("$ORIGIN .", "SOA @"), "a.example."): "a.example",
    (("SOA @",), "a"): "a",
    (("$ORIGIN a..b.", "SOA a..b."), "a"): "a",
    (("$ORIGIN rpz.example.",), "a..b"): "label-empty",
    (("$ORIGIN a.", f"$ORIGIN {'b.' * 120}a."), f"{'c.' * 20}c"): "name-too-long",
}

TARGETS = {
    ((), "a.example."): "a.example",
    ((), "a.example"): "target-relative",
    ((), "@"): "target-relative",
    ((), "a..b."): "label-empty",
    (("$ORIGIN rpz.example.",), "a"): "a.rpz.example",
    (("$ORIGIN rpz.example.",), "@"): "rpz.example",
    (("$ORIGIN rpz.example.", "$ORIGIN com"), "a"): "a.com.rpz.example",
    ((f"$ORIGIN {'a.' * 100}",), "b." * 60 + "b"): "name-too-long",
}

TRIGGERS = {
    "a.example": "|a.example^",
    "*.a.example": "||*.a.example^",
    "*": "*",
    "com": "|com^",
    "rpz.example": "|rpz.example^",
    "localhost": "ignored local-name",
    "192.0.2.1": "invalid ip-address",
    r"a.\042.example": "invalid wildcard-inside",
    "32.7.2.0.192.rpz-client-ip": "*$client=192.0.2.7/32",
    "24.0.2.0.192.rpz-client-ip": "*$client=192.0.2.0/24",
    "0.0.0.0.0.rpz-client-ip": "*$client=0.0.0.0/0",
    "24.0.2.0.192.rpz-ip": "*$addresses=192.0.2.0/24",
    "112.zz.2001.rpz-ip": "*$addresses=2001::/112",
    "48.zz.1.db8.2001.rpz-ip": "*$addresses=2001:db8:1::/48",
    "128.1.zz.rpz-ip": "*$addresses=::1/128",
    "128.57.zz.2.0.0.db8.2001.rpz-ip": "*$addresses=2001:db8::2:0:0:57/128",
    "128.8.7.6.5.4.3.db8.2001.rpz-ip": "*$addresses=2001:db8:3:4:5:6:7:8/128",
    "0.zz.rpz-ip": "*$addresses=::/0",
    "32.1.rpz-ip": "invalid bad-rpz-network",
    "32.zz.zz.2001.rpz-ip": "invalid bad-rpz-network",
    "24.1.2.0.192.rpz-ip": "invalid bad-rpz-network",
    "33.1.2.0.192.rpz-ip": "invalid bad-rpz-network",
    "32.256.2.0.192.rpz-ip": "invalid bad-rpz-network",
    "32.2.0.192.rpz-ip": "invalid bad-rpz-network",
    "129.1.zz.rpz-ip": "invalid bad-rpz-network",
    "x.1.2.0.192.rpz-ip": "invalid bad-rpz-network",
    "*.32.1.2.0.192.rpz-ip": "invalid bad-rpz-network",
    "rpz-ip": "invalid bad-rpz-network",
    "rpz-client-ip": "invalid bad-rpz-network",
    "128.9.8.7.6.5.4.3.2.1.rpz-ip": "invalid bad-rpz-network",
    "ns.example.rpz-nsdname": "unenforceable rpz-nsdname",
    "*.example.rpz-nsdname": "unenforceable rpz-nsdname",
    "24.0.2.0.192.rpz-nsip": "unenforceable rpz-nsip",
}


def zone_of(lines: tuple[str, ...]) -> Zone:
    zone = Zone()
    for line in lines:
        word, _, name = line.partition(" ")
        if word == "SOA":
            zone.set_apex(name)
        else:
            zone.set_origin(name)
    return zone


@pytest.mark.parametrize(("case", "expected"), OWNERS.items(), ids=lambda value: str(value)[:60])
def test_owner(case: tuple[tuple[str, ...], str], expected: str) -> None:
    assert shown(zone_of(case[0]).trigger(case[1])) == expected


@pytest.mark.parametrize(("case", "expected"), TARGETS.items(), ids=lambda value: str(value)[:60])
def test_target(case: tuple[tuple[str, ...], str], expected: str) -> None:
    assert shown(zone_of(case[0]).target(case[1])) == expected


@pytest.mark.parametrize(("name", "expected"), TRIGGERS.items())
def test_trigger(name: str, expected: str) -> None:
    found = read_trigger(from_text(name)[:-1])
    told = render_side(found) if isinstance(found, SideRule) else f"{found.outcome} {found.code}"
    assert told == expected


@given(
    st.lists(st.tuples(st.booleans(), st.text("ab.*\\@0", max_size=8)), max_size=4),
    st.text("ab.*\\@1", max_size=9),
)
def test_any_names_are_read(lines: list[tuple[bool, str]], owner: str) -> None:
    zone = zone_of(tuple(("SOA " if soa else "$ORIGIN ") + name for soa, name in lines))
    for found in (zone.trigger(owner), zone.target(owner)):
        if isinstance(found, bytes) and found:
            assert from_text(to_text(found + b"\0")) == found + b"\0"
            read_trigger(found)


def test_a_fault_of_a_line_is_counted_as_one() -> None:
    assert as_skip(Fault("bad-record", "…")) == Skip("invalid", "bad-record")
    assert as_skip(Fault("record-type", "…")) == Skip("unenforceable", "record-type")
