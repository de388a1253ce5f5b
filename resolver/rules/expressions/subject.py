"""What is searched for expressions: a name as text, without its trailing dot.

A dot inside a label (`a\\.b.example`, RFC 1035 5.1) is no bound of a label, and no expression may take it for
one. It is replaced by the octet 0xFF, which stands in no ASCII and no UTF-8 text.
"""

from __future__ import annotations

from typing import Final

from resolver.dns.names import labels

INNER_DOT: Final = b"\xff"
"""What a dot inside a label is searched as."""


def subject_of(folded: bytes) -> bytes:
    """A lower-cased wire name → the octets that are searched: labels joined by dots; the root: none."""
    parts = labels(folded)
    subject = b".".join(parts)
    if subject.count(b".") >= len(parts) > 0:
        return b".".join([part.replace(b".", INNER_DOT) for part in parts])
    return subject
