"""hosts: `address name [name ...] [# comment]`, as in /etc/hosts (list-formats: exact names).

Every name on the line is blocked, itself alone. An address that is neither null nor loopback would redirect
the name: that is believed of a list only if its description trusts it with rewrites, and then all
addresses of a name add up to one answer. Otherwise the names are blocked like the others, and that is
noted, as AdGuard DNS does. A line that is one bare name reads as that name, since Pi-hole and AdGuard
Home take both in one file.
"""

from __future__ import annotations

from typing import Final

from resolver.rules.formats.local_data import Redirections, address_record, is_sink
from resolver.rules.lines import (
    COMMENT,
    FAST_END,
    FAST_NAME,
    Item,
    LineReader,
    Options,
    Reader,
    Rule,
    Skip,
    is_address,
    read_name,
)
from resolver.rules.model import BLOCK_APEX

FAST: Final = rb"(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]++" + FAST_NAME + FAST_END
FAST_FLAGS: Final = BLOCK_APEX

COMMENT_MARKS: Final = ("#", "!", ";", "[")


def read(line: str) -> list[Item]:
    """One line of a hosts file whose addresses are not trusted."""
    address, items = _split(line)
    if address and any(isinstance(item, Rule) for item in items):
        items.append(Skip("note", "foreign-address"))
    return items


def _split(line: str) -> tuple[str, list[Item]]:
    """The address that the line redirects to ("" if it blocks or is no such line), and what it names."""
    if line.startswith(COMMENT_MARKS):
        return "", COMMENT
    words = line.partition("#")[0].split()
    if not words:
        return "", COMMENT
    if not is_address(words[0]):
        return "", [read_name(words[0], BLOCK_APEX) if len(words) == 1 else Skip("invalid", "no-address")]
    names = [word for word in words[1:] if not is_address(word)]
    if not names:  # `0.0.0.0 0.0.0.0` stands in many lists
        return "", [Skip("ignored", "address-only")]
    foreign = not is_sink(address_record(words[0]))
    return words[0] if foreign else "", [read_name(name, BLOCK_APEX) for name in names]


def make(options: Options) -> Reader:
    """The reader of one hosts file."""
    return Redirections(_split) if options.rewrites else LineReader(read)
