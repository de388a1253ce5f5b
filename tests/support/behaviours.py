"""What a scripted upstream can do with a query: one function for each virtue and each vice.

A behaviour takes the query as seen and says what to send, when. Some make a reply:

    answer("A 192.0.2.1", "AAAA 2001:db8::1", ttl=60)     records of the qname
    answer("CNAME other.example.org.", "other.example.org. 60 IN A 192.0.2.1")
    nxdomain(), nodata(), failed("SERVFAIL"), refused(), big(octets=4000), raw(octets), silence(), hang_up()

others change what another one does:

    after(0.5, answer(...))               late
    truncated(answer(...))                TC and nothing else over UDP, whole over TCP
    formerr_to_edns(answer(...))          as servers older than RFC 2671 do
    wrong_id / wrong_question / wrong_case / not_a_response / from_elsewhere / cut_short(answer(...))
    forged_first(8, answer(...))          so many replies with a wrong ID, then the right one
    in_turn(silence(), answer(...))       the first query gets the first, the last goes on for ever
    patched(change, answer(...))          whatever else the octets should become

Replies are built by dnspython, so that a mistake of ours cannot agree with itself. What else an upstream
may do wrong stands in `tests.support.vices`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Transport = Literal["udp", "tcp"]

FORGED_ADDRESS = "203.0.113.66"
"""What every forgery claims, so that a test can look for it anywhere."""


@dataclass(frozen=True)
class Seen:
    """A query as it came. `at` is seconds on `time.monotonic`."""

    octets: bytes
    transport: Transport
    source: tuple[str, int]
    at: float

    @cached_property
    def message(self) -> dns.message.Message:
        """The query as dnspython reads it; raises when it cannot."""
        return dns.message.from_wire(self.octets)

    @cached_property
    def readable(self) -> bool:
        """Whether dnspython can read it, and it asks something."""
        try:
            return bool(self.message.question)
        except (dns.exception.DNSException, ValueError):
            return False

    @property
    def id(self) -> int:
        """The message ID."""
        return int.from_bytes(self.octets[:2], "big")

    @property
    def qname(self) -> str:
        """The name asked, in lower case, without the trailing dot (`.` for the root)."""
        return self.message.question[0].name.to_text(omit_final_dot=True).lower()

    @property
    def qtype(self) -> str:
        """The type asked, as text."""
        return dns.rdatatype.to_text(self.message.question[0].rdtype)


class Reply(NamedTuple):
    """One thing to send, `delay` seconds from now. None for the octets hangs up a TCP connection.

    `elsewhere`: over UDP, from a port that was not asked; `host`: from the right port of this address.
    `cut`: over TCP, half of it, then hang up; `pace`: over TCP, seconds before each octet. `ready`: not
    before it says so, whatever the clock of the machine shows.
    """

    octets: bytes | None
    delay: float = 0.0
    elsewhere: bool = False
    cut: bool = False
    host: str = ""
    pace: float = 0.0
    ready: Callable[[], bool] | None = None


Behaviour = Callable[[Seen], list[Reply]]


# Building replies


def response(query: dns.message.Message, *records: str, ttl: int = 300) -> dns.message.Message:
    """A reply with these records in its answer section; for a query with OPT it has one.

    A record is `TYPE RDATA` (owned by the qname, with `ttl`) or `NAME TTL IN TYPE RDATA`.
    """
    made = dns.message.make_response(query, recursion_available=True, our_payload=1232)
    made.answer = [rrset(query, record, ttl) for record in records]
    return made


def rrset(query: dns.message.Message, record: str, ttl: int) -> dns.rrset.RRset:
    """One record of `response`, in whatever section it shall stand."""
    words = record.split(None, 4)
    if len(words) == 5 and words[1].isdigit() and words[2] == "IN":
        return dns.rrset.from_text(words[0], int(words[1]), "IN", words[3], words[4])
    rtype, _, rdata = record.partition(" ")
    return dns.rrset.from_text(query.question[0].name, ttl, "IN", rtype, rdata)


def soa(zone: str, ttl: int, minimum: int) -> dns.rrset.RRset:
    """The SOA of a negative answer (RFC 2308 3)."""
    text = f"ns.{zone} hostmaster.{zone} 1 3600 600 86400 {minimum}"
    return dns.rrset.from_text(zone, ttl, "IN", "SOA", text)


# Behaviours that make a reply


def answer(
    *records: str,
    ttl: int = 300,
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    rcode: str = "NOERROR",
    flags: int = 0,
) -> Behaviour:
    """These records; `flags` are set in the header beside the usual ones."""

    def behave(seen: Seen) -> list[Reply]:
        made = response(seen.message, *records, ttl=ttl)
        made.authority = [rrset(seen.message, record, ttl) for record in authority]
        made.additional = [rrset(seen.message, record, ttl) for record in additional]
        made.set_rcode(dns.rcode.from_text(rcode))
        made.flags = dns.flags.Flag(made.flags | flags)
        return [Reply(made.to_wire(max_size=65_535))]

    return behave


def nxdomain(
    ttl: int = 300, minimum: int = 60, zone: str = "example.org.", with_soa: bool = True
) -> Behaviour:
    """No such name; the SOA has this TTL and MINIMUM (RFC 2308 3)."""
    return _negative("NXDOMAIN", soa(zone, ttl, minimum) if with_soa else None)


def nodata(ttl: int = 300, minimum: int = 60, zone: str = "example.org.", with_soa: bool = True) -> Behaviour:
    """The name is there and has no such record (RFC 2308 2.2)."""
    return _negative("NOERROR", soa(zone, ttl, minimum) if with_soa else None)


def _negative(rcode: str, authority: dns.rrset.RRset | None) -> Behaviour:
    def behave(seen: Seen) -> list[Reply]:
        made = response(seen.message)
        made.set_rcode(dns.rcode.from_text(rcode))
        made.authority = [authority] if authority is not None else []
        return [Reply(made.to_wire(max_size=65_535))]

    return behave


def failed(rcode: str = "SERVFAIL") -> Behaviour:
    """A response code and nothing else."""
    return _negative(rcode, None)


def refused() -> Behaviour:
    """REFUSED: what a scripted upstream says when nothing was scripted."""
    return failed("REFUSED")


def big(octets: int = 4000, ttl: int = 300) -> Behaviour:
    """A TXT answer of at least so many octets, whole over TCP and over UDP (no TC)."""

    def behave(seen: Seen) -> list[Reply]:
        count = octets // 212 + 1
        records = [f'TXT "{number:06d}{"x" * 194}"' for number in range(count)]
        return [Reply(response(seen.message, *records, ttl=ttl).to_wire(max_size=65_535))]

    return behave


def raw(octets: bytes, with_id: bool = False) -> Behaviour:
    """Exactly these octets; `with_id` puts the query's ID in place of the first two."""
    return lambda seen: [Reply(seen.octets[:2] + octets[2:] if with_id else octets)]


