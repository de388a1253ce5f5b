"""Names of a policy zone: which are its own, and what they trigger (list-formats 2.8).

An owner is a trigger with the zone's name behind it. Lists nearly always write it without, relative to the
zone; transferred zones write it whole, or under an `$ORIGIN` somewhere in the zone. `Zone` keeps track and
cuts the zone's name off. What is left says when the rule applies:

    a.example                            the question is this name
    *.a.example                          ... is a name below it; `*` alone: any name
    24.0.2.0.192.rpz-client-ip           the client has an address in 192.0.2.0/24
    48.zz.1.db8.2001.rpz-ip              the answer holds an address in 2001:db8:1::/48
    ns.example.rpz-nsdname, ….rpz-nsip   a server of the name: a forwarder never learns who that is

A trigger is a `SideRule` that blocks; `resolver.rules.formats.rpz` lays the action over it. Names are
on the wire here, lower-cased, without the root label. Nothing raises.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from resolver.dns.names import MAX_NAME, Fault, labels, to_text
from resolver.dns.zone_data import RECORD_TYPE, STAR, is_absolute, read_labels
from resolver.rules.lines import LOCAL_NAMES, Skip, is_address
from resolver.rules.model import key_of
from resolver.rules.side import APEX, BELOW, BLOCK, SideRule

_OUTSIDE: Final = Skip("invalid", "owner-outside-zone")
_BAD_NETWORK: Final = Skip("invalid", "bad-rpz-network")
_TOO_LONG: Final = Skip("invalid", "name-too-long")
_TOO_LONG_WHOLE: Final = Fault("name-too-long", "The name is too long with its origin.")
_RELATIVE: Final = Fault("target-relative", "The name is relative, and the zone does not say to what.")

_NUMBER: Final = re.compile(rb"[0-9]{1,3}").fullmatch
_WORD: Final = re.compile(rb"[0-9a-f]{1,4}").fullmatch


class Zone:
    """What is known of the zone's own name, and how names in it are read.

    Either may be unknown: a zone file need not say its name, and then every relative owner is a trigger.
    """

    def __init__(self) -> None:
        self._apex: bytes | None = None
        self._origin: bytes | None = None
        # What stands between a relative owner and the apex; None: the origin is outside the zone.
        self._between: bytes | None = b""

    def set_origin(self, text: str) -> Skip | None:
        """`$ORIGIN`. The first one names the zone, unless its SOA record will."""
        name = read_labels(text)
        if isinstance(name, Fault):
            return as_skip(name)
        if is_absolute(text):
            self._origin = name
            self._apex = name if self._apex is None else self._apex
            self._between = _cut(name, self._apex)
        elif self._between is not None:
            self._origin = None if self._origin is None else name + self._origin
            self._between = name + self._between
        return None

    def set_apex(self, owner: str | None) -> None:
        """The owner of the SOA record is the zone's name (RFC 1035 5.2)."""
        name = self._origin if owner in (None, "@") else self.target(owner or "")
        if isinstance(name, bytes):
            self._apex = name
            self._between = b"" if self._origin is None else _cut(self._origin, name)

    def trigger(self, owner: str) -> bytes | Skip:
        """An owner without the name of the zone; empty for the zone itself."""
        name = b"" if owner == "@" else read_labels(owner)
        if isinstance(name, Fault):
            return as_skip(name)
        if not is_absolute(owner):
            if self._between is None:
                return _OUTSIDE
            name += self._between
        else:
            inside = None if self._apex is None else _cut(name, self._apex)
            if inside is None:
                return _OUTSIDE
            name = inside
        return name if len(name) < MAX_NAME else _TOO_LONG

    def target(self, text: str) -> bytes | Fault:
        """A name that a record points to, in full."""
        name = b"" if text == "@" else read_labels(text)
        if isinstance(name, Fault) or is_absolute(text):
            return name
        if self._origin is None:
            return _RELATIVE
        name += self._origin
        return (
            name if len(name) < MAX_NAME else Fault(_TOO_LONG.code, "The name is too long with its origin.")
        )


def as_skip(fault: Fault) -> Skip:
    """What is wrong with a line of a zone file, as the collector counts it."""
    return Skip("unenforceable" if fault.code == RECORD_TYPE else "invalid", fault.code)


def _cut(name: bytes, apex: bytes) -> bytes | None:
    """A name without the apex at its end. None: it is not in that zone."""
    if not apex:
        return name
    at = len(name) - len(apex)
    if at < 0 or name[at:] != apex:
        return None
    label = 0  # the cut must fall between two labels
    while label < at:
        label += 1 + name[label]
    return name[:at] if label == at else None


def read_trigger(name: bytes) -> SideRule | Skip:
    """What the owner of a rule says: when the rule applies, with the action "block"."""
    *rest, last = labels(name)
    if last == b"rpz-client-ip":
        network = _read_network(rest)
        return _BAD_NETWORK if network is None else SideRule(action=BLOCK, clients=(network,))
    if last == b"rpz-ip":
        network = _read_network(rest)
        return _BAD_NETWORK if network is None else SideRule(action=BLOCK, addresses=(network,))
    if last in (b"rpz-nsdname", b"rpz-nsip"):
        return Skip("unenforceable", last.decode("ascii"))
    return _read_qname(name)


def _read_qname(name: bytes) -> SideRule | Skip:
    """The trigger that is a name, or everything below one."""
    below = name.startswith(STAR)
    plain = name[len(STAR) :] if below else name
    if not plain:
        return SideRule(action=BLOCK)
    if any(b"*" in label for label in labels(plain)):  # literal there (RFC 4592 2.1.1), and never meant so
        return Skip("invalid", "wildcard-inside")
    if is_address(to_text(plain + b"\0")):
        return Skip("invalid", "ip-address")
    if plain + b"\0" in LOCAL_NAMES:
        return Skip("ignored", "local-name")
    return SideRule(action=BLOCK, key=key_of(plain + b"\0"), reach=BELOW if below else APEX)


def _read_network(parts: Sequence[bytes]) -> str | None:
    """`24.0.2.0.192` → `192.0.2.0/24`: the length of the prefix, then the address from its end.

    Eight hexadecimal words are IPv6; `zz` stands for the one run of zero words. Bits behind the prefix must
    be zero, as BIND demands: who wrote others meant another network.
    """
    if not 2 <= len(parts) <= 9 or not _NUMBER(parts[0]):
        return None
    address = parts[:0:-1]
    if len(address) == 4 and all(map(_NUMBER, address)):
        text = b".".join(address).decode("ascii")
    elif all(word == b"zz" or _WORD(word) for word in address):
        text = _colons([word.decode("ascii") for word in address])
    else:
        return None
    try:
        return str(ipaddress.ip_network(f"{text}/{int(parts[0])}"))
    except ValueError:
        return None


def _colons(words: Sequence[str]) -> str:
    """The words of an IPv6 address as text, `zz` as `::`; whether it is an address comes out later."""
    return ":".join("" if word == "zz" else word for word in (*_edge(words[:1]), *words, *_edge(words[-1:])))


def _edge(words: Sequence[str]) -> tuple[str, ...]:
    """One colon more where `zz` is the first or the last word."""
    return ("",) if words and words[0] == "zz" else ()
