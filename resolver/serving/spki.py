"""The public key in a certificate, as the octets that a pin is made of.

A pin is the SHA-256 of the DER-encoded SubjectPublicKeyInfo (RFC 7858 4.2, RFC 7469 2.4). It stands as
the seventh element of the certificate's first part (RFC 5280 4.1), or the sixth where no version is
given. Nothing but tags and lengths is read on the way there, and each length is held to what is left,
so whatever a server sends costs a few steps. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_VERSION: Final = 0xA0

_LENGTH_OCTETS: Final = 3
"""Octets of the longest length that is read: no certificate has 16 megabytes."""

_BEFORE: Final = (_INTEGER, _SEQUENCE, _SEQUENCE, _SEQUENCE, _SEQUENCE)
"""Tags of what stands before the key: serial number, signature algorithm, issuer, validity, subject."""


def pinned(certificate: bytes, pins: Iterable[bytes]) -> bool:
    """Whether the key of a DER certificate fits one of the pins (SHA-256 digests). Never raises."""
    info = public_key_info(certificate)
    if info is None:
        return False
    digest = hashlib.sha256(info).digest()
    return any(hmac.compare_digest(digest, pin) for pin in pins)


def public_key_info(certificate: bytes) -> bytes | None:
    """The SubjectPublicKeyInfo of a DER certificate; None when it cannot be found. Never raises."""
    whole = _element(certificate, 0, len(certificate), _SEQUENCE)
    signed = whole and _element(certificate, whole[0], whole[1], _SEQUENCE)
    if not signed:
        return None
    offset, end = signed
    version = _element(certificate, offset, end, _VERSION)
    if version:
        offset = version[1]
    for tag in _BEFORE:
        found = _element(certificate, offset, end, tag)
        if not found:
            return None
        offset = found[1]
    key = _element(certificate, offset, end, _SEQUENCE)
    return certificate[offset : key[1]] if key else None


def _element(data: bytes, offset: int, end: int, tag: int) -> tuple[int, int] | None:
    """Where the content of the element at an offset begins and ends; None if it is not `tag`, or if it
    reaches beyond `end`. X.690 8.1.3: a length below 128 is one octet, others say how many they take."""
    if offset + 2 > end or data[offset] != tag:
        return None
    length, start = data[offset + 1], offset + 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= _LENGTH_OCTETS or start + count > end:
            return None
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    return (start, start + length) if start + length <= end else None
