"""RDATA of the types that a list can answer with: words ↔ wire (RFC 1035 3.3, 3.4 and the RFCs below).

    A, AAAA       an address                          (RFC 1035 3.4.1, RFC 3596 2.2)
    CNAME, PTR    a name
    MX            preference, exchange                (RFC 1035 3.3.9; `0 .`: takes no mail, RFC 7505)
    TXT           one word for each character-string  (RFC 1035 3.3.14)
    SRV           priority, weight, port, target      (RFC 2782; target `.`: not offered)
    SVCB, HTTPS   priority, target, parameters        (RFC 9460; `resolver.dns.svcparams`)

The words are those of a zone file (RFC 1035 5.1). Names come in host notation and are written to the
wire lower-cased and uncompressed, as RDATA of unknown types must be (RFC 3597 4) and as a record outside
a message has to. Both ways are total: what cannot be read or written is None, and nothing is raised.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.names import MAX_NAME, ROOT, Fault, read_host, to_text
from resolver.dns.svcparams import read_parameters, write_parameters

MAX_STRING: Final = 255
"""Octets of a character-string (RFC 1035 3.3)."""

MAX_TEXT: Final = 4096
"""Octets of all character-strings of one TXT record that are read. More is no answer to a question."""

_NUMBER: Final = re.compile(r"[0-9]{1,5}").fullmatch
_SHORT: Final = Struct(">H")
_MX: Final = Struct(">H")
_SRV: Final = Struct(">HHH")


class _Type(NamedTuple):
    """How the RDATA of one type is read from words, and written as words."""

    read: Callable[[Sequence[str]], bytes | None]
    write: Callable[[bytes], list[str] | None]


def from_words(rtype: int, words: Sequence[str]) -> bytes | None:
    """The RDATA that these words say; None if they say none, or nothing here knows the type."""
    known = _TYPES.get(rtype)
    return known.read(words) if known else None


def to_words(rtype: int, rdata: bytes) -> list[str] | None:
    """The words of RDATA; None if it is malformed, or nothing here knows the type."""
    known = _TYPES.get(rtype)
    return known.write(rdata) if known else None


def to_unknown(rdata: bytes) -> list[str]:
    """RDATA in the notation for any type: `\\# 4 c0000201` (RFC 3597 5)."""
    return ["\\#", str(len(rdata)), *([rdata.hex()] if rdata else [])]


def read_number(word: str) -> int | None:
    """A number of 16 bits in decimal digits."""
    return int(word) if _NUMBER(word) and int(word) <= 0xFFFF else None


# Addresses.


_OCTETS: Final = {str(number): number for number in range(256)}


def _read_a(words: Sequence[str]) -> bytes | None:
    """Four decimal numbers, none with a leading zero, which some read as octal."""
    numbers = [_OCTETS.get(part, -1) for part in words[0].split(".")] if len(words) == 1 else ()
    return bytes(numbers) if len(numbers) == 4 and min(numbers) >= 0 else None


def _read_aaaa(words: Sequence[str]) -> bytes | None:
    """RFC 4291 2.2, without a scope."""
    if len(words) != 1 or "%" in words[0]:  # a scope means something on one machine only (RFC 4007 11)
        return None
    try:
        return ipaddress.IPv6Address(words[0]).packed
    except ValueError:
        return None


def _write_a(rdata: bytes) -> list[str] | None:
    return [str(ipaddress.IPv4Address(rdata))] if len(rdata) == 4 else None


def _write_aaaa(rdata: bytes) -> list[str] | None:
    return [str(ipaddress.IPv6Address(rdata))] if len(rdata) == 16 else None


# Names, alone or behind numbers.


def _read_name(word: str, root: bool = False) -> bytes | None:
    """A name in host notation; the root only where it means something."""
    wire = read_host(word)
    return None if isinstance(wire, Fault) or (wire == ROOT and not root) else wire


def _whole_name(rdata: bytes) -> str | None:
    """The text of octets that are one uncompressed name and nothing else."""
    at = 0
    while at < len(rdata) and 0 < rdata[at] < 64:
        at += 1 + rdata[at]
    whole = len(rdata) <= MAX_NAME and at == len(rdata) - 1 and rdata[at] == 0
    return to_text(rdata) if whole else None


def _read_target(words: Sequence[str]) -> bytes | None:
    """One name, not the root: an alias of it leads nowhere."""
    return _read_name(words[0]) if len(words) == 1 else None


def _write_target(rdata: bytes) -> list[str] | None:
    """Octets of a label that are no letter, digit, hyphen or underscore are escaped (RFC 1035 5.1)."""
    text = _whole_name(rdata)
    return None if text is None else [text]


def _numbers_and_name(layout: Struct) -> _Type:
    """A type whose RDATA is some 16-bit numbers and then a name that may be the root."""
    count = layout.size // _SHORT.size

    def read(words: Sequence[str]) -> bytes | None:
        if len(words) != count + 1:
            return None
        numbers = [number for number in map(read_number, words[:count]) if number is not None]
        name = _read_name(words[count], root=True)
        return None if name is None or len(numbers) != count else layout.pack(*numbers) + name

    def write(rdata: bytes) -> list[str] | None:
        text = _whole_name(rdata[layout.size :])
        return None if text is None else [*map(str, layout.unpack_from(rdata)), text]

    return _Type(read, write)


# Text.

_ESCAPE: Final = re.compile(r"\\(?:([0-9]{3})|([^0-9]))|([^\\]+)", re.S)


def read_string(text: str) -> bytes | None:
    """Text with `\\DDD` and `\\X` escapes (RFC 1035 5.1) → octets; what is not ASCII becomes UTF-8.

    None if a backslash escapes nothing, or the octets are more than MAX_TEXT.
    """
    octets, at = bytearray(), 0
    while at < len(text):
        piece = _ESCAPE.match(text, at)
        if piece is None or (piece[1] and int(piece[1]) > 255):
            return None
        octets += bytes((int(piece[1]),)) if piece[1] else (piece[2] or piece[3]).encode("utf-8", "replace")
        at = piece.end()
    return bytes(octets) if len(octets) <= MAX_TEXT else None


def write_string(octets: bytes, plain: Callable[[int], bool]) -> str:
    """Octets as text that `read_string` reads; those that are not `plain` are written by number."""
    return "".join(chr(octet) if plain(octet) else f"\\{octet:03d}" for octet in octets)


def pack_strings(strings: Sequence[bytes]) -> bytes:
    """Character-strings, each of at most 255 octets, as the RDATA of a TXT record."""
    return b"".join(bytes((len(string),)) + string for string in strings)


def unpack_strings(rdata: bytes) -> list[bytes] | None:
    """The character-strings of a TXT record, of which there is at least one."""
    strings, at = [], 0
    # A length octet may point beyond the end; then `at` ends there too, and not at the end.
    while at < len(rdata):
        end = at + 1 + rdata[at]
        strings.append(rdata[at + 1 : end])
        at = end
    return strings if strings and at == len(rdata) else None


def _read_txt(words: Sequence[str]) -> bytes | None:
    """At least one string, each and all of them bounded."""
    strings = [string for string in map(read_string, words) if string is not None]
    if not strings or len(strings) != len(words) or any(len(string) > MAX_STRING for string in strings):
        return None
    return pack_strings(strings) if sum(map(len, strings)) <= MAX_TEXT else None


def _is_plain(octet: int) -> bool:
    """Whether an octet can stand in a word of a zone file as it is."""
    return 0x21 <= octet <= 0x7E and octet not in b'"\\;()'


def _write_txt(rdata: bytes) -> list[str] | None:
    strings = unpack_strings(rdata)
    return None if strings is None else [write_string(string, _is_plain) for string in strings]


# Services.


def _read_svcb(words: Sequence[str]) -> bytes | None:
    """Priority, target and, if the priority is not 0, parameters."""
    if len(words) < 2:
        return None
    priority, target = read_number(words[0]), _read_name(words[1], root=True)
    if priority is None or target is None:
        return None
    if priority == 0 and len(words) > 2:  # AliasMode has no parameters (RFC 9460 2.4.2)
        return None
    parameters = read_parameters(words[2:])
    return None if parameters is None else _SHORT.pack(priority) + target + parameters


def _write_svcb(rdata: bytes) -> list[str] | None:
    """The target is walked first: its end is where the parameters begin."""
    end = _SHORT.size
    while end < len(rdata) and rdata[end]:
        end += 1 + rdata[end]
    target = _whole_name(rdata[_SHORT.size : end + 1])
    parameters = write_parameters(rdata[end + 1 :])
    if target is None or parameters is None:
        return None
    return [str(_SHORT.unpack_from(rdata)[0]), target, *parameters]


_TYPES: Final[Mapping[int, _Type]] = {
    registry.A: _Type(_read_a, _write_a),
    registry.AAAA: _Type(_read_aaaa, _write_aaaa),
    registry.CNAME: _Type(_read_target, _write_target),
    registry.PTR: _Type(_read_target, _write_target),
    registry.MX: _numbers_and_name(_MX),
    registry.TXT: _Type(_read_txt, _write_txt),
    registry.SRV: _numbers_and_name(_SRV),
    registry.SVCB: _Type(_read_svcb, _write_svcb),
    registry.HTTPS: _Type(_read_svcb, _write_svcb),
}

TYPES: Final = frozenset(_TYPES)
"""The types whose RDATA is read and written here."""
