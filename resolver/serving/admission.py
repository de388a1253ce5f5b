"""Who is served at all: the allowed networks (RFC 5358: a resolver is not open to the world).

Addresses that were let in are remembered, bounded, so that the packet path asks a set. Everything
else about a client (rates, groups) comes later and elsewhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from resolver.settings import Network

_REMEMBERED: Final = 65_536
"""Addresses remembered; beyond that the memory starts anew, and each costs one check again."""


class Admission:
    """`known` holds the addresses, as text, that are let in; the datapath reads it directly."""

    __slots__ = ("_networks", "known")

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self.known: set[str] = set()

    def admit(self, host: str) -> bool:
        """Whether an address is served. A scope (`fe80::1%eth0`) does not matter."""
        if host in self.known:
            return True
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if not any(address in network for network in self._networks):
            return False
        if len(self.known) >= _REMEMBERED:
            self.known.clear()
        self.known.add(host)
        return True
