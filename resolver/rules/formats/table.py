"""The formats that are read, as a table: fast pattern, flags, reader. The one place to add one.

A format is two things that must agree. Its *reader* understands every line. Its *fast pattern* matches
whole lines, newline included, of the shape that makes up nearly all of a long list, and yields the
name; every such line means `fast_flags`. What the pattern does not match the reader gets, so the
pattern may be narrow but never wrong; a test holds each pattern to its reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from resolver.rules.formats import adblock, dnsmasq, domains, hosts, unbound, wildcard
from resolver.rules.lines import Reader


class ListFormat(NamedTuple):
    """How the lines of one format are read."""

    name: str
    fast: bytes
    fast_flags: int
    read: Reader


FORMATS: Final[Mapping[str, ListFormat]] = {
    "hosts": ListFormat("hosts", hosts.FAST, hosts.FAST_FLAGS, hosts.read),
    "domains": ListFormat("domains", domains.FAST, domains.FAST_FLAGS, domains.read),
    "wildcard": ListFormat("wildcard", wildcard.FAST, wildcard.FAST_FLAGS, wildcard.read),
    "adblock": ListFormat("adblock", adblock.FAST, adblock.FAST_FLAGS, adblock.read),
    "dnsmasq": ListFormat("dnsmasq", dnsmasq.FAST, dnsmasq.FAST_FLAGS, dnsmasq.read),
    "unbound": ListFormat("unbound", unbound.FAST, unbound.FAST_FLAGS, unbound.read),
}

UNSUPPORTED: Final = frozenset(("rpz", "regex", "pihole-regex"))
"""Formats that a list's description may name, and that this version does not read."""
