"""Parameters of SVCB and HTTPS records: `alpn=h3` ↔ wire (RFC 9460 2.1, 2.2 and 7).

A parameter is `key=value` or a bare `key`. Keys with a number in RFC 9460 have a value of their own form;
any other is written `key65280=value`, its value plain text. On the wire the parameters stand in the order
of their keys, each once (RFC 9460 2.2). Values with blanks or quotation marks, and protocol names that hold
a comma, are not read: no list needs them, and each way to quote is one more thing to get wrong. Nothing here
raises.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Final, NamedTuple

MAX_PARAMETERS: Final = 32
"""Parameters of one record that are read."""

_KEY_VALUE: Final = Struct(">HH")
_SHORT: Final = Struct(">H")

# One way to write a number, so that no key can stand twice in disguise.
_OTHER_KEY: Final = re.compile(r"key(0|[1-9][0-9]{0,4})").fullmatch
_PORT: Final = re.compile(r"[0-9]{1,5}").fullmatch
_WORD: Final = re.compile(r"[!#-\[\]-~]+").fullmatch
"""Printable ASCII without blank, quotation mark and backslash."""

# RFC 9460 14.3.2 and the registry that it founded; those that clients use.
_KEYS: Final[Mapping[str, int]] = {
    "mandatory": 0,
    "alpn": 1,
    "no-default-alpn": 2,
    "port": 3,
    "ipv4hint": 4,
    "ech": 5,
    "ipv6hint": 6,
    "dohpath": 7,  # RFC 9461 5
}
_KEY_NAMES: Final = {number: name for name, number in _KEYS.items()}


class _Value(NamedTuple):
    """How the value of one key is read from text, and written as text.

    "" stands for no value, both ways: `key9` and `key9=` are the same, and most keys refuse it.
    None, both ways: it is malformed.
    """

    read: Callable[[str], bytes | None]
    write: Callable[[bytes], str | None]


def read_parameters(words: Sequence[str]) -> bytes | None:
    """Parameters → wire. None: one is unknown, malformed or there twice, or a mandatory one is missing."""
    if len(words) > MAX_PARAMETERS:
        return None
    found: dict[int, bytes] = {}
    for word in words:
        key, _, text = word.partition("=")
        number = _key_number(key)
        value = None if number is None else _value(number).read(text)
        if number is None or value is None or number in found:
            return None
        found[number] = value
    if not _is_consistent(found):
        return None
    return b"".join(_KEY_VALUE.pack(key, len(found[key])) + found[key] for key in sorted(found))


def write_parameters(octets: bytes) -> list[str] | None:
    """Wire → parameters; None if the octets are malformed."""
    words, at = [], 0
    while at < len(octets):  # each turn consumes four octets at least
        if at + _KEY_VALUE.size > len(octets):
            return None
        number, length = _KEY_VALUE.unpack_from(octets, at)
        at += _KEY_VALUE.size + length
        text = _value(number).write(octets[at - length : at]) if at <= len(octets) else None
        if text is None:
            return None
        words.append(f"{_key_name(number)}={text}" if text else _key_name(number))
    return words


def _is_consistent(found: Mapping[int, bytes]) -> bool:
    """What the parameters ask of each other.

    A key that is called mandatory must be there (RFC 9460 8), and who has no default protocol names
    another one (RFC 9460 7.1.1).
    """
    listed = found.get(_KEYS["mandatory"], b"")
    numbers = {_SHORT.unpack_from(listed, at)[0] for at in range(0, len(listed), _SHORT.size)}
    lonely = _KEYS["no-default-alpn"] in found and _KEYS["alpn"] not in found
    return numbers <= found.keys() and not lonely


def _key_number(key: str) -> int | None:
    """`alpn` or `key65280` → its number. A key that has a name is not written by number."""
    if key in _KEYS:
        return _KEYS[key]
    other = _OTHER_KEY(key)
    number = int(other[1]) if other else 0xFFFF  # 65535 is reserved (RFC 9460 14.3.2)
    return number if number < 0xFFFF and number not in _KEY_NAMES else None


def _key_name(number: int) -> str:
    """`alpn`, or `key65280` for a key without a name here (RFC 9460 2.1)."""
    return _KEY_NAMES.get(number) or f"key{number}"


# The values.


def _read_mandatory(text: str) -> bytes | None:
    """Keys, in any order; on the wire in that of their numbers (RFC 9460 8)."""
    numbers = [_key_number(key) for key in text.split(",")]
    known = sorted({number for number in numbers if number})  # neither unknown nor `mandatory` itself
    return None if len(known) != len(numbers) else b"".join(map(_SHORT.pack, known))


def _write_mandatory(value: bytes) -> str | None:
    """At least one key of two octets; their order is not checked, it means nothing."""
    if not value or len(value) % _SHORT.size:
        return None
    return ",".join(_key_name(number) for (number,) in _SHORT.iter_unpack(value))


def _read_alpn(text: str) -> bytes | None:
    """Protocol names with commas between, each with its length before it on the wire (RFC 9460 7.1.1)."""
    if not all(0 < len(protocol) <= 255 and _WORD(protocol) for protocol in text.split(",")):
        return None
    return b"".join(bytes((len(protocol),)) + protocol.encode("ascii") for protocol in text.split(","))


def _write_alpn(value: bytes) -> str | None:
    """None for names that would need to be quoted: those with a comma, a blank or an octet beyond ASCII."""
    protocols, at = [], 0
    while at < len(value):
        protocols.append(value[at + 1 : at + 1 + value[at]].decode("latin-1"))
        at += 1 + value[at]
    fine = protocols and at == len(value) and all(_WORD(p) and "," not in p for p in protocols)
    return ",".join(protocols) if fine else None


def _read_nothing(text: str) -> bytes | None:
    """`no-default-alpn` says all it says by being there (RFC 9460 7.1.1)."""
    return None if text else b""


def _write_nothing(value: bytes) -> str | None:
    return None if value else ""


def _read_port(text: str) -> bytes | None:
    """A number of 16 bits (RFC 9460 7.2)."""
    return _SHORT.pack(int(text)) if _PORT(text) and int(text) <= 0xFFFF else None


def _write_port(value: bytes) -> str | None:
    return str(_SHORT.unpack(value)[0]) if len(value) == _SHORT.size else None


def _hints(kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address], size: int) -> _Value:
    """Addresses of one version, `size` octets each."""

    def read(text: str) -> bytes | None:
        if "%" in text:  # a scope means something on one machine only (RFC 4007 11)
            return None
        try:
            return b"".join(kind(address).packed for address in text.split(","))
        except ValueError:
            return None

    def write(value: bytes) -> str | None:
        if not value or len(value) % size:
            return None
        return ",".join(str(kind(value[at : at + size])) for at in range(0, len(value), size))

    return _Value(read, write)


def _read_ech(text: str) -> bytes | None:
    """Base64, not looked into: what it holds is between the client and the server (RFC 9460 7.3)."""
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _write_ech(value: bytes) -> str | None:
    """The one form of base64 that `_read_ech` takes: with padding."""
    return base64.b64encode(value).decode("ascii") if value else None


def _read_word(text: str) -> bytes | None:
    """Text as it is, such as a URI template (RFC 9461 5)."""
    return text.encode("ascii") if _WORD(text) else None


def _write_word(value: bytes) -> str | None:
    text = value.decode("latin-1")
    return text if _WORD(text) else None


def _read_other(text: str) -> bytes | None:
    """A key without a form of its own; it may have no value."""
    return text.encode("ascii") if not text or _WORD(text) else None


def _write_other(value: bytes) -> str | None:
    return _write_word(value) if value else ""


# Keys that RFC 9460 does not give a form to: text of printable ASCII, or nothing.
_OTHER: Final = _Value(_read_other, _write_other)
_VALUES: Final[Mapping[int, _Value]] = {
    _KEYS["mandatory"]: _Value(_read_mandatory, _write_mandatory),
    _KEYS["alpn"]: _Value(_read_alpn, _write_alpn),
    _KEYS["no-default-alpn"]: _Value(_read_nothing, _write_nothing),
    _KEYS["port"]: _Value(_read_port, _write_port),
    _KEYS["ipv4hint"]: _hints(ipaddress.IPv4Address, 4),
    _KEYS["ech"]: _Value(_read_ech, _write_ech),
    _KEYS["ipv6hint"]: _hints(ipaddress.IPv6Address, 16),
    _KEYS["dohpath"]: _Value(_read_word, _write_word),
}


def _value(number: int) -> _Value:
    """The form of a key's value."""
    return _VALUES.get(number, _OTHER)
