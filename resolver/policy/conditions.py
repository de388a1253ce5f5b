"""Whether a side rule applies to a question: type, client, excluded names, and the addresses of an answer.

The name is the index's business, except for `outside` and for rules on the root. Everything here is asked
only for rules that a name has led to, or that stand for every name, so a query that meets no side rule
costs nothing of it.

`Asked.common` turns False as soon as a rule depended on who asks, whether it applied or not: another
client may get another ruling then, and nobody may remember this one for all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

from resolver.rules.side import APEX, BELOW, BOTH, SideRule

_BITS: Final = {4: 32, 6: 128}
_MAPPED_BITS: Final = 96
"""Bits of an IPv6 address before the IPv4 address that it carries (RFC 4291 2.5.5.2)."""

_Network = tuple[int, int, int]
"""Version, first address as a number, and by how many bits an address is shifted to be compared."""


class Asked:
    """One question: its index key, its type, who asks, and (if an answer is there) its addresses.

    client     the client's address as text, "" when nobody knows; a scope (`%eth0`) is dropped
    addresses  packed addresses of an answer, 4 or 16 octets each
    names      names by which the client is known, folded
    tags       what kind of device or user it is
    """

    __slots__ = ("addresses", "client", "common", "key", "names", "qtype", "tags")

    def __init__(
        self,
        key: bytes,
        qtype: int,
        client: str = "",
        addresses: Sequence[bytes] = (),
        names: Collection[str] = (),
        tags: Collection[str] = (),
    ) -> None:
        self.key: Final = key
        self.qtype: Final = qtype
        self.client: Final = client
        self.addresses: Final = addresses
        self.names: Final = names
        self.tags: Final = tags
        self.common = True


def applies(rule: SideRule, asked: Asked) -> bool:
    """Whether every condition of the rule but its name holds. Cheapest first."""
    if rule.types and asked.qtype not in rule.types:
        return False
    if asked.qtype in rule.not_types:
        return False
    if rule.reach != BOTH and not rule.key and not rule.reach & (BELOW if asked.key else APEX):
        return False
    if rule.outside and any(lies_under(asked.key, key) for key in rule.outside):
        return False
    if rule.addresses and not any(_holds(text, rule.addresses) for text in _texts(asked)):
        return False
    return not rule.for_some or _suits(rule, asked)


def lies_under(key: bytes, ancestor: bytes) -> bool:
    """Whether a key is that of this name, or of one below it."""
    if not key.startswith(ancestor):
        return False
    end = len(key)
    while end > len(ancestor):  # one label up; its length octet stands last
        end -= key[end - 1] + 1
    return end == len(ancestor)


def specificity(name: bytes, rule: SideRule | None, asked: Asked) -> tuple[int, int, int]:
    """How much a rule of an ordered list weighs against the others of that list: the largest wins.

    The order inside a response policy zone (BIND ARM): client address, then name, then address of the
    answer; of names the most specific; of networks the longest prefix, then the smallest address.
    """
    if rule is not None and rule.clients and not rule.key:
        return (2, *_closest(asked.client, rule.clients))
    if rule is not None and rule.addresses:
        return (0, *max((_closest(text, rule.addresses) for text in _texts(asked)), default=(0, 0)))
    return 1, len(name), 0


def _suits(rule: SideRule, asked: Asked) -> bool:
    """Whether this client is meant."""
    asked.common = False
    client, names = asked.client.partition("%")[0], asked.names

    def is_one_of(clients: Sequence[str]) -> bool:
        return _holds(client, clients) or any(name in names for name in clients)

    def has_one_of(tags: Sequence[str]) -> bool:
        return any(tag in asked.tags for tag in tags)

    return (
        (not rule.clients or is_one_of(rule.clients))
        and (not rule.tags or has_one_of(rule.tags))
        and not is_one_of(rule.not_clients)
        and not has_one_of(rule.not_tags)
    )


def _holds(address: str, networks: Sequence[str]) -> bool:
    """Whether one of the networks holds the address. Names among them are no networks."""
    number = _number(address)
    if number is None:
        return False
    version, value = number
    for text in networks:
        network = _network(text)
        if network and network[0] == version and value >> network[2] == network[1] >> network[2]:
            return True
    return False


def _closest(address: str, networks: Sequence[str]) -> tuple[int, int]:
    """Prefix length of the closest network that holds the address, and its first address, negated."""
    held = [network for text in networks if _holds(address, (text,)) and (network := _network(text))]
    weights = ((_BITS[version] - shift, -first) for version, first, shift in held)
    return max(weights, default=(0, 0))


def _texts(asked: Asked) -> list[str]:
    """The addresses of the answer as text."""
    return [str(ipaddress.ip_address(packed)) for packed in asked.addresses]


@lru_cache(maxsize=4096)
def _number(address: str) -> tuple[int, int] | None:
    """Version and number of an address; an IPv4 address in IPv6 clothes (RFC 4291 2.5.5.2) is an IPv4 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return parsed.version, int(parsed)


@lru_cache(maxsize=65_536)
def _network(text: str) -> _Network | None:
    """A network in CIDR notation, taken apart as `_number` does; None for anything else."""
    try:
        parsed = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Network) and parsed.prefixlen >= _MAPPED_BITS:
        inner = parsed.network_address.ipv4_mapped
        if inner:
            parsed = ipaddress.IPv4Network((inner, parsed.prefixlen - _MAPPED_BITS))
    return parsed.version, int(parsed.network_address), parsed.max_prefixlen - parsed.prefixlen
