"""The words of a record in a zone file → names and RDATA on the wire, or why they are none.

What RDATA looks like is said in `resolver.dns.rdata`; here the words of a zone file are made fit for it:
names get their origin, quotation marks fall away, `*.garden.` keeps its asterisk (for whoever wants it:
policy zones put the qname there), and `\\# length hex` (RFC 3597 5) stands for any type that has no
notation here. Types that are known to the world and not here (CAA, TLSA, ...) are left out with a
reason of their own, so that nobody is told that a right line is wrong.

What cannot be read is a `Fault`; nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from resolver.dns import rdata, registry
from resolver.dns.names import MAX_NAME, Fault, fold, from_text, read_host, to_text
from resolver.dns.zone_lines import QUOTE
from resolver.errors import WireError

STAR: Final = b"\1*"
"""The label `*`, which stands for whatever is below (RFC 4592 2.1.1)."""

RECORD_TYPE: Final = "record-type"
"""Code of the fault of a record that may be right, and is of a type that is not given as an answer."""

MAX_UNKNOWN: Final = 4096
"""Octets of RDATA in the notation for unknown types that are read, as many as of a TXT record."""

NAME_AT: Final[Mapping[int, int]] = {
    registry.CNAME: 0,
    registry.PTR: 0,
    registry.MX: 1,
    registry.SVCB: 1,
    registry.HTTPS: 1,
    registry.SRV: 3,
}
"""Type -> which word of its RDATA is a name, and may be relative."""

ZONE_TYPES: Final = frozenset(
    "SOA NS DNSKEY RRSIG NSEC NSEC3 NSEC3PARAM CDS CDNSKEY DS SIG KEY ZONEMD".split()
)
"""Types that a zone has because it is one, and a server is responsible for it: no data of its names."""

_QUOTED_VALUE: Final = re.compile(
    r'="(.*)"', re.S
)  # of a SvcParam (RFC 9460 2.1); BIND writes all of them so
_BAD: Final = Fault("bad-record", "The words behind the type are not what records of this type hold.")
_NOT_GIVEN: Final = Fault(RECORD_TYPE, "Records of this type are not given as answers.")
_TOO_LONG: Final = Fault("name-too-long", "The name is longer than 253 characters.")
_BAD_ESCAPE: Final = Fault("bad-escape", "A backslash is not followed by a character or by three digits.")
_STAR_INSIDE: Final = Fault("wildcard-inside", "`*` may be the whole first label of a name only.")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*+").fullmatch


def is_absolute(text: str) -> bool:
    """Whether a name ends in a dot that is no part of a label."""
    rest = text[:-1]
    return text.endswith(".") and (len(rest) - len(rest.rstrip("\\"))) % 2 == 0


def read_labels(text: str) -> bytes | Fault:
    """A name of a zone file, absolute or not, perhaps with `*` as its first label: its labels on the wire,
    lower-cased, without the root label.

    Names without escapes are read as everywhere in lists, Unicode and all; with escapes, any octet may
    stand in a label, and an escaped dot is a part of one.
    """
    if "\\" in text:
        try:
            return fold(from_text(text))[:-1]
        except WireError:
            return _BAD_ESCAPE
    star, rest = (STAR, text[2:]) if text == "*" or text.startswith("*.") else (b"", text)
    if star and not rest:
        return star
    wire = read_host(rest)
    if isinstance(wire, Fault):
        return _STAR_INSIDE if "*" in rest else wire
    return star + wire[:-1] if len(star) + len(wire) <= MAX_NAME else _TOO_LONG


def read_data(
    name: str, words: Sequence[str], target: Callable[[str], bytes | Fault]
) -> tuple[int, bytes] | Fault:
    """The type and RDATA of a type's name and the words behind it.

    `target` makes a name whole: on the wire, lower-cased, without the root label.
    """
    rtype = registry.type_number(name)
    if words[0] == "\\#":
        return _read_unknown(rtype, words[1:])
    if rtype is None or rtype not in rdata.TYPES:
        return _NOT_GIVEN
    words, prefix, at = list(words), b"", NAME_AT.get(rtype)
    if at is not None and at < len(words):
        whole = target(words[at])
        if isinstance(whole, Fault):
            return whole
        if rtype == registry.CNAME and whole.startswith(STAR):
            prefix, whole = STAR, whole[len(STAR) :]
        words[at] = to_text(whole + b"\0")
    if rtype in (registry.SVCB, registry.HTTPS):
        words = [_QUOTED_VALUE.sub(r"=\1", word) for word in words]
    octets = rdata.from_words(rtype, [word.removeprefix(QUOTE) for word in words])
    return _BAD if octets is None else (rtype, prefix + octets)


def _read_unknown(rtype: int | None, words: Sequence[str]) -> tuple[int, bytes] | Fault:
    """`\\# 4 c0000201`: RDATA as it is. Types with a notation here must use it, so that it is checked.

    What only stands in messages (OPT and the query types, RFC 6895 3.1) is no local data.
    """
    if rtype is None or rtype in rdata.TYPES or rtype in (0, registry.OPT) or 128 <= rtype <= 255:
        return _NOT_GIVEN
    digits = "".join(words[1:])
    if not words or not words[0].isdecimal() or len(words[0]) > 5 or not _HEX(digits):
        return _BAD
    octets = bytes.fromhex(digits)
    return (rtype, octets) if len(octets) == int(words[0]) and len(octets) <= MAX_UNKNOWN else _BAD
