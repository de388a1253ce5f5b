"""Bodies as they arrive: received, unpacked and kept within bounds, whatever the sender does.

    socket -> pieces of the body (octets, time, silence bounded)
           -> unpack (`resolver.generation.unpack`; output bounded piece by piece)
           -> sink (a file in the spool folder, or a small buffer)

aiohttp could unpack by itself, but without a bound on what comes out; it is switched off in
`app.py`, and so nothing here trusts Content-Length either: it only allows to refuse early. Unpacking and
writing happen in a thread, so that neither a slow disk nor a bomb holds up other requests.

A body is whole or it is nothing: a connection that breaks, a stream that ends early, octets after
its end, a limit that is passed: the file is removed, and nobody has seen it.

This module must not know lists: what it gives is octets.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from resolver.admin.problems import problem
from resolver.errors import RequestError, UnpackError
from resolver.generation.disk import storage_error
from resolver.generation.unpack import ENCODINGS, unpacker
from resolver.settings import Settings

FOLDER: Final = "spool"
"""Below the data directory: the same disk as the compiled files, and no other account may read it."""

SILENCE: Final = 15.0
"""Seconds without a single octet after which a sender is given up."""

_MEGABYTE: Final = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Octets as received, octets once unpacked, seconds for all of it, seconds without anything."""

    received: int
    unpacked: int
    seconds: float
    silence: float = SILENCE


@dataclass(frozen=True)
class Spooled:
    """A whole body in a file. `octets` and `sha256` are of the unpacked content."""

    path: Path
    octets: int
    sha256: str
    encoding: str


def spool_folder(settings: Settings) -> Path:
    """Where unfinished bodies lie."""
    return Path(settings.data_dir) / FOLDER


def empty_spool(folder: Path) -> None:
    """Make the folder (0700), and remove what a process that was killed has left. Raises StoreError."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for file in folder.iterdir():
            file.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error


@asynccontextmanager
async def spool(
    request: web.Request, settings: Settings, folder: Path | None = None
) -> AsyncIterator[Spooled]:
    """The body in a file that lives as long as the `async with`.

    Raises RequestError (body-empty, body-too-large, list-too-large, body-truncated, body-timeout,
    encoding-not-supported, encoding-broken) and StoreError (disk full or broken); then no file is left.
    """
    folder = folder or spool_folder(settings)
    limits = Limits(
        received=settings.admin.body_mb * _MEGABYTE,
        unpacked=settings.admin.list_mb * _MEGABYTE,
        seconds=settings.admin.body_seconds,
    )
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)  # 0600, as mkstemp promises
    except OSError as error:
        raise storage_error(error, folder) from error
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            sink = _FileSink(file, folder)
            await receive(request, limits, sink.write)
            await asyncio.to_thread(sink.finish)
        yield Spooled(path, sink.octets, sink.hash.hexdigest(), encoding_of(request))
    finally:
        await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))


async def read_small(request: web.Request, limits: Limits) -> bytes:
    """The whole body in memory, for JSON. Raises RequestError as `spool` does."""
    buffer = bytearray()
    await receive(request, limits, buffer.extend)
    return bytes(buffer)


class _FileSink:
    """Where the octets of a spooled body end; counts and hashes on the way.

    Nothing is fsynced: a body counts once it is compiled, and a crash before that loses nothing
    that was promised.
    """

    def __init__(self, file: BinaryIO, folder: Path) -> None:
        self._file: Final = file
        self._folder: Final = folder
        self.octets = 0
        self.hash: Final = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.octets += len(data)
        self.hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise storage_error(error, self._folder) from error

    def finish(self) -> None:
        """What is still buffered may be what no longer fits on the disk."""
        try:
            self._file.flush()
        except OSError as error:
            raise storage_error(error, self._folder) from error


async def receive(request: web.Request, limits: Limits, sink: Callable[[bytes], None]) -> None:
    """Hand the whole unpacked body to `sink`, piece by piece, in a thread. Raises RequestError.

    `sink` has then been given something, but must not count it as a body unless this returns.
    """
    unpack = unpacker(encoding_of(request), limits.unpacked)
    if (request.content_length or 0) > limits.received:
        raise _too_large(limits.received)
    if not request.body_exists or request.content_length == 0:
        raise problem("body-empty", "The body has no octets. To do without a list, disable or delete it.")
    await _invite(request)
    received = 0
    async for piece in _pieces(request, limits):
        received += len(piece)
        if received > limits.received:
            raise _too_large(limits.received)
        with _unpacking():
            await asyncio.to_thread(unpack.feed, piece, sink)
    if received == 0:
        raise problem("body-empty", "The body has no octets. To do without a list, disable or delete it.")
    with _unpacking():
        unpack.finish()


@contextmanager
def _unpacking() -> Iterator[None]:
    """What is wrong with a packed body, as the sender is told it. Raises RequestError."""
    try:
        yield
    except UnpackError as error:
        raise problem(error.code, f"{error} {_REMEDIES[error.code]}") from error


_REMEDIES: Final = {
    "list-too-large": "The limit is `admin.list_mb`, and that of a JSON body its own.",
    "encoding-broken": "Is Content-Encoding right?",
    "body-truncated": "Send it again.",
}


def _too_large(limit: int) -> RequestError:
    return problem(
        "body-too-large", f"At most {limit} octets are taken; pack the body (gzip, zstd), or raise the limit."
    )


async def _invite(request: web.Request) -> None:
    """Say `100 Continue` (RFC 9110 10.1.1) to a sender that waits for it, now that somebody reads.

    aiohttp would say so before the token is looked at; `app.py` keeps it from that.
    """
    if hdrs.EXPECT in request.headers and request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # as aiohttp does: the answer proper has not begun


async def _pieces(request: web.Request, limits: Limits) -> AsyncIterator[bytes]:
    """The body as it comes in, until its end. Raises RequestError when it is slow or broken.

    Two clocks: one for silence, one for the whole, because an octet now and then is no silence. When
    the connection itself breaks, aiohttp's ConnectionError passes through: nobody is left to tell.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.seconds
    while True:
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + limits.silence)):
                piece = await request.content.readany()
        except TimeoutError:
            raise problem(
                "body-timeout",
                f"Nothing came for {limits.silence:g} s, or the whole took more than {limits.seconds:g} s.",
            ) from None
        except (web.RequestPayloadError, HttpProcessingError) as error:
            raise problem("body-truncated", "The body ended early or its chunks are broken.") from error
        if not piece:
            return
        yield piece


def encoding_of(request: web.Request) -> str:
    """What the body is packed with: "identity", "gzip" or "zstd".

    Raises RequestError: 415 encoding-not-supported, also for one packing inside another.
    """
    lines = request.headers.getall(hdrs.CONTENT_ENCODING, [])
    text = ", ".join(lines).strip().lower() or "identity"
    text = {"x-gzip": "gzip"}.get(text, text)  # RFC 9110 8.4.1.3
    if text not in ENCODINGS:
        known = ", ".join(ENCODINGS)
        raise problem("encoding-not-supported", f"`{text[:80]}` is not taken; use one of: {known}.")
    return text
