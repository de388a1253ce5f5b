"""The OPT record that we send (RFC 6891) and the options that we write into it.

An OPT is in a reply exactly when one was in the query. It says 1232 octets, version 0, and echoes
DO (RFC 3225 3); flags of the client are not echoed (RFC 6891 6.1.4), and of its options none that we
do not know (6.1.2). Options are made here octet by octet; `resolver.dns.query.option` reads them.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from resolver.dns import registry
from resolver.dns.query import skip_name

MAX_TEXT: Final = 128
"""Octets of EXTRA-TEXT at most: it must not be what makes a reply too long for UDP."""

_OPT: Final = Struct(">BHHIH").pack
_OPTION: Final = Struct(">HH").pack
_COUNTS: Final = Struct(">HHHH").unpack_from
_SHORT: Final = Struct(">H").unpack_from

_BEGINNING: Final = b"\0\0\x29"
"""The root and type 41: how every OPT begins (RFC 6891 6.1.2)."""


def opt(dnssec: bool, options: bytes = b"", size: int = registry.UDP_LIMIT, rcode: int = 0) -> bytes:
    """An OPT record with these options; `size` is the UDP payload we take, in octets.

    `rcode` is that of the message: its upper eight bits stand here (RFC 6891 6.1.3).
    """
    flags = (rcode >> 4) << 24 | (registry.DO if dnssec else 0)
    return _OPT(0, registry.OPT, size, flags, len(options)) + options


def written(code: int, data: bytes = b"") -> bytes:
    """One option: code, length, data (RFC 6891 6.1.2)."""
    return _OPTION(code, len(data)) + data


def extended_error(code: int, text: str = "") -> bytes:
    """One EDE option (RFC 8914 2). The text is for people and is cut at MAX_TEXT octets of UTF-8."""
    extra = text.encode("utf-8")[:MAX_TEXT].decode("utf-8", "ignore").encode("utf-8")
    return written(registry.OPTION_EDE, code.to_bytes(2, "big") + extra)


def keepalive(seconds: float) -> bytes:
    """The option that tells a TCP client how long we keep its idle connection (RFC 7828 3.1, 3.3.2).

    A count of 100 milliseconds, at most 6553.5 seconds; 0 asks the client to close.
    """
    return written(registry.OPTION_KEEPALIVE, min(max(int(seconds * 10), 0), 0xFFFF).to_bytes(2, "big"))


def padded(message: bytes, block: int) -> bytes:
    """The message with a padding option (RFC 7830 3) that makes its length a multiple of `block` octets:
    128 for queries, 468 for replies (RFC 8467 4.1).

    Its last record must be its OPT, as it is in whatever we make. Without one, or where it would grow
    beyond what TCP carries, the message comes back as it is. Padding is zeros, as RFC 7830 3 has it;
    it hides lengths, so it belongs into TLS and nowhere else (RFC 7830 6).
    """
    start = _last_record(message)
    size = len(message) + 4
    size += -size % block
    if not start or message[start : start + 3] != _BEGINNING or size > registry.MAX_MESSAGE:
        return message
    padding = written(registry.OPTION_PADDING, bytes(size - len(message) - 4))
    return message[:start] + with_options(message[start:], padding)


def _last_record(message: bytes) -> int:
    """Where the last record of a message begins; 0 when it has none, or is not whole."""
    questions, *records = _COUNTS(message, 4)
    offset, start = 12, 0
    for _ in range(questions):
        name = skip_name(message, offset)
        if not name:
            return 0
        offset = name + 4
    for _ in range(sum(records)):
        start, name = offset, skip_name(message, offset)
        if not name or len(message) < name + 10:
            return 0
        offset = name + 10 + _SHORT(message, name + 8)[0]
    return start if offset == len(message) else 0


def with_options(record: bytes, options: bytes) -> bytes:
    """The OPT record with these options behind those that it has."""
    length = len(record) - _HEAD + len(options)
    return record[: _HEAD - 2] + length.to_bytes(2, "big") + record[_HEAD:] + options


_HEAD: Final = 11
"""Octets of an OPT record before its RDATA: root, type, size, flags, length."""

PLAIN_OPT: Final = (opt(False), opt(True))
"""The OPT without options, by DO: most replies carry one of these two."""
