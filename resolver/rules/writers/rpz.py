"""Response policy zones: a record for a name, another for what is below it (list-formats 2.8).

    name    CNAME .                  blocked            name    CNAME rpz-passthru.   allowed
    *.name  CNAME .                  all below          name    CNAME *.              no data
    name    CNAME rpz-drop.          no answer          name    CNAME rpz-tcp-only.   TC over UDP
    name    A 192.0.2.1              local data         24.0.2.0.192.rpz-client-ip, ...rpz-ip

Owners are relative to the zone, as lists write them, so that the file can be served under any name. The
zone's own records say no time and no place: serial 1, and a server of nowhere. Inside a zone the most
specific record decides; where allow at any depth would decide otherwise, the rule is a loss.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from resolver.dns import rdata, registry
from resolver.dns.names import to_text
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    BLOCK_APEX,
    BLOCK_BELOW,
    FLAGS_MASK,
    name_of,
)
from resolver.rules.side import ALLOW, ANSWER, APEX, BELOW, BLOCK, Answer, Record, SideRule
from resolver.rules.writers.writer import Writer

_BLOCK: Final = "CNAME ."
_ALLOW: Final = "CNAME rpz-passthru."
_DROP: Final = "CNAME rpz-drop."
_TCP_ONLY: Final = "CNAME rpz-tcp-only."
_NODATA: Final = "CNAME *."

_HEAD: Final = ("$TTL 300", "@ SOA localhost. hostmaster.localhost. 1 3600 600 604800 300", "@ NS localhost.")

_NAMES_AT: Final = {
    registry.CNAME: (0,), registry.PTR: (0,), registry.MX: (1,), registry.SRV: (3,),
    registry.SVCB: (1,), registry.HTTPS: (1,),
}  # fmt: skip
"""Type → which of its words are names, and end in a dot so that they are not below the zone."""

_ONE_EACH: Final = BLOCK_APEX | ALLOW_APEX, BLOCK_BELOW | ALLOW_BELOW


def _forms() -> dict[int, tuple[str, ...]]:
    """A record for each of the name and what is below it, unless one is blocked and allowed."""
    parts = {
        BLOCK_APEX: f"{{}} {_BLOCK}",
        BLOCK_BELOW: f"*.{{}} {_BLOCK}",
        ALLOW_APEX: f"{{}} {_ALLOW}",
        ALLOW_BELOW: f"*.{{}} {_ALLOW}",
    }
    return {
        flags: tuple(form for part, form in parts.items() if flags & part)
        for flags in range(1, FLAGS_MASK + 1)
        if not any(flags & both == both for both in _ONE_EACH)
    }


def _side(rule: SideRule) -> list[str]:
    """A rule for every name, for clients or for addresses of answers; and answers."""
    data = _data(rule)
    return [f"{owner} {words}" for owner in _owners(rule) for words in data]


def _owners(rule: SideRule) -> list[str]:
    """The owners of the records that trigger a rule."""
    if rule.key:
        name = to_text(name_of(rule.key))
        return [text for part, text in ((APEX, name), (BELOW, f"*.{name}")) if rule.reach & part]
    if rule.clients or rule.addresses:
        label = "rpz-ip" if rule.addresses else "rpz-client-ip"
        owners = [_owner_of(text) for text in rule.addresses or rule.clients]
        return [f"{owner}.{label}" for owner in owners if owner]
    return [] if rule.expression else ["*"]


def _owner_of(text: str) -> str | None:
    """A network as labels of an owner: prefix length, then the address backwards. None: no network."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv4Network):
        words = str(network.network_address).split(".")
    else:
        words = _words_of(network)
    return ".".join((str(network.prefixlen), *reversed(words)))


def _words_of(network: ipaddress.IPv6Network) -> list[str]:
    """The eight words of an address; the first longest run of two zeros or more as `zz`."""
    # RFC 5952 4.2 shortens the same run, and `::` stands for it.
    left, gap, right = network.network_address.compressed.partition("::")
    if not gap:
        return left.split(":")
    return [*filter(None, left.split(":")), "zz", *filter(None, right.split(":"))]


def _data(rule: SideRule) -> list[str]:
    """What stands behind the owner."""
    if rule.action == BLOCK:
        return [_BLOCK]
    if rule.action == ALLOW:
        return [_ALLOW]
    if rule.action != ANSWER or rule.answer is None:
        return []
    answer = rule.answer
    special = {Answer(silent=True): _DROP, Answer(by_tcp=True): _TCP_ONLY, Answer(): _NODATA}
    if answer in special:
        return [special[answer]]
    return [] if answer.rcode else [_record(record, answer.ttl) for record in answer.records]


def _record(record: Record, ttl: int) -> str:
    """One record of local data.

    Types that have no words here are written in the notation for any type (RFC 3597 5). Strings are quoted,
    because a word ends at a blank.
    """
    words = rdata.to_words(record.rtype, record.rdata)
    if words is None:
        words = rdata.to_unknown(record.rdata)
    places = _NAMES_AT.get(record.rtype, ())
    shown = [word.removesuffix(".") + "." if at in places else word for at, word in enumerate(words)]
    if record.rtype == registry.TXT:
        shown = [f'"{word}"' for word in shown]
    # Without a TTL of its own a record has the zone's; 0 leaves it to the policy.
    return " ".join((str(ttl), registry.type_name(record.rtype), *shown))


RPZ: Final = Writer(
    "rpz", ";", _forms(), (), _side,
    "A policy zone knows names, and addresses of clients and answers; no expressions or other conditions.",
    head=_HEAD, single=True, closest=True,
)  # fmt: skip
