"""The policy document: what a group gets. It is part of every generation.

Today there is one group, everybody; the document already has the shape that groups will repeat.
Every field has a default, so that `{}` is a whole policy.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final, Literal

import msgspec

from resolver.dns.names import ROOT, Fault, read_host
from resolver.policy.local import LocalData

AnswerMode = Literal["null", "address", "nxdomain", "nodata", "refused"]
"""How a blocked name is answered.

null      A 0.0.0.0, AAAA ::, no data for every other type
address   A and AAAA with the addresses given, no data for every other type
nxdomain  the name does not exist
nodata    the name exists and has no records
refused   REFUSED
"""

Seconds = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


Suffix = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
"""A name that stands for itself and all below it."""

Contact = Annotated[str, msgspec.Meta(pattern=r"^(?:mailto|tel):[!-~]{1,100}$(?!\n)")]
"""A URI by which people are reached (RFC 6068, RFC 3966): the two kinds that structured errors may name."""

ShortText = Annotated[str, msgspec.Meta(max_length=100)]

MAX_RECORD: Final = 2_000
"""Characters of the line of one record."""

RecordText = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_RECORD)]
"""`printer.home.arpa. 300 IN A 192.168.1.9`; TTL and class may be left out."""


class AnswerPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """How blocked names are answered. `ttl` in seconds; addresses only for mode "address"."""

    mode: AnswerMode = "null"
    ttl: Seconds = 10
    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be answered. Raises ValueError, which msgspec gives its path."""
        if self.mode == "address" and not (self.ipv4 or self.ipv6):
            raise ValueError("mode `address` needs at least one address in `ipv4` or `ipv6`")
        if len(self.ipv4) > 8 or len(self.ipv6) > 8:
            raise ValueError("at most 8 addresses of each family")
        for text in self.ipv4:
            ipaddress.IPv4Address(text)
        for text in self.ipv6:
            if "%" in text:
                raise ValueError(f"`{text}`: a scope means nothing to a client")
            ipaddress.IPv6Address(text)


class RebindingPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """Whether public names may lead into the private network (DNS rebinding). `allow`: names that may, with
    all below them."""

    protect: bool = True
    allow: Annotated[tuple[Suffix, ...], msgspec.Meta(max_length=1_000)] = ()

    def __post_init__(self) -> None:
        """Refuse what is no name. Raises ValueError, which msgspec gives its path."""
        for position, text in enumerate(self.allow):
            name = read_host(text)
            if isinstance(name, Fault):
                raise ValueError(f"allow[{position}]: `{text[:80]}`: {name.sentence} Write it without `*.`")
            if name == ROOT:
                raise ValueError(f"allow[{position}]: the root is every name; set `protect` to false")


class WhyPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """What a device may show to whoever meets a block (Structured DNS Error): whom to ask, and why.

    `contact` holds URIs (`mailto:`, `tel:`), `organization` who filters here, `justification` why.
    """

    contact: Annotated[tuple[Contact, ...], msgspec.Meta(max_length=4)] = ()
    organization: ShortText = ""
    justification: ShortText = ""
    language: Annotated[str, msgspec.Meta(pattern=r"^(?:[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*)?$(?!\n)")] = ""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """The whole policy document.

    `records` are records of our own, each a line of a zone file with an absolute name: they are answered here
    and win over what the internet says, but not over a block.
    """

    answer: AnswerPolicy = msgspec.field(default_factory=AnswerPolicy)
    why: WhyPolicy = msgspec.field(default_factory=WhyPolicy)
    rebinding: RebindingPolicy = msgspec.field(default_factory=RebindingPolicy)
    records: Annotated[tuple[RecordText, ...], msgspec.Meta(max_length=10_000)] = ()

    def __post_init__(self) -> None:
        """Refuse records that could not be answered. Raises ValueError (`RecordFault`), which msgspec gives
        its path."""
        LocalData(self.records)
