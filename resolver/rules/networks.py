"""Networks and addresses as numbers, and an index of rules by network.

Rules for clients and for addresses of answers (RPZ-CLIENT-IP, RPZ-IP) have no name that leads to them, and a
zone may have thousands. So they are found by their networks: for each length of prefix that occurs, one look
into a dict, 0.1 µs each, whatever the number of rules.

An IPv4 address in IPv6 clothes (RFC 4291 2.5.5.2) is an IPv4 one everywhere here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from resolver.rules.side import SideRule

_BITS: Final = {4: 32, 6: 128}
_MAPPED: Final = 0xFFFF
"""The upper 96 bits of an IPv6 address that carries an IPv4 one."""
_MAPPED_BITS: Final = 96


class Address(NamedTuple):
    """An address: its version, and itself as a number."""

    version: int
    value: int


class Network(NamedTuple):
    """A network: its version, its first address, and how far addresses are shifted to be compared."""

    version: int
    first: int
    shift: int

    @property
    def prefix(self) -> int:
        """The length of its prefix."""
        return _BITS[self.version] - self.shift

    def holds(self, address: Address) -> bool:
        """Whether the address is inside."""
        same = self.version == address.version
        return same and address.value >> self.shift == self.first >> self.shift


@lru_cache(maxsize=4096)
def address_of(text: str) -> Address | None:
    """An address as text, a scope (`%eth0`) left aside; None for anything else."""
    try:
        return packed_address(ipaddress.ip_address(text.partition("%")[0]).packed)
    except ValueError:
        return None


def packed_address(packed: bytes) -> Address:
    """An address of 4 or 16 octets."""
    value = int.from_bytes(packed, "big")
    if len(packed) == 4:
        return Address(4, value)
    return Address(4, value & 0xFFFF_FFFF) if value >> 32 == _MAPPED else Address(6, value)


@lru_cache(maxsize=65_536)
def network_of(text: str) -> Network | None:
    """A network in CIDR notation; None for anything else, such as the name of a client."""
    try:
        parsed = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    first, shift = int(parsed.network_address), parsed.max_prefixlen - parsed.prefixlen
    if parsed.version == 6 and parsed.prefixlen >= _MAPPED_BITS and first >> 32 == _MAPPED:
        return Network(4, first & 0xFFFF_FFFF, shift)
    return Network(parsed.version, first, shift)


class NetworkIndex:
    """Rules, each with networks that lead to it. Every rule keeps the place that it was given."""

    def __init__(self, rules: Iterable[tuple[int, SideRule, Sequence[str]]]) -> None:
        self._by_prefix: dict[tuple[int, int], dict[int, list[tuple[int, SideRule]]]] = {}
        for place, rule, texts in rules:
            for network in {network for text in texts if (network := network_of(text))}:
                same = self._by_prefix.setdefault((network.version, network.shift), {})
                same.setdefault(network.first >> network.shift, []).append((place, rule))

    def __bool__(self) -> bool:
        return bool(self._by_prefix)

    def find(self, address: Address) -> Iterable[tuple[int, SideRule]]:
        """The rules one of whose networks holds the address, with their places, in no order."""
        for (version, shift), networks in self._by_prefix.items():
            if version == address.version:
                yield from networks.get(address.value >> shift, ())
