"""dnsmasq: `address=/name/…`, `local=/name/`, `server=/name/`; a name covers all below it.

    address=/a/b/192.0.2.1   block a and b, each with all below; for every type, whatever the address
    address=/a/#  address=/a/   the same
    local=/a/  server=/a/    the same: dnsmasq then answers from local data only
    server=/a/#              an exception: "use the usual upstreams" inside a blocked suffix
    server=/a/192.0.2.53     an upstream for a name; blocks nothing
    /*.a/  /.a/  /*a/        below only; the same as /a/; a mask that is no name (dnsmasq.8)

dnsmasq from 2.86 on forwards the types that an address does not cover; a block list does not mean
that, so every type is blocked. Every other option is ignored and counted.
"""

from __future__ import annotations

import re
from typing import Final

from resolver.dns.names import ROOT
from resolver.rules.lines import COMMENT, FAST_END, FAST_NAME, Item, Rule, Skip, is_address, read_name
from resolver.rules.model import ALLOW_BELOW, ALLOW_BOTH, BLOCK_BELOW, BLOCK_BOTH

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
    """One line of a dnsmasq configuration."""
    if line.startswith("#"):
        return COMMENT
    option = _OPTION(_TRAILING_COMMENT.sub("", line).rstrip())
    if option is None:
        return [Skip("invalid", "not-dnsmasq")]
    word, value = option[1], option[2] or ""
    if word not in _DOMAIN_OPTIONS or not value.startswith("/"):
        return [Skip("ignored", "other-option")]
    # `/a/b/target`: whatever stands behind the last slash is the target.
    *names, target = value[1:].split("/")
    if not names:
        return [Skip("invalid", "not-dnsmasq")]
    return _judge(word, names, target)


def _judge(word: str, names: list[str], target: str) -> list[Item]:
    """The names of one option, by what its target says."""
    if word == "address":
        return _block(names, target)
    if target == "":
        return [_read_domain(name, BLOCK_BOTH) for name in names]
    if target == "#":
        return [_read_domain(name, ALLOW_BOTH) for name in names]
    return [Skip("ignored", "conditional-forward")]


def _block(names: list[str], target: str) -> list[Item]:
    """The names of `address=`; its target is the answer that dnsmasq would give."""
    if target not in ("", "#") and not is_address(target):
        return [Skip("invalid", "not-dnsmasq")]
    items = [_read_domain(name, BLOCK_BOTH) for name in names]
    if target not in _SINKS:
        items.append(Skip("note", "foreign-address"))
    return items


_SINKS: Final = frozenset(("", "#", "0.0.0.0", "127.0.0.1", "::", "::1"))  # noqa: S104 - text, nobody binds


def _read_domain(domain: str, flags: int) -> Item:
    """One name between slashes."""
    if domain in ("#", "*", "*."):  # `/#/` stands for any name
        return Rule(ROOT, flags)
    if domain.startswith("*."):
        domain, flags = domain[2:], flags & (BLOCK_BELOW | ALLOW_BELOW)
    if "*" in domain:
        return Skip("invalid", "unsupported-pattern")
    return read_name(domain.removeprefix("."), flags)