def silence() -> Behaviour:
    """Nothing at all; a TCP connection stays open."""
    return lambda seen: []


def hang_up() -> Behaviour:
    """Nothing over UDP; over TCP the connection is closed."""
    return lambda seen: [Reply(None)]


# Behaviours that change another


def after(seconds: float, behaviour: Behaviour) -> Behaviour:
    """The same, later."""
    return lambda seen: [reply._replace(delay=reply.delay + seconds) for reply in behaviour(seen)]


def patched(change: Callable[[bytes], bytes], behaviour: Behaviour) -> Behaviour:
    """The same, with its octets changed."""
    return lambda seen: [
        reply if reply.octets is None else reply._replace(octets=change(reply.octets))
        for reply in behaviour(seen)
    ]


def wrong_id(behaviour: Behaviour) -> Behaviour:
    """The ID is another one."""
    return patched(lambda octets: bytes((octets[0] ^ 0x55, octets[1] ^ 0xAA)) + octets[2:], behaviour)


def not_a_response(behaviour: Behaviour) -> Behaviour:
    """QR is clear."""
    return patched(lambda octets: octets[:2] + bytes((octets[2] & 0x7F,)) + octets[3:], behaviour)


def wrong_question(behaviour: Behaviour, name: str = "elsewhere.example.net.") -> Behaviour:
    """The question is about another name."""

    def behave(seen: Seen) -> list[Reply]:
        asked = seen.message.question[0]
        other = dns.message.make_query(name, asked.rdtype, asked.rdclass, id=seen.id)
        return behaviour(Seen(other.to_wire(), seen.transport, seen.source, seen.at))

    return behave


