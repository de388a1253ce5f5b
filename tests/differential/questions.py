"""What is asked: ten thousand questions of every kind a house sends, and some that only a tester does.

The same seed gives the same questions. A third repeat an earlier name, so that answers from a cache are
compared too. Each question is one packet, built octet by octet so that its case and its odd octets are ours.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

TYPES: Final = (
    *("A",) * 6, *("AAAA",) * 3, "HTTPS", "HTTPS", "TXT", "MX", "SRV", "CAA", "NS", "SOA", "NAPTR", "CNAME",
    "DNAME", "TYPE65280", "TYPE999", "DS", "SVCB",
)  # fmt: skip

_KINDS: Final = (
    *("host",) * 12, "host-below", "host-below", "none", "none", "none", *("link",) * 4, "out", "dname",
    "dname", "long", "middle", "fail", "refused", "lame", "inside", "blocked", "blocked", "blocked",
    "escaped", "escaped", "deep", "special", "outside",
)  # fmt: skip

_ESCAPED: Final = (
    r"a\.b", r"\000nul", r"\255high", r"with\032space", r"\"quoted\"", r"_443._tcp", "*", r"back\\slash",
    r"bad\.example", r"semi\;colon", "x" * 63,
)  # fmt: skip

_SPECIAL: Final = (
    "localhost", "a.localhost", "x.test", "x.invalid", "x.onion", "1.1.168.192.in-addr.arpa",
    "1.0.0.127.in-addr.arpa", "host.home.arpa",
)  # fmt: skip

_PAYLOADS: Final = (512, 1232, 1232, 1232, 4096)


@dataclass(frozen=True)
class Question:
    """One packet and what is known of it; `octets` have the ID 0."""

    kind: str
    name: str
    qtype: str
    octets: bytes
    edns: bool
    payload: int
    flags: int
    dnssec: bool
    tcp: bool

    def __str__(self) -> str:
        """As a person would write it, so that it can be asked again by hand."""
        parts = [self.name, self.qtype, f"payload={self.payload}" if self.edns else "no EDNS"]
        parts += [name for bit, name in ((dns.flags.CD, "CD"), (dns.flags.AD, "AD")) if self.flags & bit]
        parts += ["DO"] * self.dnssec + ["RD=0"] * (not self.flags & dns.flags.RD) + ["TCP"] * self.tcp
        return " ".join(parts)


def questions(count: int, seed: int = 1) -> list[Question]:
    """So many of them."""
    chance = random.Random(seed)
    names: list[tuple[str, str]] = []
    made = []
    for _ in range(count):
        if names and chance.random() < 0.33:
            kind, name = chance.choice(names)
        else:
            kind = chance.choice(_KINDS)
            name = _name(chance, kind)
            names.append((kind, name))
        made.append(_question(chance, kind, name))
    return made


def _name(chance: random.Random, kind: str) -> str:
    """A name of a kind of `tests.differential.world`, of a blocked one, or of one that is special."""
    number = chance.randrange(100_000)
    if kind == "link":
        return f"link-{chance.randint(1, 9)}-{number}.example.org"
    return {
        "host-below": f"www.a.host-{number}.example.org",
        "dname": f"{'www.' if number % 3 else ''}dname-{number}.example.org",
        "blocked": ("bad.example", "www.bad.example", "_443._tcp.x.bad.example")[number % 3],
        "escaped": f"{chance.choice(_ESCAPED)}.host-{number}.example.org",
        "deep": ".".join("abcdefgh"[number % 8] for _ in range(60)) + f".host-{number}.example.org",
        "special": chance.choice(_SPECIAL),
        "outside": f"n{number}.nowhere.example",
    }.get(kind, f"{kind}-{number}.example.org")


def _question(chance: random.Random, kind: str, name: str) -> Question:
    qtype = "TXT" if kind in ("long", "middle") and chance.random() < 0.7 else chance.choice(TYPES)
    edns, payload = chance.random() < 0.8, chance.choice(_PAYLOADS)
    dnssec = edns and chance.random() < 0.2
    flags = dns.flags.RD if chance.random() < 0.97 else 0
    flags |= dns.flags.CD if chance.random() < 0.1 else 0
    flags |= dns.flags.AD if chance.random() < 0.1 else 0
    query = dns.message.make_query(dns.name.from_text(name), qtype, id=0, use_edns=-1)
    if edns:
        query.use_edns(0, dns.flags.DO if dnssec else 0, payload)
    query.flags = dns.flags.Flag(flags)
    octets = _shouted(chance, query.to_wire(), name)
    return Question(kind, name, qtype, octets, edns, payload, flags, dnssec, chance.random() < 0.05)


def _shouted(chance: random.Random, octets: bytes, name: str) -> bytes:
    """A tenth of the names in random case (draft-vixie-dnsext-dns0x20)."""
    if chance.random() > 0.1:
        return octets
    end = octets.index(b"\0", 12) if r"\000" not in name else 12
    mixed = bytes(octet ^ 0x20 if chance.random() < 0.5 and chr(octet).isalpha() and octet < 128 else octet
                  for octet in octets[12:end])  # fmt: skip
    return octets[:12] + mixed + octets[end:]
