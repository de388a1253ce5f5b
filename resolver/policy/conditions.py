"""Whether a side rule applies to a question: type, client, excluded names, and the addresses of an answer.

The name is the index's business, except for `outside` and for rules on the root. Everything here is asked
only for rules that a name has led to, or that stand for every name, so a query that meets no side rule
costs nothing of it.

`Asked.common` turns False as soon as a rule depended on who asks, whether it applied or not: another
client may get another ruling then, and nobody may remember this one for all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from resolver.rules.below import lies_under
from resolver.rules.networks import Address, Network, address_of, network_of, packed_address
from resolver.rules.side import APEX, BELOW, BOTH, SideRule


class Asked:
    """One question: its index key, its type, who asks, and (if an answer is there) its addresses.

    client     the client's address, given as text; None when nobody knows
    addresses  those of an answer, given packed, 4 or 16 octets each
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
        self.client: Final = address_of(client)
        self.addresses: Final = tuple(map(packed_address, addresses))
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
    if rule.addresses and not any(_holds(address, rule.addresses) for address in asked.addresses):
        return False
    return not rule.for_some or _suits(rule, asked)


def specificity(name: bytes, rule: SideRule | None, asked: Asked) -> tuple[int, int, int]:
    """How much a rule of an ordered list weighs against the others of that list: the largest wins.

    The order inside a response policy zone (BIND ARM): client address, then name, then address of the
    answer; of names the most specific; of networks the longest prefix, then the smallest address.
    """
    if rule is not None and rule.clients and not rule.key:
        return (2, *_closest([asked.client] if asked.client else [], rule.clients))
    if rule is not None and rule.addresses:
        return (0, *_closest(asked.addresses, rule.addresses))
    return 1, len(name), 0


def _suits(rule: SideRule, asked: Asked) -> bool:
    """Whether this client is meant."""
    asked.common = False
    client, names = asked.client, asked.names

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


def _networks(texts: Sequence[str]) -> list[Network]:
    """The networks among these texts; names of clients are none."""
    return [network for text in texts if (network := network_of(text))]


def _holds(address: Address | None, texts: Sequence[str]) -> bool:
    """Whether one of the networks holds the address."""
    return address is not None and any(network.holds(address) for network in _networks(texts))


def _closest(addresses: Sequence[Address], texts: Sequence[str]) -> tuple[int, int]:
    """Prefix length of the closest network that holds one of the addresses, and its first one, negated."""
    held = [one for one in _networks(texts) if any(map(one.holds, addresses))]
    return max(((one.prefix, -one.first) for one in held), default=(0, 0))
