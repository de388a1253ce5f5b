"""What a failing, an odd or a hostile upstream does, beyond the plain lies of `tests.support.behaviours`.

    lossy(0.3, seed, answer(...))              a share of the queries is lost, the same ones every time
    flapping(5, 3, answer(...))                five are answered, three are not, and so on
    dying_after(1, answer(...))                so many are answered, then none any more
    held(ready, answer(...))                   answered when `ready()` says so
    slow(2.0, clock, answer(...))              answered so many seconds of a clock later
    dribbled(1.0, answer(...))                 over TCP one octet a second
    reversed_order(8, answer(...))             of eight queries the first is answered last
    joined(raw(...), answer(...))              all of it, in this order: an early bad packet, then the truth
    from_address("127.0.0.9", answer(...))     from the right port of another host
    always_cut(), huge(...)                    TC over TCP as well; 64 KB, over TCP only
    lying_count("answer", answer(...))         a header that promises more than there is
    two_opts / extra_records / explained / with_cookie(..., answer(...))
    chain(17, "A 192.0.2.1"), cname_loop(3)    CNAME records one behind another, and in a circle
    right_but_elsewhere(100, answer(...))      the right ID from ports that were not asked, then the truth

Each stands for a fault that has been seen in the field; the attacks have names in the docstrings.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, Literal

import dns.edns
import dns.flags
import dns.message
import dns.rcode

from tests.support.behaviours import (
    FORGED_ADDRESS,
    Behaviour,
    Reply,
    Seen,
    after,
    answer,
    big,
    over_tcp,
    patched,
    response,
    rrset,
)

Section = Literal["question", "answer", "authority", "additional"]

_COUNTS: Final[dict[Section, int]] = {"question": 4, "answer": 6, "authority": 8, "additional": 10}
"""Where in a header the count of a section stands (RFC 1035 4.1.1)."""

_COOKIE: Final = dns.edns.OptionType.COOKIE
_SERVER_COOKIE: Final = b"\x5a" * 16


# Not there, not always there, late


def lossy(share: float, seed: int, behaviour: Behaviour) -> Behaviour:
    """This share of the queries gets nothing; which ones is settled by the seed."""
    chance = random.Random(seed)
    return lambda seen: [] if chance.random() < share else behaviour(seen)


def flapping(up: int, down: int, behaviour: Behaviour) -> Behaviour:
    """`up` queries are answered, `down` are not, and so on: an upstream that comes and goes."""
    count = 0

    def behave(seen: Seen) -> list[Reply]:
        nonlocal count
        count += 1
        return behaviour(seen) if (count - 1) % (up + down) < up else []

    return behave


def flapping_in_time(up: float, down: float, clock: Callable[[], float], behaviour: Behaviour) -> Behaviour:
    """The same by a clock: `up` seconds answering, `down` seconds not, from now on."""
    began = clock()
    return lambda seen: behaviour(seen) if (clock() - began) % (up + down) < up else []


def dying_after(count: int, behaviour: Behaviour) -> Behaviour:
    """So many queries are answered, then none: what was learnt before grows stale."""
    left = count

    def behave(seen: Seen) -> list[Reply]:
        nonlocal left
        left -= 1
        return behaviour(seen) if left >= 0 else []

    return behave


def held(ready: Callable[[], bool], behaviour: Behaviour) -> Behaviour:
    """The same, sent when `ready()` is true; it is asked every few milliseconds."""
    return lambda seen: [reply._replace(ready=ready) for reply in behaviour(seen)]


def slow(seconds: float, clock: Callable[[], float], behaviour: Behaviour) -> Behaviour:
    """The same, so many seconds of a clock later: a virtual one, most likely."""

    def behave(seen: Seen) -> list[Reply]:
        due = clock() + seconds
        return held(lambda: clock() >= due, behaviour)(seen)

    return behave


def dribbled(seconds: float, behaviour: Behaviour) -> Behaviour:
    """Over TCP, so many seconds before each octet; whole over UDP."""
    return lambda seen: [reply._replace(pace=seconds) for reply in behaviour(seen)]


def reversed_order(count: int, behaviour: Behaviour, step: float = 0.02) -> Behaviour:
    """Of `count` queries the first is answered last (RFC 7766 7 allows it over TCP)."""
    came = 0

    def behave(seen: Seen) -> list[Reply]:
        nonlocal came
        came += 1
        return after(step * (count - (came - 1) % count), behaviour)(seen)

    return behave


def joined(*behaviours: Behaviour) -> Behaviour:
    """Everything that each of them sends, in this order. A bad packet in front of the truth is the TuDoor
    attack: who gives up on it can be kept from every name."""
    return lambda seen: [reply for behaviour in behaviours for reply in behaviour(seen)]


def from_address(host: str, behaviour: Behaviour) -> Behaviour:
    """Over UDP, from the port that was asked, of another host."""
    return lambda seen: [reply._replace(host=host) for reply in behaviour(seen)]


# Messages that are odd


def always_cut() -> Behaviour:
    """TC over UDP and over TCP: there is no end to asking."""

    def behave(seen: Seen) -> list[Reply]:
        made = response(seen.message)
        made.flags |= dns.flags.TC
        return [Reply(made.to_wire())]

    return behave


def huge(octets: int = 65_000, ttl: int = 300) -> Behaviour:
    """As much as TCP carries; over UDP only TC."""
    return over_tcp(big(octets, ttl), always_cut())


def empty() -> Behaviour:
    """A datagram of no octets; over TCP a message of length 0."""
    return lambda seen: [Reply(b"")]


def header_only(rcode: str = "NOERROR", counts: bytes = b"\0" * 8) -> Behaviour:
    """Twelve octets: the ID, QR, a rcode and these counts."""
    number = int(dns.rcode.from_text(rcode))
    return lambda seen: [Reply(seen.octets[:2] + bytes((0x81, 0x80 | number)) + counts)]


def lying_count(section: Section, behaviour: Behaviour, count: int = 0xFFFF) -> Behaviour:
    """The header promises `count` records in a section, whatever is there."""
    at = _COUNTS[section]
    return patched(lambda data: data[:at] + count.to_bytes(2, "big") + data[at + 2 :], behaviour)


def cut_at(octets: int, behaviour: Behaviour) -> Behaviour:
    """Only so many octets of the message; over TCP its length says so."""
    return patched(lambda data: data[:octets], behaviour)


def two_opts(behaviour: Behaviour) -> Behaviour:
    """A second OPT behind the last record (RFC 6891 6.1.1 forbids it)."""
    opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"

    def change(data: bytes) -> bytes:
        more = int.from_bytes(data[10:12], "big")
        # One more than there is: the query may have had no OPT, so there may be none yet.
        return data[:10] + (more + 2).to_bytes(2, "big") + data[12:] + opt * 2

    def behave(seen: Seen) -> list[Reply]:
        plain = dns.message.make_query(
            seen.message.question[0].name, seen.message.question[0].rdtype, id=seen.id
        )
        return patched(change, behaviour)(Seen(plain.to_wire(), seen.transport, seen.source, seen.at))

    return behave


def _rebuilt(change: Callable[[dns.message.Message, Seen], None], behaviour: Behaviour) -> Behaviour:
    """The same, each reply read by dnspython, changed, and written again."""

    def behave(seen: Seen) -> list[Reply]:
        replies = behaviour(seen)
        for index, reply in enumerate(replies):
            if reply.octets is not None:
                made = dns.message.from_wire(reply.octets)
                change(made, seen)
                replies[index] = reply._replace(octets=made.to_wire(max_size=65_535))
        return replies

    return behave


def extra_records(
    behaviour: Behaviour, *records: str, section: Literal["answer", "authority", "additional"] = "additional"
) -> Behaviour:
    """Records nobody asked for beside the answer: MaginotDNS plants other names in a forwarder's cache."""

    def change(made: dns.message.Message, seen: Seen) -> None:
        getattr(made, section).extend(rrset(seen.message, record, 300) for record in records)

    return _rebuilt(change, behaviour)


