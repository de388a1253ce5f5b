"""What one line can turn out to be, and the reading of names that all formats share.

A format's reader takes one line of text and returns *items*: a `Rule` for each name the line speaks
of, or a `Skip` that says why there is none. Readers have no state and never raise; counting, line
numbers and duplicates are the collector's business.

Two guards sit in `read_name`, so that no format can forget them: names of the machine itself, which
every hosts file lists, are ignored; and a rule on the root or on a single label is *refused*,
because `com` in a list would take everything below it off the net, or is a slip of the pen.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from resolver.dns.names import Fault, from_host, read_host
from resolver.rules.codes import TOO_WIDE

Outcome = Literal["comment", "ignored", "not-dns", "invalid", "refused", "note"]
"""comment: for people. ignored, not-dns: no fault, no rule. invalid: a fault. refused: held by a
guard. note: the line is obeyed, and something about it is worth knowing."""


class Rule(NamedTuple):
    """A lower-cased wire name and what the line says of it (flags of `resolver.rules.model`)."""

    wire: bytes
    flags: int


class Skip(NamedTuple):
    """No rule, or a remark beside one; `code` stands in the tables of `resolver.rules.codes`."""

    outcome: Outcome
    code: str = ""


Item = Rule | Skip
Reader = Callable[[str], list[Item]]
"""One stripped, non-empty line -> what it says. Never raises."""

COMMENT: Final[list[Item]] = [Skip("comment")]

# The names that hosts files give to the machine itself (those that Pi-hole and Technitium skip).
LOCAL_NAMES: Final = frozenset(
    from_host(name)
    for name in (
        "localhost localhost.localdomain local broadcasthost lo0 ip6-localhost ip6-loopback ip6-localnet "
        "ip6-mcastprefix ip6-allnodes ip6-allrouters ip6-allhosts"
    ).split()
)

_LABEL: Final = rb"[A-Za-z0-9_-]{1,63}+"

FAST_NAME: Final = rb"(?!(?i:localhost)\.)((?:" + _LABEL + rb"\.)+[A-Za-z][A-Za-z0-9-]{0,62}+)"
"""The common name, as a part of a format's fast pattern: ASCII, two labels or more, no IP address and
no name of the machine itself. Whatever it does not match is not wrong: it takes the slow road."""

FAST_END: Final = rb"[ \t]*+(?:#[^\n]{0,400}+)?\r?\n"
"""The rest of a line behind the name: blanks and a comment."""

# Bounded, so that a line of colons costs no more than another one (RFC 4291 2.2: at most 45 characters).
_ADDRESS: Final = re.compile(
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?=[^:]{0,4}:)[0-9A-Fa-f:.]{2,45}(?:%\S{1,15})?"
).fullmatch


def read_name(text: str, flags: int) -> Item:
    """A name in host notation → a rule with these flags, or why it is none."""
    wire = read_host(text)
    if isinstance(wire, Fault):
        return Skip("invalid", "ip-address" if is_address(text) else wire.code)
    if wire in LOCAL_NAMES:
        return Skip("ignored", "local-name")
    if wire[0] + 2 >= len(wire):  # the root, or a single label before it
        return Skip("refused", TOO_WIDE)
    if is_address(text):
        return Skip("invalid", "ip-address")
    return Rule(wire, flags)


def is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address, with or without an interface (`fe80::1%lo0`)."""
    if not _ADDRESS(text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_PORT: Final = re.compile(r":[0-9]{1,5}(?:\D|$)").search


def url_part(text: str) -> Skip | None:
    """If the text speaks of more of a URL than its host, what that is. DNS cannot see it."""
    if "://" in text:
        return Skip("not-dns", "scheme")
    if "/" in text:
        return Skip("not-dns", "path")
    if _PORT(text) and not is_address(text.strip("|^")):
        return Skip("not-dns", "port")
    return None