def wrong_type(behaviour: Behaviour, qtype: str = "TXT") -> Behaviour:
    """The question is about another type."""
    number = dns.rdatatype.from_text(qtype)

    def change(octets: bytes) -> bytes:
        end = octets.index(b"\0", 12) + 1
        return octets[:end] + number.to_bytes(2, "big") + octets[end + 2 :]

    return patched(change, behaviour)


def wrong_case(behaviour: Behaviour) -> Behaviour:
    """The letters of the question have the other case."""

    def change(octets: bytes) -> bytes:
        end = octets.index(b"\0", 12)
        return octets[:12] + octets[12:end].swapcase() + octets[end:]

    return patched(change, behaviour)


def from_elsewhere(behaviour: Behaviour) -> Behaviour:
    """Over UDP, sent from a port that was not asked."""
    return lambda seen: [reply._replace(elsewhere=True) for reply in behaviour(seen)]


def cut_short(behaviour: Behaviour) -> Behaviour:
    """Over TCP half a message, then the end; over UDP half a message."""
    return lambda seen: [
        reply._replace(cut=True)
        if seen.transport == "tcp" or reply.octets is None
        else reply._replace(octets=reply.octets[: len(reply.octets) // 2])
        for reply in behaviour(seen)
    ]


def truncated(behaviour: Behaviour) -> Behaviour:
    """TC and no records over UDP; whole over TCP."""

    def behave(seen: Seen) -> list[Reply]:
        if seen.transport == "tcp":
            return behaviour(seen)
        made = response(seen.message)
        made.flags |= dns.flags.TC
        return [Reply(made.to_wire())]

    return behave


def over_tcp(behaviour: Behaviour, otherwise: Behaviour) -> Behaviour:
    """One thing over TCP, another over UDP."""
    return lambda seen: (behaviour if seen.transport == "tcp" else otherwise)(seen)


def without_edns(rcode: str, behaviour: Behaviour) -> Behaviour:
    """A bare header with this rcode for a query with OPT; the behaviour for one without."""

    def behave(seen: Seen) -> list[Reply]:
        if seen.message.edns < 0:
            return behaviour(seen)
        made = dns.message.Message(id=seen.id)
        made.flags = dns.flags.QR | dns.flags.RA | (seen.message.flags & dns.flags.RD)
        made.question = list(seen.message.question)
        made.set_rcode(dns.rcode.from_text(rcode))
        return [Reply(made.to_wire())]

    return behave


def formerr_to_edns(behaviour: Behaviour) -> Behaviour:
    """FORMERR for every query with OPT (RFC 6891 7)."""
    return without_edns("FORMERR", behaviour)


def forged_first(count: int, behaviour: Behaviour, delay: float = 0.0) -> Behaviour:
    """So many replies with wrong IDs and a forged address, then, `delay` later, the right one. Who forges is
    not on the path, so that a TCP connection sees only the right one."""

    def behave(seen: Seen) -> list[Reply]:
        if seen.transport == "tcp":
            return behaviour(seen)
        lie = answer(f"A {FORGED_ADDRESS}")(seen)[0].octets
        assert lie is not None
        ids = [(seen.id + 1 + number) & 0xFFFF for number in range(count)]
        lies = [Reply(number.to_bytes(2, "big") + lie[2:]) for number in ids if number != seen.id]
        return lies + after(delay, behaviour)(seen)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first query gets the first behaviour, the second the second; the last goes on for ever."""
    waiting = list(behaviours)

    def behave(seen: Seen) -> list[Reply]:
        now = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return now(seen)

    return behave
