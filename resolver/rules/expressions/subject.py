"""What is searched for expressions: a name as text, without its trailing dot."""

from __future__ import annotations

from resolver.dns.names import labels


def subject_of(folded: bytes) -> bytes:
    """A lower-cased wire name → its labels joined by dots."""
    return b".".join(label.replace(b".", b"\xff") for label in labels(folded))
