"""What is compared in two replies to one packet, and what counts as different.

A reply is taken apart into fields; two replies differ in the fields whose values differ. TTLs are compared
coarsely, since one cache may be some seconds older than another. The order of records means nothing (RFC 1034
3.6), nor does the case of names inside them (RFC 4343 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from tests.differential.questions import Question

_COARSE: Final = 90
"""Seconds that TTLs may differ by: no run takes longer."""


@dataclass(frozen=True)
class Difference:
    """One field of one reply that is not what ours is."""

    question: Question
    server: str
    field: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.question} [{self.field}] ours: {self.ours!r}; {self.server}: {self.theirs!r}"


def read(question: Question, octets: bytes | None) -> dict[str, Any]:
    """The fields of a reply. Silence is a reply without fields; so is what cannot be read."""
    if octets is None:
        return {"reply": "silence"}
    try:
        message = dns.message.from_wire(octets)
    except dns.exception.DNSException as error:
        return {"reply": type(error).__name__}
    end = len(question.octets) - (11 if question.edns else 0)
    flags = message.flags
    return {
        "reply": "message",
        "rcode": dns.rcode.to_text(message.rcode()),
        "question": octets[12:end] == question.octets[12:end],
        "TC": bool(flags & dns.flags.TC),
        "AA": bool(flags & dns.flags.AA),
        "AD": bool(flags & dns.flags.AD),
        "CD": bool(flags & dns.flags.CD),
        "RD": bool(flags & dns.flags.RD),
        "RA": bool(flags & dns.flags.RA),
        "answer": _records(message.answer),
        "ttl": {_key(rrset): rrset.ttl for rrset in message.answer},
        "authority": _records(message.authority),
        "negative ttl": {_key(rrset): rrset.ttl for rrset in message.authority},
        "additional": _records(message.additional),
        "OPT": message.edns,
        "DO": bool(message.ednsflags & dns.flags.DO) if message.edns >= 0 else None,
        "EDE": sorted(int(one.code) for one in message.options if isinstance(one, dns.edns.EDEOption)),
        "size": len(octets) > (question.payload if question.edns else 512) and not question.tcp,
    }


def _key(rrset: dns.rrset.RRset) -> tuple[str, str]:
    return rrset.name.to_text().lower(), dns.rdatatype.to_text(rrset.rdtype)


def _records(section: list[dns.rrset.RRset]) -> frozenset[tuple[str, str, str]]:
    """Owner, type and data of every record."""
    return frozenset((*_key(rrset), rdata.to_text().lower()) for rrset in section for rdata in rrset)


def differences(
    question: Question, server: str, ours: bytes | None, theirs: bytes | None
) -> list[Difference]:
    """Where the reply of a server is another than ours."""
    left, right = read(question, ours), read(question, theirs)
    fields = left.keys() & right.keys()
    return [
        Difference(question, server, field, left[field], right[field])
        for field in sorted(fields)
        if not _same(field, left[field], right[field])
    ]


def _same(field: str, ours: Any, theirs: Any) -> bool:
    if field not in ("ttl", "negative ttl"):
        return bool(ours == theirs)
    # Records that only one of them has differ in another field already.
    return all(abs(ours[key] - theirs[key]) <= _COARSE for key in ours.keys() & theirs.keys())
