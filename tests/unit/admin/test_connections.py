"""The door: how many come in, who is thrown out, and what octets that are no HTTP are told."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Callable
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
import structlog

from resolver.admin.connections import OPTIONS, Door
from resolver.admin.http import Route
from tests.unit.admin.plane import TAKE, Plane, echo, parse_reply, running

OPEN = [Route("GET", "/open", "public", echo, "open")]
GET = b"GET /open HTTP/1.1\r\nHost: x\r\n"


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 - a closed connection is no event here
            await asyncio.sleep(0.005)


async def _connect(plane: Plane, count: int) -> list[asyncio.StreamWriter]:
    """Connections that say nothing."""
    made = [await asyncio.open_connection(plane.host, plane.port) for _ in range(count)]
    await _until(lambda: plane.door.inside >= count)
    return [writer for _, writer in made]


@pytest.mark.parametrize(("maximum", "per_address"), [(3, 100), (100, 3)])
async def test_one_too_many_is_told_so_and_room_is_made_again(
    tmp_path: Path, maximum: int, per_address: int
) -> None:
    async with running(tmp_path, OPEN) as plane:
        plane.door._maximum, plane.door._per_address = maximum, per_address  # type: ignore[misc]
        held = await _connect(plane, 3)
        for _ in range(3):
            reply = await plane.ask("GET", "/open", scopes=None)
            assert (reply.status, reply.code) == (503, "busy")
            assert reply.headers["retry-after"] == "2"
        held[0].close()
        await _until(lambda: plane.door.inside == 2)
        assert (await plane.ask("GET", "/open", scopes=None)).status == 200
        for writer in held:
            writer.close()
        await _until(lambda: plane.door.inside == 0 and plane.door.parting == 0)


async def test_a_crowd_is_turned_away_in_bounded_memory(tmp_path: Path) -> None:
    """More than get a polite parting: the rest is just closed, and the door still opens afterwards."""
    async with running(tmp_path, OPEN) as plane:
        plane.door._maximum = 1  # type: ignore[misc]
        held = await _connect(plane, 1)
        answers = await asyncio.gather(*(plane.send(b"") for _ in range(150)))
        assert all(octets == b"" or parse_reply(octets).code == "busy" for octets in answers)
        assert plane.door.inside == 1
        held[0].close()
        await _until(lambda: plane.door.inside == 0 and plane.door.parting == 0)
        assert (await plane.ask("GET", "/open", scopes=None)).status == 200


def test_the_count_never_goes_wrong() -> None:
    door = Door(None, maximum=3, per_address=2)  # type: ignore[arg-type] # counts only
    assert [door.enter(address) for address in "aaabb"] == [True, True, False, True, False]
    door.leave("a")
    assert door.enter("b")
    assert door.inside == 3
    for address in "abb":
        door.leave(address)
    assert door.inside == 0


@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /open HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /open HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /open HTTP/1.1\r\nName : x\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET /op\0en HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /open HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"<script>alert(1)</script> / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        GET + b"X: " + b"a" * 9000 + b"\r\n\r\n",
        GET + b"".join(b"X%d: y\r\n" % number for number in range(200)) + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_told_in_json(tmp_path: Path, octets: bytes) -> None:
    async with running(tmp_path, OPEN) as plane:
        reply = parse_reply(await plane.send(octets))
        assert (reply.status, reply.code) == (400, "request-invalid")
        assert reply.headers["server"] == "Belisha"
        assert b"script" not in reply.body and b"aaaa" not in reply.body
        assert (await plane.ask("GET", "/open", scopes=None)).status == 200


async def test_a_tls_client_is_not_left_waiting(tmp_path: Path) -> None:
    async with running(tmp_path, OPEN) as plane:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(plane.host, plane.port, ssl=ssl.create_default_context())


@pytest.mark.parametrize("begun", [b"", b"GET", b"GET /open HTTP/1.1\r\nHost: x\r\nX: y"])
async def test_silence_before_the_headers_end_is_cut_off(tmp_path: Path, begun: bytes) -> None:
    with patch.dict(OPTIONS, keepalive_timeout=0.1):
        async with running(tmp_path, OPEN) as plane:
            assert await plane.send(begun) == b""
            await _until(lambda: plane.door.inside == 0)


async def test_a_connection_serves_many_requests_and_ends_when_idle(tmp_path: Path) -> None:
    with patch.dict(OPTIONS, keepalive_timeout=0.1):
        async with running(tmp_path, OPEN) as plane:
            octets = await plane.send((GET + b"\r\n") * 5)
            assert octets.count(b"HTTP/1.1 200 OK") == 5


_INSERTS = (b"\r\n", b"\0", b": ", b"\xff" * 9, b"%00", b"0\r\n\r\n")


def _damaged(random: Random, request: bytes) -> bytes:
    """A request with some octets changed, doubled, cut or put in."""
    octets = bytearray(request)
    for _ in range(random.randint(1, 6)):
        place = random.randrange(len(octets) + 1)
        match random.randrange(4):
            case 0:
                octets[place : place + 1] = random.randbytes(1)
            case 1:
                del octets[place : place + random.randint(1, 8)]
            case 2:
                octets[place:place] = random.choice(_INSERTS)
            case _:
                octets[place:place] = octets[place : place + random.randint(1, 40)]
    return bytes(octets)


async def test_damaged_requests_hurt_nobody(tmp_path: Path) -> None:
    """Seeded mutations of a good push: each gets an answer we made, or silence, and no crash."""
    random = Random(20260101)
    with patch.dict(OPTIONS, keepalive_timeout=0.2), structlog.testing.capture_logs() as events:
        async with running(tmp_path, [*OPEN, TAKE], body_seconds=1) as plane:
            head = f"PUT /v1/lists/x/content HTTP/1.1\r\nAuthorization: Bearer {plane.token('admin')}\r\n"
            good = head.encode() + b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
            body = gzip.compress(b"bad.example\n")
            good += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            assert parse_reply(await plane.send(good)).status == 200
            for _ in range(10):
                sent = [_damaged(random, good) for _ in range(20)]
                for octets in await asyncio.gather(*(plane.send(one, end=True) for one in sent)):
                    if octets:
                        reply = parse_reply(octets)
                        assert reply.status < 500
                        assert reply.status == 200 or b"urn:belisha:problem:" in reply.body
            await _until(lambda: plane.door.inside == 0 and plane.spooled() == [])
            assert (await plane.ask("GET", "/open", scopes=None)).status == 200
    assert not [event for event in events if event["log_level"] in ("error", "critical")]
