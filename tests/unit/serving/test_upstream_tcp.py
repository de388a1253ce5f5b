"""One question over TCP: octets in one segment, the right reply, and an end whatever the other side does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from resolver.serving.upstream_tcp import ask_over_tcp
from resolver.upstreams import Endpoint
from tests.unit.serving.ground import turns

QUERY = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\0\0\1\0\1"
REPLY = b"\x12\x34\x81\x80" + QUERY[4:]

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[Endpoint]:
    """A server for one connection at a time, closed with everything it opened."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await serve(reader, writer)

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield Endpoint("127.0.0.1", listening.sockets[0].getsockname()[1], 4)
    finally:
        listening.close()
        for writer in writers:
            writer.close()
        await turns()


def saying(*pieces: bytes, hang_up: bool = False) -> Serve:
    """Read the query, then send these pieces, each in a segment of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(QUERY) + 2)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.001)
        if hang_up:
            writer.close()

    return serve


LARGE = REPLY + b"x" * (65_535 - len(REPLY))
GOOD: list[tuple[str, Serve, bytes]] = [
    ("whole", saying(framed(REPLY)), REPLY),
    ("octet by octet", saying(*(framed(REPLY)[n : n + 1] for n in range(len(REPLY) + 2))), REPLY),
    ("the largest", saying(framed(LARGE)), LARGE),
    ("and then the end", saying(framed(REPLY), hang_up=True), REPLY),
    ("after three to others", saying(framed(*[b"\0\0" + REPLY[2:]] * 3, REPLY)), REPLY),
    ("after our own query", saying(framed(QUERY, REPLY)), REPLY),
    ("after half a header", saying(framed(REPLY[:11], REPLY)), REPLY),
    ("after nothing", saying(framed(b"", REPLY)), REPLY),
]


@pytest.mark.parametrize(("serve", "reply"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
async def test_the_reply_to_our_question_comes_back(serve: Serve, reply: bytes) -> None:
    async with server(serve) as endpoint:
        assert await ask_over_tcp(endpoint, QUERY, 10.0) == reply


BAD: list[tuple[str, Serve, type[Exception]]] = [
    ("hangs up", saying(hang_up=True), EOFError),
    ("hangs up in the length", saying(b"\0", hang_up=True), EOFError),
    ("hangs up in the message", saying(framed(REPLY)[:9], hang_up=True), EOFError),
    ("answers others only", saying(framed(*[b"\0\0" + REPLY[2:]] * 40)), EOFError),
    ("answers nothing only", saying(b"\0" * 400), EOFError),
]


@pytest.mark.parametrize(("serve", "error"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_bad_upstream_is_given_up(serve: Serve, error: type[Exception]) -> None:
    async with server(serve) as endpoint:
        with pytest.raises(error):
            await ask_over_tcp(endpoint, QUERY, 10.0)
        await turns()


@pytest.mark.parametrize(
    "pieces", [(), (b"\0",), (framed(REPLY)[:20],)], ids=["silence", "half a length", "half"]
)
async def test_a_stalling_upstream_is_given_up_in_time(pieces: tuple[bytes, ...]) -> None:
    async with server(saying(*pieces)) as endpoint:
        with pytest.raises(TimeoutError):
            await ask_over_tcp(endpoint, QUERY, 0.05)
        await turns()


async def test_nobody_listens() -> None:
    async with server(saying()) as endpoint:
        pass
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await ask_over_tcp(endpoint, QUERY, 10.0)


async def test_the_query_leaves_with_its_length_and_the_connection_is_closed() -> None:
    seen: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(65_536))
        writer.write(framed(REPLY))
        assert await reader.read() == b""
        ended.set()

    async with server(serve) as endpoint:
        await ask_over_tcp(endpoint, QUERY, 10.0)
        async with asyncio.timeout(10):
            await ended.wait()
    assert seen == [framed(QUERY)], "RFC 7766 8: length and message in one segment"
