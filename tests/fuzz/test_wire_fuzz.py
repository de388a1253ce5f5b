"""Whatever octets arrive, the wire code says what they are, or that it cannot, and does little work.

Invariants, for every message from a client:
  - `parse_query` raises nothing; it returns a `Query`, a `CookieQuery`, a reply, or None;
  - a reply answers that very message (ID, opcode, QR), and is never longer than what was sent;
  - for a `Query`, every answer that we can make ourselves is readable and answers that question, with a
    cookie for a cookie; for a `CookieQuery` so is the cookie alone.

For every message from an upstream:
  - `walk` raises WireError and nothing else;
  - what it accepts is relayed octet for octet, but for the TTLs, to the last octet of the body;
  - what is relayed is a message that `walk` finds nothing to change in, and that says the same.

For both: the message is looked at a bounded number of times. Allowed exceptions: WireError, from
`walk` and `summarise` only.

The cases are seeded, so a failure repeats itself: it prints the seed of its case and the octets.
BELISHA_FUZZ_ROUNDS says how many cases to try of each kind, and BELISHA_FUZZ_SEED where to begin.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
from collections.abc import Iterator

import dns.message

from resolver.dns import registry, special
from resolver.dns.answers import Relay, failure, minimal_any, truncated, upstream_query
from resolver.dns.blocking import BlockAnswers
from resolver.dns.message import summarise
from resolver.dns.query import CookieQuery, Query, option, parse_query
from resolver.dns.records import TTL_CAP, walk
from resolver.errors import WireError
from resolver.policy.model import WhyPolicy
from resolver.serving.cookies import CookieJar
from resolver.serving.upstream_cookies import ACCEPTED, FORGED, UpstreamCookies
from tests.fuzz.wire_seeds import QUERIES, RESPONSES, mutated
from tests.support.messages import CountedOctets

ROUNDS = int(os.environ.get("BELISHA_FUZZ_ROUNDS", "20000"))
FIRST = int(os.environ.get("BELISHA_FUZZ_SEED", "1"))

MOST_LOOKS = 8_000
READ_BACK = 16
"""One case in so many is read back by dnspython, which takes longer than all the rest."""

WHY = WhyPolicy(("mailto:help@school.example", "tel:+1"), "Example School", "games in lessons", "en")
BLOCKS = [
    BlockAnswers(mode, 10, ("192.0.2.80",), why=WHY) for mode in ("null", "address", "nxdomain", "refused")
]
JAR = CookieJar(b"k" * 32, lambda: 1_700_000_000.0)


def cases(seeds: tuple[bytes, ...]) -> Iterator[tuple[int, bytes]]:
    for seed in range(FIRST, FIRST + ROUNDS):
        yield seed, mutated(random.Random(seed), seeds)


@contextlib.contextmanager
def named(seed: int, data: bytes) -> Iterator[None]:
    """Add what is needed to repeat a failure to whatever goes wrong inside."""
    try:
        yield
    except Exception as error:
        error.add_note(f"seed {seed}: {data.hex()}")
        raise


def our_answers(query: Query) -> list[bytes]:
    """Everything that we can say to a question without asking anybody."""
    made = [blocks.build(query) for blocks in BLOCKS]
    made += [failure(query, registry.SERVFAIL, 22, "why"), truncated(query), minimal_any(query)]
    here = special.answer(query)
    return made if here is None else [*made, here]


def check_query(data: bytes, read_back: bool) -> str:
    """Hold one message from a client to the invariants; what it was taken for."""
    counted = CountedOctets(data)
    result = parse_query(counted)
    assert counted.looks < MOST_LOOKS
    if result is None:
        assert len(data) < 12 or data[2] & 0x80
        return "silence"
    if isinstance(result, bytes):
        assert result[:2] == data[:2] and result[2] & 0xF9 == 0x80 | data[2] & 0x79
        assert len(result) <= len(data)
        return "refused"
    if isinstance(result, CookieQuery):
        cookie = JAR.answer(result, "192.0.2.1")
        assert cookie[:2] == data[:2] and cookie[4:6] == b"\0\0"
        assert dns.message.from_wire(cookie).rcode() in (0, 1, registry.BADCOOKIE)
        return "cookie"
    extras = JAR.extras(result, "192.0.2.1")
    if isinstance(extras, bytes):
        assert bool(extras) == (option(result.options, registry.OPTION_COOKIE) is not None)
        result.extras = extras
    for octets in our_answers(result):
        assert octets[:2] == data[:2] and octets[2] & 0x80 and octets[12:].startswith(result.question)
        assert sum(walk(octets).counts) <= 2
    if read_back:
        sent = dns.message.from_wire(upstream_query(result, result.id))
        assert all(sent.is_response(dns.message.from_wire(octets)) for octets in our_answers(result))
    return "query"


def check_response(data: bytes) -> str:
    """Hold one message from an upstream to the invariants; what it was taken for."""
    with contextlib.suppress(WireError):
        summarise(data)
    counted = CountedOctets(data)
    try:
        walked = walk(counted)
    except WireError:
        assert counted.looks < MOST_LOOKS
        return "refused"
    assert counted.looks < MOST_LOOKS
    cookies = UpstreamCookies(itertools.count(1))
    cookies.for_query("upstream", 0.0)
    assert cookies.check("upstream", walked.options) in (ACCEPTED, FORGED)
    if not walked.question:
        return "no question"
    question = walked.question
    query = Query(7, registry.RD, question, question[:-4].lower(), 1, 1)
    octets = Relay(walked, 0.0).render(query, 1)
    assert int.from_bytes(octets[6:8], "big") == walked.counts[0]
    again = walk(Relay(walked, 0.0).render(query, 0))
    assert (again.body, again.counts, again.ttls) == (walked.body, walked.counts, walked.ttls)
    assert (again.targets, again.private, again.negative) == (walked.targets, walked.private, walked.negative)
    relayed, body = bytearray(octets[12 + len(question) :]), bytearray(walked.body)
    for at in walked.offsets:
        assert int.from_bytes(relayed[at : at + 4], "big") <= TTL_CAP
        relayed[at : at + 4] = body[at : at + 4]
    assert relayed == body
    return "relayed"


def test_messages_from_clients() -> None:
    outcomes = {"silence": 0, "refused": 0, "query": 0, "cookie": 0}
    for seed, data in cases(QUERIES):
        with named(seed, data):
            outcomes[check_query(data, seed % READ_BACK == 0)] += 1
    assert min(outcomes.values()) >= ROUNDS // 200, f"mutations are too tame or too wild: {outcomes}"


def test_messages_from_upstreams() -> None:
    outcomes = {"refused": 0, "no question": 0, "relayed": 0}
    for seed, data in cases(RESPONSES):
        with named(seed, data):
            outcomes[check_response(data)] += 1
    assert min(outcomes.values()) >= ROUNDS // 200, f"mutations are too tame or too wild: {outcomes}"


def test_each_others_messages() -> None:
    """What upstreams send, sent by a client, and the other way round."""
    for seed, data in cases(RESPONSES[::3]):
        if seed % 8 == 0:
            with named(seed, data):
                check_query(data, read_back=False)
    for seed, data in cases(QUERIES[::3]):
        if seed % 8 == 0:
            with named(seed, data):
                check_response(data)


def test_a_failing_case_can_be_repeated() -> None:
    again = [data for _, data in zip(range(50), (d for _, d in cases(QUERIES)), strict=False)]
    assert again == [data for _, data in zip(range(50), (d for _, d in cases(QUERIES)), strict=False)]
    assert len(set(again)) > 30
