"""The OPT record that we send (RFC 6891) and the extended errors in it (RFC 8914).

An OPT is in a reply exactly when one was in the query. It says 1232 octets, version 0, and echoes
DO (RFC 3225 3); options and flags of the client are neither understood nor echoed (RFC 6891 6.1.2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from resolver.dns import registry

MAX_TEXT: Final = 128
"""Octets of EXTRA-TEXT at most: it must not be what makes a reply too long for UDP."""

_OPT: Final = Struct(">BHHIH").pack
_OPTION: Final = Struct(">HHH").pack


def opt(dnssec: bool, options: bytes = b"", size: int = registry.UDP_LIMIT) -> bytes:
    """An OPT record with these options; `size` is the UDP payload we take, in octets."""
    return _OPT(0, registry.OPT, size, registry.DO if dnssec else 0, len(options)) + options


def extended_error(code: int, text: str = "") -> bytes:
    """One EDE option (RFC 8914 2). The text is for people and is cut at MAX_TEXT octets of UTF-8."""
    extra = text.encode("utf-8")[:MAX_TEXT].decode("utf-8", "ignore").encode("utf-8")
    return _OPTION(registry.OPTION_EDE, 2 + len(extra), code) + extra


def with_options(record: bytes, options: bytes) -> bytes:
    """The OPT record with these options behind those that it has."""
    length = len(record) - _HEAD + len(options)
    return record[: _HEAD - 2] + length.to_bytes(2, "big") + record[_HEAD:] + options


_HEAD: Final = 11
"""Octets of an OPT record before its RDATA: root, type, size, flags, length."""

PLAIN_OPT: Final = (opt(False), opt(True))
"""The OPT without options, by DO: most replies carry one of these two."""
