"""Names: text to wire and back, folding, labels.

Three notations meet here, and one wire format (RFC 1035 3.1: labels with a length octet, the root
label last):

    presentation   what zone files and dig write (RFC 1035 5.1): `\\.` and `\\DDD` escapes, any octet
    host           what people, browsers and block lists write: Unicode allowed, blanks around it and
                   a trailing dot forgiven, letters of either case; turned to ASCII by UTS 46
    wire           octets, as they stand in a message, never compressed here

The host notation is narrower than the wire on purpose: letters, digits, hyphen and underscore, in
any place (lists do hold `-x.example` and `_dmarc.example`, and such names resolve). A host that cannot be
read is a value, `Fault`, because a list may hold a million of them; `from_host` raises for everybody
who has one name only. This module must not know rules, lists or messages.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

import idna

from resolver.errors import WireError

MAX_LABEL: Final = 63
"""Octets of the longest label (RFC 1035 2.3.4)."""

MAX_NAME: Final = 255
"""Octets of the longest name on the wire, length octets and root included (RFC 1035 2.3.4)."""

MAX_TEXT: Final = 253
"""Characters of the longest name of plain labels as text, without a trailing dot."""

ROOT: Final = b"\0"


class Fault(NamedTuple):
    """Why a text is no name: a stable `code` and one plain sentence."""

    code: str
    sentence: str


_EMPTY: Final = Fault("name-empty", "There is no name.")
_EMPTY_LABEL: Final = Fault("label-empty", "Two dots stand side by side, or a dot stands first.")
_LONG_LABEL: Final = Fault("label-too-long", f"A label is longer than {MAX_LABEL} octets.")
_LONG_NAME: Final = Fault("name-too-long", f"The name is longer than {MAX_TEXT} characters.")
_BAD_CHARACTER: Final = Fault(
    "bad-character", "A name is made of letters, digits, hyphens, underscores and dots."
)
_BAD_UNICODE: Final = Fault("bad-unicode", "The name holds a character that UTS 46 does not allow in names.")

_PLAIN_HOST: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?").fullmatch
_LENGTHS: Final = tuple(bytes((length,)) for length in range(MAX_LABEL + 1))
_HOST_LABEL: Final = re.compile(rb"[a-z0-9_-]+").fullmatch

# An input longer than this cannot become a valid name: UTS 46 drops some characters, but who writes
# a thousand of them has not written a name. It bounds the time of the mapping below.
_MAX_INPUT: Final = 1000

_UPPER_TO_LOWER: Final = bytes(octet + 32 if 65 <= octet <= 90 else octet for octet in range(256))


def from_host(text: str) -> bytes:
    """`Example.ORG.`, `bücher.example` → lower-cased wire name. Raises WireError saying why not."""
    wire = read_host(text)
    if isinstance(wire, Fault):
        raise WireError(wire.sentence)
    return wire


def read_host(text: str) -> bytes | Fault:
    """What `from_host` reads, with the fault as a value. Never raises.

    Unicode is mapped by UTS 46, non-transitional (`ß` stays), without its STD3 rules, so that
    underscores pass; labels are then written as `xn--` and punycode (RFC 3492). IDNA 2008's narrower
    repertoire is not asked for: `☃.example` is registered, looked up and listed.
    """
    if len(text) <= MAX_TEXT and _PLAIN_HOST(text):  # nearly all: nothing to map, to forgive or to refuse
        labels = text.lower().removesuffix(".").encode("ascii").split(b".")
        return b"".join([_LENGTHS[len(label)] + label for label in labels]) + ROOT
    text = text.strip()
    if not text:
        return _EMPTY
    if len(text) > _MAX_INPUT:
        return _LONG_NAME
    if not text.isascii():
        try:
            text = idna.uts46_remap(text, std3_rules=False)
        except idna.IDNAError:
            return _BAD_UNICODE
    if text == ".":
        return ROOT
    return _host_labels(text.lower().removesuffix("."))


def _host_labels(text: str) -> bytes | Fault:
    """Labels of mapped, lower-cased text → wire."""
    wire = bytearray()
    for label in text.split("."):
        octets = _ascii_label(label)
        if isinstance(octets, Fault):
            return octets
        wire.append(len(octets))
        wire += octets
    wire.append(0)
    return bytes(wire) if len(wire) <= MAX_NAME else _LONG_NAME


def _ascii_label(label: str) -> bytes | Fault:
    """One mapped label → its octets on the wire."""
    if not label:
        return _EMPTY_LABEL
    if len(label) > MAX_LABEL:  # each character takes at least one octet, in punycode too
        return _LONG_LABEL
    if label.isascii():
        octets = label.encode("ascii")
    else:
        # UTS 46 4.1, criterion 6: a label does not begin with a combining mark.
        if unicodedata.category(label[0]).startswith("M"):
            return _BAD_UNICODE
        octets = b"xn--" + label.encode("punycode")
    if not _HOST_LABEL(octets):
        return _BAD_CHARACTER
    return octets if len(octets) <= MAX_LABEL else _LONG_LABEL


# One piece of presentation text: a dot, an escape by number, an escape by character, or a run.
_PIECES: Final = re.compile(r"(?P<dot>\.)|\\(?P<number>[0-9]{3})|\\(?P<quoted>[^0-9])|(?P<run>[^.\\]+)", re.S)


def from_text(text: str) -> bytes:
    """Presentation format (RFC 1035 5.1) → wire name, its case kept.

    The trailing dot may be missing; `.` is the root. Raises WireError at the character where
    reading stopped.
    """
    if text == ".":
        return ROOT
    if not text.isascii():
        raise WireError("Presentation text is ASCII; write other octets as \\DDD")
    wire, label, at = bytearray(), bytearray(), 0
    while at < len(text):
        piece = _PIECES.match(text, at)
        if piece is None:
            raise WireError("A backslash is followed by one character or by three digits", at)
        at = piece.end()
        if piece.lastgroup == "dot":
            _close_label(wire, label, at)
        else:
            label += _piece_octets(piece)
    if label:
        _close_label(wire, label, at)
    if not wire:
        raise WireError(_EMPTY.sentence)
    wire.append(0)
    if len(wire) > MAX_NAME:
        raise WireError(f"The name takes {len(wire)} octets; {MAX_NAME} are allowed", at)
    return bytes(wire)


def _piece_octets(piece: re.Match[str]) -> bytes:
    """The octets that one escape or run stands for. Raises WireError."""
    if piece.lastgroup != "number":
        return piece[piece.lastgroup or 0].encode("ascii")
    value = int(piece["number"])
    if value > 255:
        raise WireError(f"\\{piece['number']} is no octet; \\DDD goes up to \\255", piece.start())
    return bytes((value,))


def _close_label(wire: bytearray, label: bytearray, at: int) -> None:
    """Move the label under construction to the wire, and empty it. Raises WireError."""
    if not label:
        raise WireError(_EMPTY_LABEL.sentence, at)
    if len(label) > MAX_LABEL:
        raise WireError(_LONG_LABEL.sentence, at)
    wire.append(len(label))
    wire += label
    label.clear()


_PLAIN_LABEL: Final = re.compile(rb"[A-Za-z0-9_-]+").fullmatch

# Octets with a meaning of their own in a zone file (RFC 1035 5.1) get a backslash; what is not
# printable, and the blank, is written by number.
_ESCAPES: Final = tuple(
    f"\\{chr(octet)}" if octet in b'."();@$\\' else chr(octet) if 0x21 <= octet <= 0x7E else f"\\{octet:03d}"
    for octet in range(256)
)


def to_text(wire: bytes) -> str:
    """Wire name → presentation text without the trailing dot; `.` for the root.

    Never raises on a valid wire name, and what it writes `from_text` reads back.
    """
    if wire == ROOT:
        return "."
    return ".".join(
        label.decode("ascii") if _PLAIN_LABEL(label) else "".join(_ESCAPES[octet] for octet in label)
        for label in labels(wire)
    )


def fold(wire: bytes) -> bytes:
    """ASCII letters lower-cased, every other octet as it was (RFC 4343 3).

    Length octets are below 64 and so are never taken for letters.
    """
    return wire.translate(_UPPER_TO_LOWER)


def labels(wire: bytes) -> list[bytes]:
    """The labels of a valid wire name, leftmost first, without the root label."""
    found: list[bytes] = []
    at = 0
    while at < len(wire) and (length := wire[at]):
        found.append(wire[at + 1 : at + 1 + length])
        at += 1 + length
    return found


def lies_under(wire: bytes, name: bytes) -> bool:
    """Whether a wire name is `name` or below it. Both are folded.

    Octets alone do not tell: the length octet of a label may as well be an octet of a longer one.
    """
    at, end = 0, len(wire) - len(name)
    while at < end:
        at += 1 + wire[at]
    return at == end and wire.endswith(name)
