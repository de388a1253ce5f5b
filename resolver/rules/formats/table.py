"""The formats that are read, as a table: fast patterns, reader, order. The one place to add one.

A format is two things that must agree. Its *reader* understands every line. Its *fast patterns* (none,
one or two) each match whole lines, newline included, of a shape that makes up nearly all of a long list,
and yield the name; every such line means the flags beside the pattern. What no pattern matches the
reader gets, so a pattern may be narrow but never wrong; a test holds each pattern to its reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from resolver.rules.formats import adblock, dnsmasq, domains, hosts, pihole, regex, rpz, unbound, wildcard
from resolver.rules.lines import MakeReader


class ListFormat(NamedTuple):
    """How the lines of one format are read.

    fast      fast patterns with the flags that their lines mean, at most two
    make      the reader, made anew for each list
    ordered   inside such a list the most specific rule counts alone (`resolver.rules.model.Content`)
    fast_if   whether the fast patterns read this list (its octets) as the reader does; None: every list
    continues octets with which a line begins that may belong to the one above; blanks before a line then
              mean something, and the reader is given them
    """

    name: str
    fast: tuple[tuple[bytes, int], ...]
    make: MakeReader
    ordered: bool = False
    fast_if: Callable[[bytes], bool] | None = None
    continues: bytes = b""


FORMATS: Final[Mapping[str, ListFormat]] = {
    one.name: one
    for one in (
        ListFormat("hosts", ((hosts.FAST, hosts.FAST_FLAGS),), hosts.make),
        ListFormat("domains", ((domains.FAST, domains.FAST_FLAGS),), domains.make),
        ListFormat("wildcard", ((wildcard.FAST, wildcard.FAST_FLAGS),), wildcard.make),
        ListFormat("adblock", ((adblock.FAST, adblock.FAST_FLAGS),), adblock.make),
        ListFormat("dnsmasq", ((dnsmasq.FAST, dnsmasq.FAST_FLAGS),), dnsmasq.make),
        ListFormat(
            "rpz",
            ((rpz.FAST_APEX, rpz.FAST_APEX_FLAGS), (rpz.FAST_BELOW, rpz.FAST_BELOW_FLAGS)),
            rpz.make,
            ordered=True,
            fast_if=rpz.fast_is_right,
            continues=rpz.CONTINUES,
        ),
        ListFormat(
            "unbound",
            ((unbound.FAST, unbound.FAST_FLAGS), (unbound.FAST_DATA, unbound.FAST_DATA_FLAGS)),
            unbound.make,
            fast_if=unbound.fast_is_right,
        ),
        ListFormat("regex", (), regex.make),
        ListFormat("pihole-regex", (), pihole.make),
    )
}
