"""Bodies over real sockets: whole, torn, packed, bombs, slow ones. Nothing may stay in the spool folder."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import random
import resource
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import zstandard

from resolver.admin import upload
from resolver.admin.upload import empty_spool
from resolver.errors import StoreError
from tests.unit.admin.plane import TAKE, Plane, running

PATH = "/v1/lists/news/content"
MEGABYTE = 1 << 20
TEXT = b"".join(b"name%d.example\n" % number for number in range(1000))
NOISE = random.Random(1).randbytes(2 * MEGABYTE)


def zstd(data: bytes, **named: int) -> bytes:
    """One frame, streamed: without a content size, as a pipe makes it."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, **named)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(data) + packer.flush()


SKIPPABLE = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
"""A zstd frame that carries no content (RFC 8878 3.1.2)."""


class Good(NamedTuple):
    name: str
    sent: bytes
    encoding: str | None
    unpacked: bytes


@pytest.mark.parametrize(
    "case",
    [
        Good("plain", TEXT, None, TEXT),
        Good("identity", TEXT, "identity", TEXT),
        Good("gzip", gzip.compress(TEXT), "gzip", TEXT),
        Good("x-gzip", gzip.compress(TEXT), "X-GZIP", TEXT),
        Good("two members", gzip.compress(TEXT) + gzip.compress(b"more"), "gzip", TEXT + b"more"),
        Good("many members", b"".join(gzip.compress(b"%d\n" % n) for n in range(500)), "gzip",
             b"".join(b"%d\n" % n for n in range(500))),
        Good("zstd", zstd(TEXT), "zstd", TEXT),
        Good("zstd with a size", zstandard.compress(TEXT), "zstd", TEXT),
        Good("two frames", zstd(TEXT) + SKIPPABLE + zstd(b"more"), "zstd", TEXT + b"more"),
        Good("octets that do not pack", zstd(NOISE[: MEGABYTE - 4096]), "zstd", NOISE[: MEGABYTE - 4096]),
        Good("as much as is allowed", NOISE[:MEGABYTE], None, NOISE[:MEGABYTE]),
        Good("unpacked to the octet", gzip.compress(bytes(2 * MEGABYTE)), "gzip", bytes(2 * MEGABYTE)),
        Good("zstd to the octet", zstd(bytes(2 * MEGABYTE)), "zstd", bytes(2 * MEGABYTE)),
    ],
    ids=lambda case: case.name,
)  # fmt: skip
async def test_a_whole_body_arrives_as_it_was(tmp_path: Path, case: Good) -> None:
    async with running(tmp_path, [TAKE]) as plane:
        headers = {"Content-Encoding": case.encoding} if case.encoding else {}
        reply = await plane.ask("PUT", PATH, case.sent, headers=headers)
        assert reply.status == 200, reply.body
        assert reply.json["octets"] == len(case.unpacked)
        assert reply.json["sha256"] == hashlib.sha256(case.unpacked).hexdigest()
        assert (reply.json["mode"], reply.json["files"]) == (0o600, 1)
        assert plane.spooled() == []


class Bad(NamedTuple):
    name: str
    sent: bytes
    encoding: str | None
    status: int
    code: str


