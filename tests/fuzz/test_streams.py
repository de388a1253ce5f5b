"""Whatever a server does to its connections: each question ends once, and nothing piles up.

The server draws what it does with every message: answers, twice, too late, something else, half of it,
octets at random, the end. Behind all of it stands the invariant: `done` is called exactly once for each
question, with a reply to that very question or with None; nothing raises; connections stay few.
"""

from __future__ import annotations

import asyncio
import random
from typing import Final

import pytest

from resolver.serving import streams
from resolver.serving.chance import numbers
from resolver.serving.streams import Stream
from resolver.serving.wheel import TICK, Wheel
from resolver.upstreams import parse_upstream
from tests.support.streams import Peer, StreamServer, reply_to
from tests.unit.serving.ground import Clock

QUESTIONS: Final = 400
VICES: Final = ("nothing", "twice", "wrong", "echo", "half", "octets", "empty", "end", "cut")


class Chaotic:
    """A server with a temper of its own: `honesty` is the share of messages that it simply answers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.honesty = self.random.choice((0.0, 0.5, 0.9, 0.99))
        self.most = 0
        self.now = 0

    async def __call__(self, peer: Peer) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            kept: list[bytes] = []
            while self.act(peer, await peer.query(), kept):
                await peer.writer.drain()
            await peer.writer.drain()
        finally:
            self.now -= 1

    def act(self, peer: Peer, query: bytes, kept: list[bytes]) -> bool:
        """Do something with one message; False hangs up."""
        vice = "" if self.random.random() < self.honesty else self.random.choice(VICES)
        reply = reply_to(query)
        if vice == "nothing":
            kept.append(reply)  # for later, or never
        elif vice == "octets":
            peer.raw(self.random.randbytes(self.random.randrange(1, 300)))
        elif vice == "half":
            peer.raw(len(reply).to_bytes(2, "big") + reply[: self.random.randrange(len(reply))])
        elif vice in ("wrong", "echo", "empty"):
            peer.send({"wrong": bytes((reply[0] ^ 1,)) + reply[1:], "echo": query, "empty": b""}[vice])
        elif vice != "cut":
            peer.send(reply)
            if vice == "twice":
                peer.send(reply)
            for late in kept:
                peer.send(late)
            kept.clear()
        return vice not in ("end", "cut", "half")


def message(number: int, index: int) -> bytes:
    """Not DNS beyond its header: streams look no further."""
    return number.to_bytes(2, "big") + b"\1\0\0\1" + bytes(6) + index.to_bytes(4, "big")


@pytest.mark.parametrize("seed", range(16))
async def test_each_question_ends_once(seed: int) -> None:
    raised: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    chaotic, clock = Chaotic(seed), Clock()
    wheel = Wheel(clock)
    ends: list[list[bytes | None]] = [[] for _ in range(QUESTIONS)]
    async with StreamServer(chaotic) as server:
        stream = Stream(parse_upstream(server.url("tcp")), numbers(), clock, wheel)
        for index, end in enumerate(ends):
            stream.ask(lambda number, index=index: message(number, index), end.append)  # type: ignore[misc]
            if chaotic.random.random() < 0.2:
                clock.advance(chaotic.random.random() / 2)
                await asyncio.sleep(0.001)
        for _ in range(200):
            if all(ends):
                break
            clock.advance(streams.ANSWER_SECONDS / 10)
            await asyncio.sleep(TICK)
        assert [len(end) for end in ends] == [1] * QUESTIONS
        for index, (reply,) in enumerate(ends):
            assert reply is None or reply[12:] == message(0, index)[12:]
        assert chaotic.most <= streams.MAX_CONNECTIONS + 1, "one more may not have seen its end yet"
        assert len(server.queries) <= streams.MAX_SENDS * QUESTIONS
        stream.close()
    wheel.close()
    assert not raised
