"""hosts: `address name [name ...] [# comment]`, as in /etc/hosts (list-formats: exact names).

Every name on the line is blocked, itself alone. The address is never given as an answer: a list
from outside could redirect names with it. An address that is not a null or loopback one is noted,
and its names are blocked like the others, as AdGuard DNS does. A line that is one bare name reads
as that name, since Pi-hole and AdGuard Home take both in one file.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from resolver.rules.lines import COMMENT, FAST_END, FAST_NAME, Item, Skip, is_address, read_name
from resolver.rules.model import BLOCK_APEX

FAST: Final = rb"(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]++" + FAST_NAME + FAST_END
FAST_FLAGS: Final = BLOCK_APEX

COMMENT_MARKS: Final = ("#", "!", ";", "[")


def read(line: str) -> list[Item]:
    """One line of a hosts file."""
    if line.startswith(COMMENT_MARKS):
        return COMMENT
    words = line.partition("#")[0].split()
    if not is_address(words[0]):
        return [read_name(words[0], BLOCK_APEX) if len(words) == 1 else Skip("invalid", "no-address")]
    names = [word for word in words[1:] if not is_address(word)]
    if not names:  # `0.0.0.0 0.0.0.0` stands in many lists
        return [Skip("ignored", "address-only")]
    items = [read_name(name, BLOCK_APEX) for name in names]
    if not _is_sink(words[0]) and not all(item == Skip("ignored", "local-name") for item in items):
        items.append(Skip("note", "foreign-address"))
    return items


def _is_sink(address: str) -> bool:
    """Whether hosts files use this address to say "nowhere": null, loopback, or this machine's links."""
    parsed = ipaddress.ip_address(address)
    return parsed.is_unspecified or parsed.is_loopback
