"""Valid messages of our own making, of every kind that a client or an upstream sends. Seeds for mutation."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.support import behaviours as do
from tests.support.behaviours import Behaviour, Seen
from tests.support.client import make_query
from tests.support.messages import HOSTILE_QUERIES, HOSTILE_RESPONSES, QUESTION, header, record

_NAMES = (
    ".",
    "example.org",
    "wWw.eXample.oRg",
    "a.localhost",
    "1.0.168.192.in-addr.arpa",
    ".".join(["a"] * 127),
)
_TYPES = ("A", "AAAA", "ANY", "HTTPS", "PTR", "SOA", "TYPE65280")

_OPTIONS = (
    b"\0\x0a\0\x08cookies!",
    b"\0\x0a\0\x18cookies!\1\0\0\0\x65\x53\xf1\0hash....",
    b"\0\x1a\0\0" + b"\0\x0b\0\0" + b"\0\x0a\0\x08cookies!" + b"\0\x0c\0\4\0\0\0\0",
    b"\0\x0f\0\2\0\0" + b"\0\x08\0\7\0\1\x18\0\xc0\0\2" + b"\0\x0a\0\x10cookies!cookies!",
)

QUERIES: tuple[bytes, ...] = (
    *(make_query(name, qtype, edns=edns, dnssec=edns, number=7).to_wire()
      for name in _NAMES for qtype in _TYPES for edns in (False, True)),
    header(0x0100, more=2) + QUESTION + record(250, b"k" * 40) + record(41, b"\0\x0a\0\x08cookies!", b"\0"),
    *(header(0x0100, more=1) + QUESTION + record(41, options, b"\0", 0x8000) for options in _OPTIONS),
    *(header(0x0100, questions=0, more=1) + record(41, options, b"\0") for options in _OPTIONS),
    header(0x0100, answer=1, authority=1) + QUESTION + record(1, b"1234") + record(2, b"\x02ns\xc0\x0c"),
    *(octets[:600] for octets in HOSTILE_QUERIES.values()),
)  # fmt: skip
"""What clients send."""

_ANSWERS = (
    do.answer("A 192.0.2.1"),
    do.answer(
        "CNAME a.example.net.", "a.example.net. 60 IN CNAME b.example.net.", "b.example.net. 9 IN A 192.0.2.2"
    ),
    do.answer("MX 10 mail.example.org.", authority=("NS ns.example.org.",), additional=("A 192.0.2.3",)),
    do.answer("HTTPS 1 . alpn=h2 ipv4hint=192.0.2.7", r"TYPE65280 \# 6 c00cc0ffffff", 'TXT "a" "b"'),
    do.answer(
        "HTTPS 0 alias.example.net.", additional=("A 192.168.0.1", "SVCB 1 b.example. ipv6hint=fd00::1")
    ),
    do.answer("A 192.0.2.1", "other.example.net. 9 IN A 192.0.2.2", "www.example.org. 7 IN A 192.0.2.3"),
    do.answer("example.org. 60 IN DNAME example.net.", "CNAME www.example.net."),
    do.answer("SOA ns.example.org. hm.example.org. 1 2 3 4 5", ttl=0x7FFFFFFF),
    do.nxdomain(),
    do.nodata(),
    do.failed(),
    do.truncated(do.answer("A 192.0.2.1")),
    do.big(600),
)


def _response(answer: Behaviour, edns: bool) -> bytes:
    """What a behaviour sends first."""
    query = make_query("wWw.eXample.oRg", edns=edns, number=7).to_wire()
    return answer(Seen(query, "udp", ("", 0), 0.0))[0].octets or b""


RESPONSES: tuple[bytes, ...] = (
    *(_response(answer, edns) for answer in _ANSWERS for edns in (False, True)),
    header(answer=1, more=3) + QUESTION + record(1, b"1234") + record(1, b"12", b"\x01a\0")
    + record(41, b"\0\x0f\0\x03\0\x0fx", b"\0", 1 << 24) + record(250, b"tsig"),
    header(0x8185, questions=0),
    *(octets[:600] for octets in HOSTILE_RESPONSES.values()),
)  # fmt: skip
"""What upstreams send."""

_WORDS = (
    b"\0\0",
    b"\0\1",
    b"\xff\xff",
    b"\xc0\x0c",
    b"\xc0\x00",
    b"\x3f",
    b"\x40",
    b"\x80",
    b"\0\x29",
    b"\0\x05",
    b"\0",
)


def mutated(chance: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with some of its octets changed, or two grown together; some stay as they are."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randrange(5)):
        at = chance.randrange(len(data) + 1)
        chance.choice(_CHANGES)(chance, data, at, min(len(data), at + chance.randrange(1, 24)))
    if chance.randrange(8) == 0:
        other = chance.choice(seeds)
        data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]
    return bytes(data)


def _flip(chance: random.Random, data: bytearray, at: int, to: int) -> None:
    if at < len(data):
        data[at] ^= 1 << chance.randrange(8)


def _word(chance: random.Random, data: bytearray, at: int, to: int) -> None:
    word = chance.choice(_WORDS)
    data[at : at + len(word)] = word


def _count(chance: random.Random, data: bytearray, at: int, to: int) -> None:
    """One of the header's numbers, lightly wrong: the records and what is said of them disagree."""
    place = chance.choice((2, 3, 5, 7, 9, 11))
    data[place : place + 1] = bytes([chance.randrange(4)])


def _cut(chance: random.Random, data: bytearray, at: int, to: int) -> None:
    data[at:to] = b""


def _double(chance: random.Random, data: bytearray, at: int, to: int) -> None:
    data[at:at] = bytes(data[at:to]) * chance.randrange(1, 20)


def _noise(chance: random.Random, data: bytearray, at: int, to: int) -> None:
    data[at:to] = chance.randbytes(to - at)


_CHANGES: tuple[Callable[[random.Random, bytearray, int, int], None], ...] = (
    _flip, _flip, _word, _word, _count, _cut, _double, _noise,
)  # fmt: skip