@pytest.mark.parametrize(
    "case",
    [
        Bad("empty", b"", None, 400, "body-empty"),
        Bad("empty gzip", b"", "gzip", 400, "body-empty"),
        Bad("an octet too many", NOISE[: MEGABYTE + 1], None, 413, "body-too-large"),
        Bad("gzip, cut", gzip.compress(TEXT)[:-9], "gzip", 400, "body-truncated"),
        Bad("gzip, one octet", b"\x1f", "gzip", 400, "body-truncated"),
        Bad("gzip, cut in the second", gzip.compress(TEXT) + gzip.compress(TEXT)[:30], "gzip", 400,
            "body-truncated"),
        Bad("gzip, rubbish behind", gzip.compress(TEXT) + b"rubbish", "gzip", 400, "encoding-broken"),
        Bad("gzip, wrong sum", gzip.compress(TEXT)[:-8] + bytes(8), "gzip", 400, "encoding-broken"),
        Bad("no gzip at all", TEXT, "gzip", 400, "encoding-broken"),
        Bad("zlib, not gzip", zlib.compress(TEXT), "gzip", 400, "encoding-broken"),
        Bad("zstd, cut", zstd(TEXT)[:-4], "zstd", 400, "body-truncated"),
        Bad("zstd, rubbish behind", zstd(TEXT) + b"rubbish", "zstd", 400, "encoding-broken"),
        Bad("no zstd at all", TEXT, "zstd", 400, "encoding-broken"),
        Bad("zstd, huge window", zstd(TEXT, window_log=27), "zstd", 400, "encoding-broken"),
        Bad("gzip bomb", gzip.compress(bytes(2 * MEGABYTE + 1)), "gzip", 413, "list-too-large"),
        Bad("gzip bomb of members", gzip.compress(bytes(MEGABYTE)) * 3, "gzip", 413, "list-too-large"),
        Bad("zstd bomb", zstd(bytes(2 * MEGABYTE + 1)), "zstd", 413, "list-too-large"),
        Bad("brotli", TEXT, "br", 415, "encoding-not-supported"),
        Bad("deflate", zlib.compress(TEXT), "deflate", 415, "encoding-not-supported"),
        Bad("packed twice", gzip.compress(gzip.compress(TEXT)), "gzip, gzip", 415,
            "encoding-not-supported"),
        Bad("nonsense", TEXT, "<script>" * 100, 415, "encoding-not-supported"),
    ],
    ids=lambda case: case.name,
)  # fmt: skip
async def test_a_bad_body_leaves_nothing(tmp_path: Path, case: Bad) -> None:
    async with running(tmp_path, [TAKE]) as plane:
        headers = {"Content-Encoding": case.encoding} if case.encoding else {}
        reply = await plane.ask("PUT", PATH, case.sent, headers=headers)
        assert (reply.status, reply.code) == (case.status, case.code)
        assert plane.spooled() == []
        assert (await plane.ask("PUT", PATH, TEXT)).status == 200


async def test_bombs_cost_no_memory(tmp_path: Path) -> None:
    """Up to 6 GB out of less than 1 MB: the most this process ever held may not grow by that."""
    zeros = bytes(300 * MEGABYTE)
    bombs = {"gzip": gzip.compress(zeros), "zstd": zstd(zeros) * 20}
    del zeros
    async with running(tmp_path, [TAKE]) as plane:
        await plane.ask("PUT", PATH, TEXT)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for encoding, bomb in bombs.items():
            assert len(bomb) < MEGABYTE
            reply = await plane.ask("PUT", PATH, bomb, headers={"Content-Encoding": encoding})
            assert reply.code == "list-too-large"
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 64 * 1024  # kilobytes


class Framing(NamedTuple):
    name: str
    headers: list[tuple[str, str]]
    sent: bytes
    codes: set[str]


CHUNKED = [("Transfer-Encoding", "chunked")]


@pytest.mark.parametrize(
    "case",
    [
        Framing("says too much at once", [("Content-Length", str(1 << 40))], b"", {"body-too-large"}),
        Framing("chunks", CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", {""}),
        Framing("no chunks", CHUNKED, b"0\r\n\r\n", {"body-empty"}),
        Framing("broken chunk size", CHUNKED, b"zz\r\nhello", {"body-truncated", "request-invalid"}),
        Framing("chunk longer than said", CHUNKED, b"2\r\nhello\r\n0\r\n\r\n",
                {"body-truncated", "request-invalid"}),
        Framing("two lengths", [("Content-Length", "5"), ("Content-Length", "6")], b"hello!",
                {"request-invalid"}),
        Framing("length and chunks", [("Content-Length", "5"), *CHUNKED], b"5\r\nhello\r\n0\r\n\r\n",
                {"request-invalid"}),
        Framing("negative length", [("Content-Length", "-5")], b"hello", {"request-invalid"}),
        Framing("no number", [("Content-Length", "5 5")], b"hello", {"request-invalid"}),
        Framing("less than said", [("Content-Length", "5")], b"hello, world", {"", "request-invalid"}),
    ],
    ids=lambda case: case.name,
)  # fmt: skip
async def test_how_a_body_is_framed(tmp_path: Path, case: Framing) -> None:
    async with running(tmp_path, [TAKE]) as plane:
        reply = await plane.ask("PUT", PATH, case.sent, headers=case.headers)
        assert reply.code in case.codes, reply.body
        assert plane.spooled() == []


async def test_a_torn_connection_leaves_nothing(tmp_path: Path) -> None:
    """Content-Length says 100 000, half of that comes, then the sender is gone."""
    async with running(tmp_path, [TAKE]) as plane:
        octets = _head(plane, "Content-Length: 100000") + TEXT[:5000]
        assert await plane.send(octets, end=True) == b""
        await _until(lambda: plane.spooled() == [])
        assert (await plane.ask("PUT", PATH, TEXT)).json["files"] == 1


def _head(plane: Plane, *lines: str) -> bytes:
    """The head of a push, on a connection that stays open for another."""
    token = plane.token("admin")
    first = [f"PUT {PATH} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
    return "\r\n".join([*first, *lines, "", ""]).encode()


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 - a removed file is no event
            await asyncio.sleep(0.005)


async def _drip(pause: float) -> AsyncIterator[bytes]:
    """An octet now and then, for ever."""
    while True:
        await asyncio.sleep(pause)
        yield b"a"


async def _endless() -> AsyncIterator[bytes]:
    """Chunks without end."""
    while True:
        yield b"10000\r\n" + b"example\n" * 8192 + b"\r\n"


async def test_an_octet_now_and_then_is_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path, [TAKE], body_seconds=1) as plane:
        reply = await plane.ask("PUT", PATH, b"a", headers={"Content-Length": "100000"}, then=_drip(0.05))
        assert (reply.status, reply.code) == (408, "body-timeout")
        assert plane.spooled() == []


async def test_silence_is_cut_off_before_the_whole_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload.Limits.__init__, "__defaults__", (0.1,))
    async with running(tmp_path, [TAKE], body_seconds=3600) as plane:
        reply = await plane.ask("PUT", PATH, b"a", headers={"Content-Length": "100000"})
        assert (reply.status, reply.code) == (408, "body-timeout")
        assert plane.spooled() == []


