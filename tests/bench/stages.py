"""What each stage of a question costs, in microseconds of one core.

Each stage is called over and over in this process, with the octets of an ordinary question; nothing is
sent but where it says so. The best of several rounds counts: whatever else the machine does only adds.
The sum of a path is less than what a worker spends on it: caches are warm here, and the event loop and
the kernel come on top (`rates` has the whole).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from resolver.dns.answers import Relay, upstream_query
from resolver.dns.query import Query, parse_query
from resolver.dns.records import walk
from resolver.generation.loader import Loaded
from resolver.generation.manifest import Manifest
from resolver.policy.model import Policy
from resolver.serving.admission import Admission, Limits
from resolver.serving.chance import numbers
from resolver.serving.cookies import CookieJar
from resolver.serving.flows import Flow
from resolver.serving.pipeline import Pipeline
from resolver.serving.snapshot import Snapshot
from resolver.settings import Dns
from resolver.upstreams import parse_upstream
from tests.support.client import make_query
from tests.support.rules import ruleset

ROUNDS: Final = 7
CALLS: Final = 4_000
HOST: Final = "127.0.0.1"

_ANSWER: Final = bytes.fromhex("c00c0001000100000e100004c0000201")
_OPT: Final = bytes.fromhex("00002904d0000000000000")


def _best(call: Callable[[], object]) -> float:
    """Microseconds of one call, in the best round."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        found.append((time.perf_counter() - began) / CALLS)
    return min(found) * 1e6


def _query(name: str, edns: bool = True) -> bytes:
    return make_query(name, "A", edns=edns, number=7).to_wire()


def _reply(query: bytes, number: int = 7) -> bytes:
    """What a usual upstream says: one A record, and an OPT."""
    end = query.index(b"\0", 12) + 5
    head = number.to_bytes(2, "big") + b"\x81\x80\0\1\0\1\0\0\0\1"
    return head + query[12:end] + _ANSWER + _OPT


def _pipeline() -> Pipeline:
    policy, blocked = Policy(), tuple(f"ads{number}.example" for number in range(10_000))
    manifest = Manifest(1, None, "2026-01-02T03:04:05Z", "bench", "bench", policy=policy)
    snapshot = Snapshot(Loaded(1, "", manifest, (), ruleset(blocked)))
    loopback = ipaddress.ip_network("127.0.0.0/8")
    return Pipeline(
        snapshot,
        Admission([loopback], Limits(in_flight=60_000)),
        Dns(in_flight=60_000, in_flight_client=60_000),
        [parse_upstream("udp://127.0.0.1:9")],
        numbers(),
        time.monotonic,
        CookieJar(b"x" * 32, time.time),
    )


def _fresh() -> Iterator[bytes]:
    """Questions for names never asked before."""
    number = 0
    while True:
        number += 1
        label = f"n{number:09}".encode()
        yield b"\0\7\1\0\0\1\0\0\0\0\0\0" + bytes((len(label),)) + label + b"\3new\7example\0\0\1\0\1"


def _stages() -> Iterator[tuple[str, float]]:
    """Name and cost of each stage."""
    pipeline, octets = _pipeline(), _query("www.example.org")
    query = parse_query(octets)
    assert isinstance(query, Query)
    reply = _reply(octets)
    walked = walk(reply)
    now = time.monotonic()
    relay = Relay(walked, now)
    flow = Flow(query, relay, now)
    key = query.cache_key
    cache = pipeline.resolution.cache
    cache.put(key, relay)
    rule = pipeline.snapshot.rule
    yield "read a question", _best(lambda: parse_query(octets))
    yield "read a question with OPT and cookie", _best(lambda: parse_query(_WITH_COOKIE))
    yield "ask the rules (nothing known)", _best(lambda: rule(query.folded, 1, HOST))
    yield "look into the answer cache", _best(lambda: cache.get(key, now))
    yield "walk a reply", _best(lambda: walk(reply))
    yield "keep it", _best(lambda: Relay(walked, now))
    yield "put it into the cache", _best(lambda: cache.put(key, relay))
    yield "render it for a client", _best(lambda: relay.render(query, 1))
    yield "make the upstream's question", _best(lambda: upstream_query(query, 7))
    yield "renew a flow (once a second)", _best(lambda: flow.renew(now))
    yield from _paths(pipeline)


_WITH_COOKIE: Final = _query("www.example.org")[:-2] + b"\0\x0c\0\x0a\0\x0812345678"


def _paths(pipeline: Pipeline) -> Iterator[tuple[str, float]]:
    """Whole ways through the pipeline."""

    def sink(peer: object, reply: bytes) -> None:
        pass

    cached, blocked, fresh = _query("www.example.org"), _query("ads7.example"), _fresh()
    names = iter([_query(f"a{number}.ads{number % 10_000}.example") for number in range(ROUNDS * CALLS)])
    pipeline.handle(cached, HOST, True, sink, None)
    yield "way: blocked, first seen", _best(lambda: pipeline.handle(next(names), HOST, True, sink, None))
    yield "way: blocked", _best(lambda: pipeline.handle(blocked, HOST, True, sink, None))
    yield "way: from the cache", _best(lambda: pipeline.handle(cached, HOST, True, sink, None))
    exchanges: list[Any] = []
    start = pipeline.routes.default.start
    pipeline.routes.default.start = exchanges.append  # type: ignore[method-assign, assignment]
    yield (
        "way: first seen, up to the forwarder",
        _best(lambda: pipeline.handle(next(fresh), HOST, True, sink, None)),
    )
    pipeline.routes.default.start = start  # type: ignore[method-assign]
    waiting = iter(exchanges)
    walked = [walk(_reply(b"\0" * 12 + one.query.question)) for one in exchanges]
    replies = iter(walked)
    yield (
        "way: an answer, from the forwarder to the client",
        _best(lambda: pipeline.resolution.answered(next(waiting), next(replies))),
    )


def _sockets() -> Iterator[tuple[str, float]]:
    """What the kernel takes for its part."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind((HOST, 0))
        two.bind((HOST, 0))
        data, where = _query("www.example.org"), two.getsockname()

        def there() -> None:
            one.sendto(data, where)
            two.recvfrom(4096)

        yield "kernel: send and receive one datagram, nobody woken", _best(there)


async def _measure() -> None:
    for name, cost in (*_sockets(), *_stages()):
        print(f"  {cost:7.2f} µs  {name}", flush=True)


def main() -> None:
    """what each stage of a question costs, in microseconds"""
    asyncio.run(_measure())
