"""The answer cache on disk, from a stop to the next start: one file for each worker, `cache-N.bin`.

    header    16 octets that name the format and its version, 32 of what the answers depend on beside
              their question (`_origin`), 16 of the boot of the machine, the time of saving
    answers   what was asked for lately first: name, type, class, flags, time of storing, the answer
    digest    SHA-256 of everything before it

Times are those of the wall clock, so that an answer goes on ageing while nobody runs. When that clock has
gone back, or by more than seven days ahead, ages mean nothing and the answer is dropped. After a reboot it
may not be set yet (small machines have no clock of their own), so answers then count as past their time:
they are there in case upstreams are not. Where the kernel does not name the boot, each start may follow one.
Nothing in the file says who asked.

Saving takes about a second at most: what does not fit into it is left out, and the file is whole all the
same. It is written beside, made durable, and renamed. Loading never holds up an answer: the file is read and
checked in a thread, and its answers are walked a few at a time between packets, behind everything that has
been learnt since. A file is deleted as soon as it has been read. So nothing that was flushed comes back
after a crash, and nothing is left to be found while the worker runs.

Whatever is wrong with a file costs its answers and one event in the log: neither direction raises. This
module must not know policy; every answer is judged when it is used.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

from resolver.dns.answers import Relay
from resolver.dns.query import name_end
from resolver.dns.records import TTL_CAP
from resolver.errors import CorruptFile, WireError
from resolver.events import log
from resolver.generation.disk import storage_error, sync_folder
from resolver.serving.cache import AnswerCache, Key
from resolver.settings import Settings

MAGIC: Final = b"belisha cache\0\0\1"
"""The last octet is the version of the format."""

SAVE_SECONDS: Final = 1.0
"""How long the collecting of answers may take; the disk comes on top."""

_HEADER: Final = Struct(">16s32s16sd")
_ENTRY: Final = Struct(">BHHHdI")
"""Octets of the name, type, class, flags of the key, seconds of the wall clock, octets of the answer."""
_QUESTION: Final = Struct(">HH").pack
_DIGEST: Final = 32
_UNKNOWN: Final = bytes(16)
"""A boot without a name."""

_PIECE: Final = 1 << 18
"""Octets that are collected before they are written, and the time is looked at."""

_TURN: Final = 25
"""Answers that are walked between packets, which takes half a millisecond."""


class SavedCache:
    """The file of one worker. Without `dns.save_cache` nothing is saved, and what was is deleted."""

    def __init__(
        self,
        settings: Settings,
        worker: int,
        wall: Callable[[], float] = time.time,
        boot: bytes | None = None,
    ) -> None:
        """`wall` gives seconds since 1970; `boot` are 16 octets that change when the machine starts anew,
        None: as the kernel says."""
        self._folder = Path(settings.data_dir)
        self.path: Final = self._folder / f"cache-{worker}.bin"
        self._beside = self.path.with_suffix(".bin.tmp")
        self._saves = settings.dns.save_cache
        self._workers = settings.dns.workers
        self._most = settings.dns.cache_mb << 20
        self._origin = _origin(settings)
        # A stop may come while the file is still being read, in a thread that nobody can call off.
        self._lock = threading.Lock()
        self._wall = wall
        self._boot = _boot() if boot is None else boot

    async def load(self, cache: AnswerCache, clock: Callable[[], float]) -> int:
        """Fill the cache with what was saved, and delete the file; how many answers came back.

        `clock` is that of the cache. Never raises.
        """
        try:
            data = await asyncio.to_thread(self._take)
            if not data:
                return 0
            count = await self._restore(data, cache, clock)
        except OSError as error:
            return self._ignored(str(storage_error(error, self.path)))
        except (CorruptFile, WireError) as error:
            return self._ignored(str(error))
        log("answers of the last run are known again", count=count)
        return count

    def save(self, cache: AnswerCache, now: float, seconds: float = SAVE_SECONDS) -> int:
        """Write what the cache holds; how many answers. `now` as on its clock. Never raises."""
        if not self._saves:
            return 0
        try:
            with self._lock:
                return self._write(cache, now, time.monotonic() + seconds)
        except OSError as error:
            log("answers cannot be kept", "warning", reason=str(storage_error(error, self.path)))
            return 0

    def _ignored(self, reason: str) -> int:
        log("answers of the last run are not used", "warning", path=str(self.path), reason=reason)
        return 0

    def _take(self) -> bytes:
        """The octets of the file, checked; b"" when there is none to be used. Runs in a thread. Raises
        OSError, and CorruptFile for a file that is no good."""
        with self._lock:
            return self._read()

    def _read(self) -> bytes:
        self._tidy()
        try:
            with self.path.open("rb") as file:
                self.path.unlink()
                return self._checked(file.read(self._most + 1))
        except FileNotFoundError:
            return b""

    def _tidy(self) -> None:
        """Delete what nobody will read: of a setting that is off now, of workers that are no more, and what
        an interrupted saving left. Raises OSError."""
        for path in self._folder.glob("cache-*.bin*"):
            number = path.name.removeprefix("cache-").partition(".")[0]
            read = self._saves and number.isdecimal() and int(number) < self._workers
            if not read or path == self._beside:
                path.unlink(missing_ok=True)

    def _checked(self, data: bytes) -> bytes:
        """The file, if it may be used; b"" when its answers are no longer right. Raises CorruptFile when
        something is wrong with its header or its digest."""
        if len(data) > self._most:
            raise CorruptFile("it is larger than the cache may be (dns.cache_mb)")
        if len(data) < _HEADER.size + _DIGEST:
            raise CorruptFile("it is cut off")
        magic, origin, _, saved = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise CorruptFile("it is of another version, or holds something else")
        if hashlib.sha256(memoryview(data)[:-_DIGEST]).digest() != data[-_DIGEST:]:
            raise CorruptFile("its checksum is wrong")
        if origin != self._origin:
            log("answers of the last run are forgotten: other upstreams said them")
            return b""
        if not saved <= self._wall():
            raise CorruptFile("the clock has gone back since it was written")
        return data

    async def _restore(self, data: bytes, cache: AnswerCache, clock: Callable[[], float]) -> int:
        """A few answers, then the turn of whoever waits. A flush ends it: what it was meant for may come.
        Raises CorruptFile and WireError."""
        flushes, count = cache.flushes, 0
        for number, (key, relay) in enumerate(self._entries(data, clock)):
            if number % _TURN == 0:
                await asyncio.sleep(0)
                if cache.flushes != flushes:
                    break
            age = clock() - relay.stored
            if not 0 < relay.lifetime or age >= min(relay.lifetime + cache.stale, TTL_CAP):
                continue
            if not cache.restore(key, relay):
                break
            count += 1
        return count

    def _entries(self, data: bytes, clock: Callable[[], float]) -> Iterator[tuple[Key, Relay]]:
        """Read answer by answer. Raises CorruptFile and WireError. One from the future is passed over."""
        at, size = _HEADER.size, len(data) - _DIGEST
        rebooted = self._boot == _UNKNOWN or _HEADER.unpack_from(data)[2] != self._boot
        while at < size:
            if at + _ENTRY.size > size:
                raise CorruptFile("half an answer stands at its end")
            length, qtype, qclass, flags, stored, octets = _ENTRY.unpack_from(data, at)
            start = at + _ENTRY.size
            end = start + length
            at = end + octets
            name = data[start:end]
            if at > size or octets < 12 or name_end(name, 0) != length or name != name.lower():
                raise CorruptFile("something else than an answer stands in it")
            age = self._wall() - stored
            if age >= 0:
                question = name + _QUESTION(qtype, qclass)
                relay = Relay.unpack(data[end:at], question, clock() - age)
                if rebooted:
                    relay.stored = min(relay.stored, clock() - relay.lifetime)
                yield (name, qtype, qclass, flags), relay

    def _write(self, cache: AnswerCache, now: float, deadline: float) -> int:
        """See `save`. Raises OSError, and leaves nothing beside then."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        digest, count = hashlib.sha256(), 0
        try:
            with os.fdopen(os.open(self._beside, flags, 0o600), "wb") as file:
                for piece, count in self._pieces(cache, now, deadline):  # noqa: B007 - the last one counts
                    digest.update(piece)
                    file.write(piece)
                file.write(digest.digest())
                file.flush()
                os.fsync(file.fileno())
            self._beside.rename(self.path)
            sync_folder(self._folder)
        except OSError:
            self._beside.unlink(missing_ok=True)
            raise
        log("answers are kept for the next start", count=count)
        return count

    def _pieces(self, cache: AnswerCache, now: float, deadline: float) -> Iterator[tuple[bytes, int]]:
        """The file without its digest, piece by piece, each with how many answers there are so far; as many
        as there is time and room for."""
        wall, room, count = self._wall(), self._most - _DIGEST, 0
        piece = bytearray(_HEADER.pack(MAGIC, self._origin, self._boot, wall))
        for key, relay in cache.entries():
            age = now - relay.stored
            if age >= relay.lifetime + cache.stale:
                continue
            packed = relay.pack()
            head = _ENTRY.pack(len(key[0]), *key[1:], wall - age, len(packed))
            if len(piece) + len(head) + len(key[0]) + len(packed) > room:
                break
            piece += head + key[0] + packed
            count += 1
            if len(piece) >= _PIECE:
                room -= len(piece)
                yield bytes(piece), count
                piece.clear()
                if time.monotonic() >= deadline:
                    return
        yield bytes(piece), count


def _origin(settings: Settings) -> bytes:
    """What answers depend on beside their question: who is asked, and what is made of it."""
    dns = settings.dns
    return hashlib.sha256(
        msgspec.json.encode((settings.upstream, dns.dns64, dns.min_ttl, dns.max_ttl))
    ).digest()


def _boot() -> bytes:
    """What the kernel calls this boot of the machine (random(4)); `_UNKNOWN` where it does not say."""
    try:
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").replace("-", ""))
    except (OSError, ValueError):
        return _UNKNOWN
