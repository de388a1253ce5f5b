"""dnsmasq: `address=/name/…`, `local=/name/`, `server=/name/`; a name covers all below it.

    address=/a/b/192.0.2.1   block a and b, each with all below; for every type, whatever the address
    address=/a/#  address=/a/   the same
    local=/a/  server=/a/    the same: dnsmasq then answers from local data only
    server=/a/#              an exception: "use the usual upstreams" inside a blocked suffix
    server=/a/192.0.2.53     an upstream for a name; blocks nothing
    /*.a/  /.a/  /#/         below only; the same as /a/; any name
    /*a.b/                   every name that ends so, `xa.b` too: an expression

dnsmasq from 2.86 on forwards the types that an address does not cover; a block list does not mean
that, so every type is blocked. An address that leads somewhere is the answer if the list is
trusted with rewrites (several lines of a name add up), else the name is blocked and that is noted.
Every other option is ignored and counted. In dnsmasq the most specific name wins; here an exception
wins at any depth, which is the same for the form that lists use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from resolver.dns.names import to_text
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
from resolver.rules.model import ALLOW_BELOW, ALLOW_BOTH, BLOCK_BELOW, BLOCK_BOTH
from resolver.rules.side import ALLOW, BLOCK, SideRule

# A `server` or `local` option is a block only when nothing stands behind the last slash.
FAST: Final = (
    rb"(?:(?:local|server)=/(?=[^/\n]*+/[ \t]*+\r?\n)|address=/)"
    + FAST_NAME
    + rb"\.?/(?:#|0\.0\.0\.0|::)?"
    + FAST_END
)
FAST_FLAGS: Final = BLOCK_BOTH

_DOMAIN_OPTIONS: Final = frozenset(("address", "local", "server"))
_OPTION: Final = re.compile(r"(?:--)?([a-z][a-z0-9-]*)(?:\s*=\s*(.*))?").fullmatch
_TRAILING_COMMENT: Final = re.compile(r"\s#.*")


def read(line: str) -> list[Item]:
    """One line of a dnsmasq configuration whose addresses are not trusted."""
    address, items = _split(line)
    return [*items, Skip("note", "foreign-address")] if address else items


def _split(line: str) -> tuple[str, list[Item]]:
    """The address that the line redirects to ("" if it does not), and what it says of its names."""
    if line.startswith("#"):
        return "", COMMENT
    option = _OPTION(_TRAILING_COMMENT.sub("", line).rstrip())
    if option is None:
        return "", [Skip("invalid", "not-dnsmasq")]
    word, value = option[1], option[2] or ""
    if word not in _DOMAIN_OPTIONS or not value.startswith("/"):
        return "", [Skip("ignored", "other-option")]
    # `/a/b/target`: whatever stands behind the last slash is the target.
    *names, target = value[1:].split("/")
    if not names:
        return "", [Skip("invalid", "not-dnsmasq")]
    return _judge(word, names, target)


def _judge(word: str, names: Sequence[str], target: str) -> tuple[str, list[Item]]:
    """The names of one option, by what its target says."""
    if word == "address" and target not in ("", "#"):
        if not is_address(target):
            return "", [Skip("invalid", "not-dnsmasq")]
        address = "" if is_sink(address_record(target)) else target
        return address, [_read_domain(name, BLOCK_BOTH) for name in names]
    if word == "address" or target == "":
        return "", [_read_domain(name, BLOCK_BOTH) for name in names]
    if target == "#":
        return "", [_read_domain(name, ALLOW_BOTH) for name in names]
    return "", [Skip("ignored", "conditional-forward")]


def _read_domain(domain: str, flags: int) -> Item:
    """What stands between two slashes."""
    if domain in ("#", "*", "*."):  # any name
        return Rule(b"\0", flags)
    if domain.startswith("*."):
        domain, flags = domain[2:], flags & (BLOCK_BELOW | ALLOW_BELOW)
    elif domain.startswith("*"):
        return _read_end(domain[1:], BLOCK if flags == BLOCK_BOTH else ALLOW)
    if "*" in domain:
        return Skip("invalid", "wildcard-inside")
    return read_name(domain.removeprefix("."), flags)


def _read_end(text: str, action: int) -> Item:
    """`*a.b`: every name that ends in this text, at a label or not."""
    name = read_name(text, BLOCK_BOTH)
    if not isinstance(name, Rule):
        return Skip("invalid", "wildcard-inside") if "*" in text else name
    # Letters, digits, hyphens and underscores stand for themselves in an expression.
    end = to_text(name.wire).replace(".", r"\.")
    return SideRule(action=action, expression=f"{end}$")


def make(options: Options) -> Reader:
    """The reader of one configuration."""
    return Redirections(_split) if options.rewrites else LineReader(read)