def explained(code: int, text: str, behaviour: Behaviour) -> Behaviour:
    """With an extended error of the upstream's own (RFC 8914)."""

    def change(made: dns.message.Message, seen: Seen) -> None:
        made.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(dns.edns.EDECode.make(code), text)])

    return _rebuilt(change, behaviour)


# Cookies (RFC 7873)

CookieVice = Literal["right", "missing", "wrong", "short", "alone"]


def _cookie_of(seen: Seen) -> bytes:
    """The cookie that came with a query, b"" for none."""
    for option in seen.message.options:
        if option.otype == _COOKIE:
            return option.to_wire() or b""
    return b""


def with_cookie(kind: CookieVice, behaviour: Behaviour) -> Behaviour:
    """A server that knows cookies: `right` as it should be; `missing`: it says none although it once did;
    `wrong`: another client cookie, which only a forger sends; `short`: of an impossible length; `alone`: the
    client's own and no more."""

    def change(made: dns.message.Message, seen: Seen) -> None:
        sent = _cookie_of(seen)[:8]
        if not sent or kind == "missing":
            return
        octets = {
            "right": sent + _SERVER_COOKIE, "wrong": b"\xff" * 8 + _SERVER_COOKIE, "short": sent[:5],
            "alone": sent,
        }[kind]  # fmt: skip
        made.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(_COOKIE, octets)])

    return _rebuilt(change, behaviour)


