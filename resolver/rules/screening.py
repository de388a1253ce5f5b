"""Whole-list refusals that need no parsing: what arrived is no list of lines at all.

A push that fetched an error page, a compressed file or a spreadsheet must not become "0 rules, all
well". The first octets tell most; the rest is two searches that run at the speed of memory. Every text
names the fault and the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from resolver.rules.codes import MAX_LINES, refusal

_BOM: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")

_PACKED: Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh9": "bzip2",
    b"7z\xbc\xaf": "7z",
}
"""First octets -> the packing they announce."""

_MARKUP: Final = re.compile(rb"\s*<(?:!doctype|!--|\?xml|[a-z]+[\s>/])", re.I).match

_SAMPLE: Final = 1 << 16  # octets whose control characters are counted
_CONTROLS: Final = bytes(octet for octet in range(32) if octet not in b"\t\n\v\f\r\x1a") + b"\x7f"
_MOST_CONTROLS: Final = 0.01  # a stray one is a bad line; more than that is no text


def screen(data: bytes) -> int:
    """Refuse what is no list. Returns where the text begins, behind a byte order mark.

    Raises ListRefused: list-empty, list-is-utf16, list-is-binary, list-is-html, too-many-lines.
    """
    start = len(_BOM) if data.startswith(_BOM) else 0
    sample = data[start : start + _SAMPLE]
    if not sample.strip() and not data[start:].strip():
        raise refusal("list-empty", "The list has no line. Send the lines, or delete or disable the list.")
    # Packed data and UTF-16 are full of NULs too, but have a better remedy than "not binary, please".
    _refuse_packed(data)
    _refuse_utf16(data)
    if b"\0" in data or _share_of_controls(sample) > _MOST_CONTROLS:
        raise refusal(
            "list-is-binary", "The body holds control characters. Send a text of one rule on each line."
        )
    if _MARKUP(sample):
        raise refusal(
            "list-is-html",
            "The body is HTML or XML, as an error or log-in page is. Check where the list came from.",
        )
    # Counted before they are read: a refusal must not cost what reading would have.
    lines = data.count(b"\n")
    if lines > MAX_LINES:
        raise refusal("too-many-lines", f"The list has {lines} lines; {MAX_LINES} are read. Split it.")
    return start


def _refuse_packed(data: bytes) -> None:
    """Raise ListRefused for compressed data, which says so in its first octets."""
    for magic, packing in _PACKED.items():
        if data.startswith(magic):
            raise refusal(
                "list-is-binary",
                f"The body is {packing} data. Unpack it, or send gzip or zstd with `Content-Encoding`.",
            )


def _refuse_utf16(data: bytes) -> None:
    """Raise ListRefused for UTF-16: by its mark, or by a NUL in every second octet."""
    sample = data[:1000]
    half = max(1, len(sample) // 2)
    nuls = max(sample[0::2].count(0), sample[1::2].count(0))
    if data.startswith(_UTF16_MARKS) or (len(sample) >= 8 and nuls > 0.8 * half):
        raise refusal("list-is-utf16", "Save the list as UTF-8 (or plain ASCII) and send it again.")


def _share_of_controls(sample: bytes) -> float:
    """Control characters among the octets of a sample."""
    return 1 - len(sample.translate(None, _CONTROLS)) / len(sample) if sample else 0.0
