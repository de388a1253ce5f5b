"""The value of `$dnsrewrite`: an answer of a rule's own, read and written.

    short   192.0.2.1   2001:db8::1   www.example.org   REFUSED
    long    NOERROR;A;192.0.2.1   NOERROR;MX;10 mail.example   NOERROR;;   NXDOMAIN;;

A keyword of the short form is in capitals; no other word of capitals alone is read, since it is a
misspelt keyword more often than a name. `NOERROR` with nothing behind it is NODATA. A name is a CNAME. Of
the long form each part is checked to the end: an rcode other than NOERROR has nothing behind it, a type
is one of `resolver.dns.rdata`, its value is whole. TXT is one text, with `\\DDD` and `\\X` escapes as in a
zone file, cut into strings of 255 octets; in SVCB and HTTPS a comma inside a list is escaped, as any
comma in a modifier is.

One thing is no answer but a block: an address that leads nowhere (0.0.0.0, ::, loopback).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from resolver.dns import rdata, registry
from resolver.rules.formats.local_data import is_sink
from resolver.rules.side import Answer, Record

Sink = Literal["sink"]
SINK: Final = "sink"
"""Said in place of an answer: the address leads nowhere, so the name is simply blocked."""

_RCODES: Final[Mapping[str, int]] = {
    name: number for number, name in registry.RCODE_NAMES.items() if number <= registry.RCODE_MASK
}
"""The rcodes that fit a header; the others need an OPT record, which an answer may not have."""

_KEYWORD: Final = re.compile(r"[A-Z]+").fullmatch
_MISTAKEN: Final = re.compile(rf"{'|'.join(_RCODES)}|(?:.*\.)?[0-9]+\.?", re.S).fullmatch
"""What could be a name, and is hardly meant as one: `refused`, `192.0.2`."""
_ESCAPED_COMMA: Final = re.compile(r"\\,")


def read_rewrite(value: str) -> Answer | Sink | None:
    """The answer that a value says; None if it says none. Never raises."""
    parts = value.split(";", 2)
    if len(parts) == 3:
        return _read_long(*parts)
    return _read_short(value) if len(parts) == 1 else None


def _read_short(value: str) -> Answer | Sink | None:
    """A keyword, an address or a name."""
    if _KEYWORD(value):
        return Answer(_RCODES[value]) if value in _RCODES else None
    for rtype in (registry.A, registry.AAAA, registry.CNAME):
        octets = rdata.from_words(rtype, [value])
        if octets is not None:
            slip = rtype == registry.CNAME and _MISTAKEN(value.upper())
            return None if slip else _answer(rtype, octets)
    return None


def _read_long(rcode: str, rtype: str, value: str) -> Answer | Sink | None:
    """`RCODE;RRTYPE;VALUE`."""
    number = _RCODES.get(rcode.strip().upper())
    if number is None:
        return None
    rtype, value = rtype.strip(), value.strip()
    if not rtype and not value:
        return Answer(number)
    known = registry.type_number(rtype)
    if number != registry.NOERROR or known is None:
        return None
    octets = _read_value(known, value)
    return None if octets is None else _answer(known, octets)


def _read_value(rtype: int, value: str) -> bytes | None:
    """RDATA of the long form."""
    if rtype == registry.TXT:
        text = rdata.read_string(value)
        return None if not text else rdata.pack_strings(_cut(text))
    words = _ESCAPED_COMMA.sub(",", value)
    return None if "\\" in words else rdata.from_words(rtype, words.split())


def _cut(text: bytes) -> list[bytes]:
    """A text as character-strings, all but the last of full length."""
    return [text[at : at + rdata.MAX_STRING] for at in range(0, len(text), rdata.MAX_STRING)]


def _answer(rtype: int, octets: bytes) -> Answer | Sink:
    """One record, if it leads anywhere."""
    record = Record(rtype, octets)
    return SINK if is_sink(record) else Answer(records=(record,))


def write_rewrite(rcode: int, record: Record | None = None) -> str:
    """A value that says this rcode, or this record; `read_rewrite` reads it where the syntax has a form.

    What has none (an rcode without a name, RDATA of another type) is written in the notation of RFC 3597,
    which is refused when read.
    """
    if record is None:
        name = registry.rcode_name(rcode)
        return name if name in _RCODES else f"{name};;"
    return f"NOERROR;{registry.type_name(record.rtype)};{_write_value(record)}"


def _write_value(record: Record) -> str:
    """The third part of the long form, commas escaped."""
    if record.rtype == registry.TXT:
        strings = rdata.unpack_strings(record.rdata)
        if strings and any(strings) and strings == _cut(b"".join(strings)):
            return _write_text(b"".join(strings))
    words = rdata.to_words(record.rtype, record.rdata)
    if words is None:
        words = rdata.to_unknown(record.rdata)
    elif record.rtype == registry.TXT:  # strings of other lengths than would be read
        words = [f'"{word}"' for word in words]
    return " ".join(words).replace(",", "\\,")


def _write_text(text: bytes) -> str:
    """One text, each octet escaped that means something in a rule, and the blanks at either end."""
    inner = rdata.write_string(text, lambda octet: 0x20 <= octet <= 0x7E and octet not in b'"#$,/\\|')
    body = inner.strip(" ")
    start = len(inner) - len(inner.lstrip(" "))
    return "\\032" * start + body + "\\032" * (len(inner) - start - len(body))
