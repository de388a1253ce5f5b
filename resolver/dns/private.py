"""Networks that a public name must not lead to: addresses of our own machines and neighbours.

A web page from a public name that is then given the address of the router, or of the machine that shows
the page, reaches what it has no business with (DNS rebinding). Which names are held to this is decided
elsewhere; here is only what counts as private:

    IPv4   "this" network and loopback, private use, shared address space, link-local
    IPv6   unique local, link-local, site-local, and every form that carries an IPv4 address of the above:
           mapped, compatible (`::` and `::1` among them), translated, NAT64 and 6to4

Addresses for documentation, of multicast and of the future are nobody's machine and so not among them; nor
are the NAT64 prefixes that a network chooses itself (RFC 8215 among them), where the IPv4 address may stand
in one of six places. Every network of IPv4 here is told by its first two octets, so one look-up is all.
"""

from __future__ import annotations

import ipaddress
from typing import Final

_IPV4: Final = (
    "0.0.0.0/8",  # this host on this network: RFC 1122 3.2.1.3
    "10.0.0.0/8",  # private use: RFC 1918 3, as are 172.16/12 and 192.168/16
    "100.64.0.0/10",  # shared address space behind the provider's NAT: RFC 6598 7
    "127.0.0.0/8",  # loopback: RFC 1122 3.2.1.3
    "169.254.0.0/16",  # link-local: RFC 3927 2.1
    "172.16.0.0/12",
    "192.168.0.0/16",
)

_IPV6: Final = (
    "fc00::/7",  # unique local: RFC 4193 3.1
    "fe80::/10",  # link-local: RFC 4291 2.5.6
    "fec0::/10",  # site-local, deprecated, but not given to anybody else: RFC 3879 4
)

# Prefix of an IPv6 address, and where the IPv4 address in it begins.
_CARRIERS: Final = (
    ("::ffff:0:0/96", 12),  # IPv4-mapped: RFC 4291 2.5.5.2
    ("::/96", 12),  # IPv4-compatible: RFC 4291 2.5.5.1; :: and ::1 (2.5.2, 2.5.3) are in 0.0.0.0/8
    ("::ffff:0:0:0/96", 12),  # IPv4-translated, as RFC 2765 had it
    ("64:ff9b::/96", 12),  # NAT64: RFC 6052 2.1
    ("2002::/16", 2),  # 6to4: RFC 3056 2
)


def _heads(network: str) -> list[bytes]:
    """The first two octets of every address in a network."""
    net = ipaddress.ip_network(network)
    first, last = (int.from_bytes(one.packed[:2], "big") for one in (net[0], net[-1]))
    return [head.to_bytes(2, "big") for head in range(first, last + 1)]


FOUR: Final = frozenset(head for network in _IPV4 for head in _heads(network))
"""The first two octets of the private IPv4 addresses."""

_SIX: Final = frozenset(head for network in _IPV6 for head in _heads(network))

_CARRYING: Final[dict[bytes, list[tuple[bytes, int]]]] = {}
"""The first two octets of a carrier -> the whole prefixes, and where the IPv4 address begins."""
for _network, _at in _CARRIERS:
    _prefix = ipaddress.ip_network(_network)[0].packed[: int(_network.partition("/")[2]) // 8]
    _CARRYING.setdefault(_prefix[:2], []).append((_prefix, _at))

SIX: Final = _SIX.union(_CARRYING)
"""The first two octets of the IPv6 addresses that `is_private` has to look at; all others are public."""


def is_private(address: bytes) -> bool:
    """Whether a packed address is in a network that a public name must not lead to.

    Anything but 4 or 16 octets is no address, and so not private.
    """
    head = address[:2]
    if len(address) == 4:
        return head in FOUR
    if len(address) != 16:
        return False
    if head in _SIX:
        return True
    for prefix, at in _CARRYING.get(head, ()):
        if address.startswith(prefix):
            return address[at : at + 2] in FOUR
    return False
