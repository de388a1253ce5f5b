"""The policy document: what a group gets. It is part of every generation.

Today there is one group, everybody; the document already has the shape that groups will repeat.
Every field has a default, so that `{}` is a whole policy.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

import msgspec

AnswerMode = Literal["null", "address", "nxdomain", "nodata", "refused"]
"""How a blocked name is answered.

null      A 0.0.0.0, AAAA ::, no data for every other type
address   A and AAAA with the addresses given, no data for every other type
nxdomain  the name does not exist
nodata    the name exists and has no records
refused   REFUSED
"""

Seconds = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


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


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """The whole policy document."""

    answer: AnswerPolicy = msgspec.field(default_factory=AnswerPolicy)
