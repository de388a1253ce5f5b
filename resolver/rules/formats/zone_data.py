"""The data of a record in a zone file → a `Record` on the wire, or why it is none.

What RDATA looks like is said in `resolver.dns.rdata`; here the words of a zone file are made fit for it:
names get their origin, quotation marks fall away, `*.garden.` keeps its asterisk (RPZ puts the qname
there), and `\\# length hex` (RFC 3597 5) stands for any type that has no notation here. Types that
are neither known nor unknown to the world (CAA, TLSA, ...) are left out with a reason of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from resolver.dns import rdata, registry
from resolver.dns.names import to_text
from resolver.rules.formats.zone_lines import QUOTE
from resolver.rules.formats.zone_names import STAR
from resolver.rules.lines import Skip
from resolver.rules.side import Record

MAX_UNKNOWN: Final = 4096
"""Octets of RDATA in the notation for unknown types that are read, as many as of a TXT record."""

_NAME_AT: Final[Mapping[int, int]] = {
    registry.CNAME: 0,
    registry.PTR: 0,
    registry.MX: 1,
    registry.SVCB: 1,
    registry.HTTPS: 1,
    registry.SRV: 3,
}
"""Type -> which word of its RDATA is a name, and may be relative."""

_QUOTED_VALUE: Final = re.compile(
    r'="(.*)"', re.S
)  # of a SvcParam (RFC 9460 2.1); BIND writes all of them so
_BAD: Final = Skip("invalid", "bad-record")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*+").fullmatch


def read_data(name: str, words: Sequence[str], target: Callable[[str], bytes | Skip]) -> Record | Skip:
    """The record of a type's name and the words behind it.

    `target` makes a name whole: on the wire, lower-cased, without the root label.
    """
    rtype = registry.type_number(name)
    if words[0] == "\\#":
        return _read_unknown(rtype, words[1:])
    if rtype is None or rtype not in rdata.TYPES:
        return Skip("unenforceable", "record-type")
    words, prefix, at = list(words), b"", _NAME_AT.get(rtype)
    if at is not None and at < len(words):
        whole = target(words[at])
        if isinstance(whole, Skip):
            return whole
        if rtype == registry.CNAME and whole.startswith(STAR):
            prefix, whole = STAR, whole[len(STAR) :]
        words[at] = to_text(whole + b"\0")
    if rtype in (registry.SVCB, registry.HTTPS):
        words = [_QUOTED_VALUE.sub(r"=\1", word) for word in words]
    octets = rdata.from_words(rtype, [word.removeprefix(QUOTE) for word in words])
    return _BAD if octets is None else Record(rtype, prefix + octets)


def _read_unknown(rtype: int | None, words: Sequence[str]) -> Record | Skip:
    """`\\# 4 c0000201`: RDATA as it is. Types with a notation here must use it, so that it is checked.

    What only stands in messages (OPT and the query types, RFC 6895 3.1) is no local data.
    """
    if rtype is None or rtype in rdata.TYPES or rtype in (0, registry.OPT) or 128 <= rtype <= 255:
        return Skip("unenforceable", "record-type")
    digits = "".join(words[1:])
    if not words or not words[0].isdecimal() or len(words[0]) > 5 or not _HEX(digits):
        return _BAD
    octets = bytes.fromhex(digits)
    return Record(rtype, octets) if len(octets) == int(words[0]) and len(octets) <= MAX_UNKNOWN else _BAD
