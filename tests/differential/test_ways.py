"""One question, and every way to its answer: fresh from the upstream, remembered, replayed as a known flow,
by TCP, or packed into a file and unpacked again. Whatever the way, the client is told the same.

The questions are those that Belisha is compared with others by, so they hold every kind there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resolver.dns.answers import Relay
from resolver.dns.query import Query, parse_query
from resolver.policy.model import AnswerPolicy
from tests.differential.compare import read
from tests.differential.questions import Question, questions
from tests.differential.world import BLOCKED, behaviour
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import Ground, ground, snapshot

COUNT = 600


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(behaviour) as running:
        yield running


def replayed(on: Ground, octets: bytes) -> bytes | None:
    """The answer of a known flow, as the UDP listener gives it."""
    flows = on.pipeline.flows
    entry = flows.young.get(octets[2:]) or flows.promote(octets[2:])
    if isinstance(entry, tuple):
        head, end, tail = entry
        return octets[:2] + head + octets[12:end] + tail
    return octets[:2] + entry.tail if entry is not None else None


def saved_and_loaded(on: Ground, octets: bytes) -> None:
    """Put what the cache holds for a question through the form that it has in a file."""
    query, cache = parse_query(octets), on.pipeline.resolution.cache
    assert isinstance(query, Query)
    relay = cache.get(query.cache_key, on.clock.now)
    if relay is not None:
        question = query.folded + query.question[-4:]
        cache.put(query.cache_key, Relay.unpack(relay.pack(), question, relay.stored))


async def ways(on: Ground, octets: bytes, tcp: bool) -> dict[str, bytes]:
    """The same question again and again; the first time it may be fresh. The last by the other transport."""
    found = {
        "fresh": await on.octets(octets, udp=not tcp),
        "remembered": await on.octets(octets, udp=not tcp),
    }
    flow = None if tcp else replayed(on, octets)
    if flow is not None:
        found["replayed"] = flow
    saved_and_loaded(on, octets)
    found["loaded"] = await on.octets(octets, udp=not tcp)
    found["otherwise"] = await on.octets(octets, udp=tcp)
    return found


def told(question: Question, octets: bytes) -> dict[str, Any]:
    """What a client is told, without what a transport has to do with."""
    fields = read(question, octets)
    assert fields.pop("reply") == "message" and fields["question"], f"{question}: {fields}"
    fields.pop("size")
    if fields.pop("TC"):
        # Cut for UDP: it holds nothing, and says so alike each time.
        assert not fields["answer"] and not fields["authority"]
        return {"rcode": fields["rcode"], "RD": fields["RD"], "OPT": fields["OPT"]}
    return fields


@pytest.mark.slow
async def test_every_way_tells_the_same(upstream: ScriptedUpstream) -> None:
    served = snapshot(block=(BLOCKED,), answer=AnswerPolicy("nxdomain"))
    used: set[str] = set()
    async with ground(upstream.url, served=served) as on:
        for question in questions(COUNT, seed=4):
            found = await ways(on, question.octets, question.tcp)
            used |= found.keys()
            fresh = told(question, found["fresh"])
            for way, octets in found.items():
                now = told(question, octets)
                same = fresh.keys() & now.keys()
                assert {key: now[key] for key in same} == {key: fresh[key] for key in same}, (
                    f"{question} {way}"
                )
    assert "replayed" in used


@pytest.mark.slow
async def test_no_reply_is_longer_than_its_client_takes(upstream: ScriptedUpstream) -> None:
    """RFC 6891 6.2.3: by the first way and by the ready answer of a flow."""
    async with ground(upstream.url, served=snapshot(block=(BLOCKED,))) as on:
        for question in questions(COUNT, seed=5):
            if question.tcp:
                continue
            for octets in (await on.octets(question.octets), replayed(on, question.octets)):
                assert octets is None or not read(question, octets)["size"], question
