"""What one line can turn out to be, and the reading of names that all formats share.

A format's reader is told one line after the other and says *items*: a `Rule` for each plain name that
the line speaks of, a `SideRule` for what is no plain name, a `Void` that takes a rule back, or a `Skip`
that says why there is no rule. What only the end of a list can settle it says at the end. Readers never
raise; counting and duplicates are the collector's business, and whether a rule reaches too far is that of
`resolver.rules.guard`.

Names of the machine itself, which every hosts file lists, are ignored here, so that no format can
forget to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from resolver.dns.names import Fault, from_host, read_host
from resolver.rules.side import SideRule

Outcome = Literal["comment", "ignored", "not-dns", "invalid", "unenforceable", "note"]
"""comment: for people. ignored, not-dns: no fault, no rule. invalid: a fault. unenforceable: a rule that
is understood, and that a forwarder cannot obey, or may not obey here. note: the line is obeyed, and
something about it is worth knowing."""


class Rule(NamedTuple):
    """A lower-cased wire name and what the line says of it (flags of `resolver.rules.model`)."""

    wire: bytes
    flags: int


class Void(NamedTuple):
    """The line takes back a rule that means the same as this one, wherever in the list it stands."""

    rule: Rule | SideRule


class Skip(NamedTuple):
    """No rule, or a remark beside one; `code` stands in the tables of `resolver.rules.codes`."""

    outcome: Outcome
    code: str = ""


Item = Rule | SideRule | Void | Skip


class Reader(Protocol):
    """The reading of one list in one format; made anew for each list."""

    def read(self, line: str, number: int) -> Sequence[Item]:
        """What a stripped, non-empty line says; `number` counts from 1. Never raises.

        An empty sequence: the line belongs to what `finish` will say. A SideRule's `line` is set by
        whoever calls this.
        """

    def finish(self) -> Iterable[tuple[int, Item]]:
        """What only the end of the list settles, each with the number of its line. Called once."""


class LineReader:
    """A reader of a format whose lines stand for themselves."""

    def __init__(self, read: Callable[[str], Sequence[Item]]) -> None:
        self._read: Final = read

    def read(self, line: str, number: int) -> Sequence[Item]:
        """See `Reader`."""
        return self._read(line)

    def finish(self) -> Iterable[tuple[int, Item]]:
        """Nothing is left."""
        return ()


class Options(NamedTuple):
    """What a list's description says to its reader.

    rewrites   the list is trusted to answer names with addresses of its own; otherwise a line that would
               redirect a name to an address blocks it (hosts and dnsmasq, where such lines are sinks) or
               is left out as unenforceable (`rewrite-not-trusted`)
    """

    rewrites: bool = False


NO_OPTIONS: Final = Options()

MakeReader = Callable[[Options], Reader]

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
