"""What is sent to an upstream, octet by octet, and whether a packet repeats it (RFC 5452 9.1).

A question is built anew, so that nothing travels but the question and DO and CD: no client subnet (RFC
7871 11.1), no option of a client. It may go out in random case, which a forger would have to guess as well
(draft-vixie-dnsext-dns0x20-00): one bit for each letter. Pure: numbers are arguments.
"""

from __future__ import annotations

from typing import Final

from resolver.dns import registry
from resolver.dns.query import Query

_ONE_QUESTION: Final = b"\0\1\0\0\0\0"
_HEADS: Final = {
    (flags, edns): (registry.RD | flags).to_bytes(2, "big") + _ONE_QUESTION + bytes((0, edns))
    for flags in (0, registry.CD)
    for edns in (False, True)
}
"""A header behind its ID, by CD and whether an OPT follows."""

_LETTERS: Final = bytes(0x20 if chr(octet).isalpha() and octet < 128 else 0 for octet in range(256))
"""Octet → the bit in which the two cases of a letter differ, 0 for what is none. The octets of a label's
length are below 64 and so never letters."""

SAME: Final = 2
SAME_BUT_CASE: Final = 1
OTHER: Final = 0


def message(number: int, query: Query, question: bytes, opt: bytes) -> bytes:
    """The query with this ID; `opt` is the OPT record it carries, b"" for none."""
    head = _HEADS[query.flags & registry.CD, opt != b""]
    return number.to_bytes(2, "big") + head + question + opt


def random_case(question: bytes, bits: int) -> bytes:
    """The question with each letter of its name in the case that a bit of `bits` says, one in eight used."""
    end = len(question) - 4  # type and class may look like letters
    letters = int.from_bytes(question[:end].translate(_LETTERS), "big")
    mixed = int.from_bytes(question[:end], "big") ^ (letters & bits)
    return mixed.to_bytes(end, "big") + question[end:]


def compare(data: bytes, questions: int, question: bytes) -> int:
    """How the question section of a packet with `questions` questions compares with what was asked."""
    end = 12 + len(question)
    theirs = data[12:end]
    if questions != 1 or len(theirs) != len(question):
        return OTHER
    if theirs == question:
        return SAME
    same = theirs[-4:] == question[-4:] and theirs[:-4].lower() == question[:-4].lower()
    return SAME_BUT_CASE if same else OTHER