def bad_cookie(behaviour: Behaviour) -> Behaviour:
    """BADCOOKIE and a new server cookie, until that one comes back (RFC 7873 5.2.3)."""

    def behave(seen: Seen) -> list[Reply]:
        sent = _cookie_of(seen)
        if not sent or sent[8:] == _SERVER_COOKIE:
            return with_cookie("right", behaviour)(seen)
        made = response(seen.message)
        made.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(_COOKIE, sent[:8] + _SERVER_COOKIE)])
        made.set_rcode(dns.rcode.BADCOOKIE)
        return [Reply(made.to_wire())]

    return behave


# Chains


def chain(links: int, last: str, ttl: int = 300, zone: str = "chain.example") -> Behaviour:
    """`links` CNAME records, the first of the qname, and at the end of them this record.

    The names between are `c1.ZONE`, `c2.ZONE` …; `last` as `answer` takes it, owned by the last of them.
    """
    records = [f"c{n}.{zone}. {ttl} IN CNAME c{n + 1}.{zone}." for n in range(1, links)]
    if links:
        records.insert(0, f"CNAME c1.{zone}.")
        last = f"c{links}.{zone}. {ttl} IN {last}"
    return answer(*records, last, ttl=ttl)


def cname_loop(length: int, zone: str = "loop.example") -> Behaviour:
    """CNAME records that lead back to the first of them after so many links."""
    records = [f"c{n}.{zone}. 300 IN CNAME c{n % length + 1}.{zone}." for n in range(1, length + 1)]
    return answer(f"CNAME c1.{zone}.", *records)


# Forgers


def right_but_elsewhere(count: int, behaviour: Behaviour, delay: float = 0.0) -> Behaviour:
    """`count` forged replies with the right ID from ports that were not asked, then, `delay` seconds later,
    the truth. (Wrong IDs from the right port: `behaviours.forged_first`.)"""

    def behave(seen: Seen) -> list[Reply]:
        lie = answer(f"A {FORGED_ADDRESS}")(seen)[0]._replace(elsewhere=True)
        return [lie] * count + after(delay, behaviour)(seen)

    return behave
