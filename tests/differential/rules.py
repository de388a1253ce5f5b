"""Why replies may differ: every difference from Unbound and dnsmasq that we know, and why ours is as it is.

Each rule says of whom it is true, which fields of a reply it explains, for which questions, and what document
is behind it. A difference that no rule explains fails the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import dns.flags

from tests.differential.compare import Difference

_EVERYTHING: Final = frozenset(
    {"rcode", "TC", "AA", "AD", "answer", "authority", "additional", "EDE", "ttl", "negative ttl"}
)
"""What differs when one answers and the other refuses."""


class Rule(NamedTuple):
    """One reason. `server`: whose replies it is about, "" for both; `fields`: what it explains where it
    `holds`."""

    name: str
    server: str
    fields: frozenset[str]
    holds: Callable[[Difference], bool]
    why: str


def _kind(*kinds: str) -> Callable[[Difference], bool]:
    return lambda one: one.question.kind in kinds


def _fields(*names: str) -> frozenset[str]:
    return frozenset(names)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "RD=0 is refused", "", _EVERYTHING,
        lambda one: not one.question.flags & dns.flags.RD,
        "A cache that answers RD=0 tells anyone what others asked for; RFC 8914 4.21 has a code for it. "
        "dnsmasq forwards the question, Unbound refuses it without a word.",
    ),
    Rule(
        "a block says that it is one", "", _fields("EDE"), _kind("blocked", "special"),
        "RFC 8914 4.16: whoever blocks says so.",
    ),
    Rule(
        "a block is cached for as long as we say", "", _fields("authority"), _kind("blocked"),
        "RFC 2308 5: NXDOMAIN without an SOA is not kept by clients, so they would ask again at once.",
    ),
    Rule(
        "we own no names", "", _fields("AA"), _kind("blocked", "special", "link", "dname"),
        "RFC 1035 4.1.1: AA is for data from a zone of one's own; a block is not, nor is what dnsmasq has in "
        "its cache.",
    ),
    Rule(
        "a block is one for every type", "dnsmasq", _fields("rcode"), _kind("blocked"),
        "RFC 8020 2: a name that does not exist has no record of any type; dnsmasq's `address=/name/` denies "
        "the name for addresses and has no data for the rest.",
    ),
    Rule(
        "negative answers live as long as they may", "dnsmasq", _fields("negative ttl"),
        lambda one: True,
        "RFC 2308 5: the TTL of the SOA is the smaller of itself and MINIMUM; dnsmasq relays it as it came.",
    ),
    Rule(
        "DO is echoed", "dnsmasq", _fields("DO"), lambda one: one.question.dnssec,
        "RFC 3225 3: the DO bit of the query is copied into the response.",
    ),
    Rule(
        "what an upstream refuses is not our failure", "unbound", _fields("rcode"), _kind("refused"),
        "RFC 9520 2.2 counts REFUSED among failures; the last word of an upstream is relayed as it is.",
    ),
    Rule(
        "a failure says whose it is", "", _fields("EDE"), _kind("fail", "refused", "lame"),
        "RFC 8914 3: whoever fails may say why. Ours repeats what the upstream said, or says that it "
        "said nothing; Unbound drops it.",
    ),
    Rule(
        "no OPT for those who sent none", "dnsmasq", _fields("OPT", "DO"), _kind("lame"),
        "RFC 6891 6.1.1: an OPT is between neighbours, and only where one was sent; dnsmasq relays the "
        "upstream's with its error, even to clients without.",
    ),
    Rule(
        "special names never leave", "dnsmasq", _EVERYTHING, _kind("special"),
        "RFC 6761 6, RFC 7686 2, RFC 8375 4: dnsmasq forwards them unless told otherwise.",
    ),
    Rule(
        "an empty zone is empty", "unbound", _fields("authority", "negative ttl", "answer", "rcode"),
        _kind("special"),
        "RFC 6303 3: an SOA whose MNAME is the zone's own name, and nothing else; Unbound writes localhost, "
        "and has a PTR record at 1.0.0.127.in-addr.arpa. RFC 6761 6.3: every name below localhost has the "
        "addresses and nothing else.",
    ),
    Rule(
        "DNAME is relayed as it came", "unbound", _fields("authority", "ttl"), _kind("dname"),
        "RFC 6672 3.1: the CNAME made from a DNAME has its TTL; Unbound makes it anew from its cache, with "
        "TTL 0, and leaves out the SOA when nothing is there.",
    ),
    Rule(
        "DNAME is kept", "dnsmasq", _fields("answer"), _kind("dname"),
        "RFC 6672 3.1: the DNAME stands beside the CNAME that was made from it; dnsmasq keeps CNAME "
        "records only.",
    ),
    Rule(
        "everybody's own case", "dnsmasq", _fields("question"), lambda one: True,
        "RFC 4343 4.1: a question comes back in the case it was asked in; dnsmasq gives all who wait for one "
        "answer the case of the first of them.",
    ),
    Rule(
        "nobody is sent more than he takes", "dnsmasq", _fields("TC", "answer", "ttl", "size"),
        lambda one: one.question.kind == "middle" and not one.question.tcp,
        "RFC 6891 6.2.3: a client says how much it takes; dnsmasq gives all who wait for one answer what "
        "the first of them takes.",
    ),
    Rule(
        "where a name leads is judged", "", _EVERYTHING, _kind("out"),
        "A CNAME to a blocked name is blocked; the other two look at the question only.",
    ),
    Rule(
        "addresses of private networks", "", _EVERYTHING, _kind("inside"),
        "Rebinding: Unbound leaves the records out, dnsmasq was not asked to look.",
    ),
)  # fmt: skip


def explanation(difference: Difference) -> Rule | None:
    """The first rule that explains a difference."""
    for rule in RULES:
        if (
            rule.server in (difference.server, "")
            and difference.field in rule.fields
            and rule.holds(difference)
        ):
            return rule
    return None
