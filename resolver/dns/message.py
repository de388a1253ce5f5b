"""dnslib, for whatever is off the hot path: the only file that imports it.

It builds the queries of the health check and turns a reply into text for people. dnslib raises
bare IndexError and UnicodeDecodeError on bad octets and can be stalled by crafted pointers, so
nothing reaches it before our own walk has bounded the message; whatever it still raises becomes
a WireError here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import dnslib

from resolver.dns import registry
from resolver.dns.names import to_text
from resolver.dns.records import walk
from resolver.errors import WireError

MAX_OCTETS: Final = 4096
"""Octets of the largest reply that is put into words: in more, dnslib could be kept busy for seconds."""


class Summary(NamedTuple):
    """A reply in words: response code, records of the answer section as text, extended errors."""

    number: int
    rcode: str
    truncated: bool
    qname: str
    answers: tuple[str, ...]
    extended_errors: tuple[tuple[int, str], ...]


def build_query(number: int, name: str, qtype: int, edns: bool = True) -> bytes:
    """A query with RD set, as a stub resolver sends it. `name` is presentation text."""
    record = dnslib.DNSRecord(dnslib.DNSHeader(id=number, rd=1), q=dnslib.DNSQuestion(name, qtype))
    if edns:
        record.add_ar(dnslib.EDNS0(udp_len=registry.UDP_LIMIT))
    return bytes(record.pack())


def summarise(data: bytes) -> Summary:
    """Read a reply for people. Raises WireError when it cannot be read or is above MAX_OCTETS."""
    if len(data) > MAX_OCTETS:
        raise WireError(f"more than {MAX_OCTETS} octets", MAX_OCTETS)
    walked = walk(data)
    try:
        record = dnslib.DNSRecord.parse(data)
        # The library sets records in columns; a sentence has no use for those.
        answers = tuple(" ".join(str(rr).split(None, 4)) for rr in record.rr)
        errors = tuple(error for rr in record.ar if rr.rtype == registry.OPT for error in _errors(rr))
    except Exception as error:
        # The library documents no exception; any of them means the same to whoever sent the octets.
        raise WireError(f"a message that cannot be read: {type(error).__name__}") from error
    qname = to_text(walked.question[:-4]) if walked.question else "."
    return Summary(
        int.from_bytes(data[:2], "big"),
        registry.rcode_name(walked.rcode),
        bool(walked.flags & registry.TC),
        qname,
        answers,
        errors,
    )


def _errors(rr: dnslib.RR) -> list[tuple[int, str]]:
    """The extended errors of an OPT (RFC 8914 2): code and text."""
    return [
        (int.from_bytes(option.data[:2], "big"), bytes(option.data[2:]).decode("utf-8", "replace"))
        for option in rr.rdata
        if option.code == registry.OPTION_EDE and len(option.data) >= 2
    ]