async def test_chunks_without_end_stop_at_the_limit(tmp_path: Path) -> None:
    async with running(tmp_path, [TAKE]) as plane:
        reply = await plane.ask("PUT", PATH, headers=CHUNKED, then=_endless())
        assert (reply.status, reply.code) == (413, "body-too-large")
        assert plane.spooled() == []


async def test_go_on_is_said_by_whoever_reads(tmp_path: Path) -> None:
    """`Expect: 100-continue` (RFC 9110 10.1.1): the refused never get to send."""
    async with running(tmp_path, [TAKE]) as plane:
        close = "Connection: close"
        good = _head(plane, "Expect: 100-continue", f"Content-Length: {len(TEXT)}", close)
        assert (await plane.send(good + TEXT)).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
        large = _head(plane, "Expect: 100-continue", f"Content-Length: {1 << 40}", close)
        assert (await plane.send(large)).startswith(b"HTTP/1.1 413 ")
        nobody = large.replace(b"bel_", b"lib_")
        assert (await plane.send(nobody)).startswith(b"HTTP/1.1 401 ")
        other = _head(plane, "Expect: tea", f"Content-Length: {len(TEXT)}", close)
        assert (await plane.send(other)).startswith(b"HTTP/1.1 417 ")


async def test_the_refusal_of_a_body_under_way_is_read(tmp_path: Path) -> None:
    """The sender of 8 MB gets to see the answer, though nobody wants the rest of its body."""
    async with running(tmp_path, [TAKE]) as plane:
        reply = await plane.ask("PUT", PATH, NOISE * 4)
        assert (reply.status, reply.code) == (413, "body-too-large")
        assert reply.headers["connection"] == "close"


async def test_a_full_disk_is_no_fault_of_the_sender(tmp_path: Path) -> None:
    """/dev/full takes nothing: the same error as a full disk, from the same calls."""
    async with running(tmp_path, [TAKE]) as plane:
        original = tempfile.mkstemp

        def full(**named: object) -> tuple[int, str]:
            descriptor, name = original(dir=tmp_path / "spool")
            os.close(descriptor)
            return os.open("/dev/full", os.O_WRONLY), name

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "mkstemp", full)
            for body in (TEXT, NOISE[:MEGABYTE]):
                reply = await plane.ask("PUT", PATH, body)
                assert (reply.status, reply.code) == (507, "store-full")
                assert plane.spooled() == []
        assert (await plane.ask("PUT", PATH, TEXT)).status == 200


async def test_a_spool_folder_that_is_gone_is_made_again(tmp_path: Path) -> None:
    async with running(tmp_path, [TAKE]) as plane:
        (tmp_path / "spool").rmdir()
        assert (await plane.ask("PUT", PATH, TEXT)).status == 200
        (tmp_path / "spool").rmdir()
        (tmp_path / "spool").write_text("a file in its place")
        reply = await plane.ask("PUT", PATH, TEXT)
        assert (reply.status, reply.code) == (500, "store-failed")


def test_a_start_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    empty_spool(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "tmpabc").write_bytes(TEXT)
    empty_spool(folder)
    assert list(folder.iterdir()) == []
    with pytest.raises(StoreError):
        empty_spool(tmp_path / "missing" / "spool")
