"""unbound: `local-zone: "name." TYPE` covers the name and all below it.

The type decides: some answer in place of the internet (block), some let the question pass (an
exception inside a wider block). The most specific zone wins in unbound; here an allow rule wins at
any depth, which is the same for the form that lists use. `local-data` and every other option are
ignored and counted: on its own, local data makes a zone that forwards the rest.
"""

from __future__ import annotations

import re
from typing import Final

from resolver.rules.lines import COMMENT, FAST_END, FAST_NAME, Item, Skip, read_name
from resolver.rules.model import ALLOW_BOTH, BLOCK_BOTH

# What answers in place of the internet: with an error, with nothing, with a null address, with local data
# or not at all. `block_a` and `block_aaaa` are meant for one type of record; a list that has them wants the
# name out of reach, so it is blocked for every type.
BLOCK_TYPES: Final = frozenset(
    (
        "always_nxdomain",
        "always_nodata",
        "always_refuse",
        "always_null",
        "always_deny",
        "refuse",
        "deny",
        "static",
        "redirect",
        "inform_deny",
        "block_a",
        "block_aaaa",
    )
)
# What lets the question pass, and may log it: the exception inside a wider zone.
ALLOW_TYPES: Final = frozenset(("always_transparent", "transparent", "inform"))
# Types of unbound that neither block nor allow a name by themselves.
OTHER_TYPES: Final = frozenset(
    ("typetransparent", "inform_redirect", "nodefault", "noview", "ipset", "truncate")
)

FAST: Final = (
    rb'[ \t]*+local-zone:[ \t]*+"'
    + FAST_NAME
    + rb'\.?"[ \t]++(?:always_n(?:xdomain|ull|odata)|always_refuse|static|refuse|deny)'
    + FAST_END
)
FAST_FLAGS: Final = BLOCK_BOTH

# unbound's own scanner takes names and types bare, in double or in single quotes.
_OPTION: Final = re.compile(r"([a-z][a-z0-9-]*)\s*:\s*(.*)").fullmatch
_ZONE: Final = re.compile(r"""(["']?)([^"'\s]+)\1\s+["']?([A-Za-z_]+)["']?""").fullmatch
_TRAILING_COMMENT: Final = re.compile(r"(?:^|\s)#.*")


def read(line: str) -> list[Item]:
    """One line of an unbound configuration."""
    if line.startswith("#"):
        return COMMENT
    option = _OPTION(_TRAILING_COMMENT.sub("", line).rstrip())
    if option is None:
        return [Skip("invalid", "not-unbound")]
    if option[1] != "local-zone":
        return [Skip("ignored", "other-option")]
    zone = _ZONE(option[2])
    return [_read_zone(zone[2], zone[3].lower()) if zone else Skip("invalid", "not-unbound")]


def _read_zone(name: str, zone_type: str) -> Item:
    """A name by the type of its zone."""
    if zone_type in BLOCK_TYPES:
        return read_name(name, BLOCK_BOTH)
    if zone_type in ALLOW_TYPES:
        return read_name(name, ALLOW_BOTH)
    if zone_type in OTHER_TYPES:
        return Skip("ignored", "other-option")
    return Skip("invalid", "unknown-zone-type")
