"""Networks as numbers: one reading of every spelling, and an index that finds what a scan would."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.networks import Address, NetworkIndex, address_of, network_of, packed_address
from resolver.rules.side import BLOCK, SideRule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", Address(4, 0xC0000201)),
        ("::ffff:192.0.2.1", Address(4, 0xC0000201)),
        ("2001:db8::1", Address(6, 0x20010DB8 << 96 | 1)),
        ("fe80::1%eth0", Address(6, 0xFE80 << 112 | 1)),
        ("::1", Address(6, 1)),
        ("", None),
        ("laptop", None),
        ("192.0.2.0/24", None),
    ],
)
def test_address_is_read(text: str, expected: Address | None) -> None:
    assert address_of(text) == expected


@pytest.mark.parametrize(
    ("text", "prefix", "inside", "outside"),
    [
        ("192.0.2.0/24", 24, "192.0.2.255", "192.0.3.0"),
        ("192.0.2.7/24", 24, "192.0.2.0", "192.0.1.255"),
        ("192.0.2.7", 32, "::ffff:192.0.2.7", "192.0.2.8"),
        ("::ffff:192.0.2.0/120", 24, "192.0.2.9", "::ffff:192.0.3.9"),
        ("2001:db8::/32", 32, "2001:db8:ffff::1", "2001:db9::"),
        ("::/0", 0, "2001:db8::1", "192.0.2.1"),
        ("0.0.0.0/0", 0, "192.0.2.1", "2001:db8::1"),
    ],
)
def test_network_holds(text: str, prefix: int, inside: str, outside: str) -> None:
    network, here, there = network_of(text), address_of(inside), address_of(outside)
    assert network and here and there
    assert network.prefix == prefix
    assert network.holds(here) and not network.holds(there)


@pytest.mark.parametrize("text", ["", "laptop", "192.0.2.0/33", "192.0.2", "/24"])
def test_a_name_is_no_network(text: str) -> None:
    assert network_of(text) is None


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))
def test_packed_and_text_agree(packed: bytes) -> None:
    assert packed_address(packed) == address_of(str(ipaddress.ip_address(packed)))


# Few bits, so that networks lie inside each other and addresses inside networks.
FOURS = st.builds(
    lambda value, prefix: str(ipaddress.ip_network((0xC0000200 | value, prefix), strict=False)),
    st.integers(0, 15),
    st.sampled_from([0, 24, 28, 30, 31, 32]),
)
SIXES = st.builds(
    lambda value, prefix: str(ipaddress.ip_network((0x20010DB8 << 96 | value, prefix), strict=False)),
    st.integers(0, 15),
    st.sampled_from([0, 32, 96, 124, 127, 128]),
)
NETWORKS = st.lists(st.lists(FOURS | SIXES | st.just("laptop"), min_size=1, max_size=3), max_size=8)


@given(NETWORKS, st.integers(0, 15), st.booleans())
def test_index_finds_what_a_scan_finds(networks: list[list[str]], low: int, four: bool) -> None:
    rules = [SideRule(action=BLOCK, clients=tuple(texts), line=line) for line, texts in enumerate(networks)]
    index = NetworkIndex((place, rule, rule.clients) for place, rule in enumerate(rules))
    asked = Address(4, 0xC0000200 | low) if four else Address(6, 0x20010DB8 << 96 | low)
    scanned = {
        place
        for place, texts in enumerate(networks)
        if any((network := network_of(text)) and network.holds(asked) for text in texts)
    }
    found = list(index.find(asked))
    assert {place for place, _ in found} == scanned
    assert all(rule is rules[place] for place, rule in found)
    assert bool(index) == any(text != "laptop" for texts in networks for text in texts)
