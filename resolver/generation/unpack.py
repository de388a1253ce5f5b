"""Packed octets, undone piece by piece within a bound: gzip, zstd, or nothing at all.

A megabyte of gzip can hold a gigabyte, a megabyte of zstd a terabyte. So no decoder here is asked for more
than 64 KB at a time, what came out is counted, and the first octet above the limit ends it. A stream counts
only when `finish` returned: until then it may have been cut.

Used for bodies that arrive over HTTP and for files that the command line reads. This module must not know
either: octets in, octets out.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from resolver.errors import UnpackError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE: Final = 1 << 16


class Unpacker(Protocol):
    """The undoing of one stream. Both methods raise UnpackError."""

    def feed(self, data: bytes, sink: Callable[[bytes], object]) -> None:
        """Take the next octets, and hand what comes out of them to `sink`."""

    def finish(self) -> None:
        """The stream has ended; was that an end?"""


class _Decoder(Protocol):
    """One gzip member or zstd frame. `unused` is what followed its end, once `done`."""

    done: bool
    unused: bytes

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What comes out of these octets, in pieces of bounded size."""


class _Gzip:
    """One member of a gzip stream (RFC 1952 2.2); zlib itself bounds each piece of output."""

    magic: Final = b"\x1f\x8b"
    failures: Final[type[Exception]] = zlib.error

    def __init__(self) -> None:
        self._zlib: Final = zlib.decompressobj(wbits=31)
        self.done = False
        self.unused = b""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """See `_Decoder`. zlib keeps what it has not looked at, and gives it back."""
        while not self.done:
            piece = self._zlib.decompress(data, _PIECE)
            yield piece
            data = self._zlib.unconsumed_tail
            self.done = self._zlib.eof
            if not data and len(piece) < _PIECE:
                break
        self.unused = self._zlib.unused_data


_ZSTD_LIMITS: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}
"""8 MiB, the largest window that a zstd content coding may need (RFC 9659 3)."""


class _Zstd:
    """One frame of a zstd stream (RFC 8878 3.1), skippable frames included; output is bounded as above."""

    magic: Final = b"\x28\xb5\x2f\xfd"
    failures: Final[type[Exception]] = zstd.ZstdError

    def __init__(self) -> None:
        self._frame: Final = zstd.ZstdDecompressor(options=_ZSTD_LIMITS)
        self.done = False
        self.unused = b""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """See `_Decoder`. zstd keeps what it has not looked at inside; it is asked until it wants more."""
        while not self.done:
            yield self._frame.decompress(data, _PIECE)
            data = b""
            self.done = self._frame.eof
            if self._frame.needs_input:
                break
        self.unused = self._frame.unused_data


class _Plain:
    """Octets as they are, counted like the others."""

    def __init__(self, limit: int) -> None:
        self._limit: Final = limit
        self._left = limit

    def feed(self, data: bytes, sink: Callable[[bytes], object]) -> None:
        """See `Unpacker`."""
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._limit)
        sink(data)

    def finish(self) -> None:
        """Octets that are not packed have no end of their own."""


def _too_large(limit: int) -> UnpackError:
    return UnpackError(
        "list-too-large", f"Unpacked, it is larger than {limit} octets; unpacking stopped there."
    )


class _Packed:
    """Members or frames one after the other, until the body ends where one of them ends.

    Both formats are made to be joined (`cat a.gz b.gz`), and tools that pack in parallel do so. What
    follows the last and is no further one is rubbish, and then the rest is not to be trusted either.
    """

    def __init__(self, kind: type[_Gzip] | type[_Zstd], limit: int) -> None:
        self._kind: Final = kind
        self._limit: Final = limit
        self._left = limit
        self._open: _Decoder | None = None
        self._begun = False

    def feed(self, data: bytes, sink: Callable[[bytes], object]) -> None:
        """See `Unpacker`. What was handed over before an error is part of no whole: it is nothing."""
        try:
            while data:
                self._begun = True
                self._open = self._open or self._kind()
                for piece in self._open.decode(data):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise _too_large(self._limit)
                    sink(piece)
                data = b""
                if self._open.done:
                    data, self._open = self._open.unused, None
        except self._kind.failures as error:
            raise UnpackError("encoding-broken", f"It cannot be unpacked ({error}).") from error

    def finish(self) -> None:
        """See `Unpacker`. An end is where a member or frame has just ended, and at least one was there."""
        if self._open is not None or not self._begun:
            raise UnpackError("body-truncated", "The packed stream ends before its end mark.")


_UNPACKERS: Final[dict[str, Callable[[int], Unpacker]]] = {
    "identity": _Plain,
    "gzip": lambda limit: _Packed(_Gzip, limit),
    "zstd": lambda limit: _Packed(_Zstd, limit),
}

ENCODINGS: Final = tuple(_UNPACKERS)
"""Content codings (RFC 9110 8.4.1) that are taken."""


def unpacker(encoding: str, limit: int) -> Unpacker:
    """An unpacker for one of ENCODINGS, which lets at most `limit` octets out."""
    return _UNPACKERS[encoding](limit)


def encoding_of_octets(start: bytes) -> str:
    """What a file is packed with, by its first four octets; neither mark can begin a text."""
    return next((name for name, kind in _KINDS.items() if start.startswith(kind.magic)), "identity")


_KINDS: Final[dict[str, type[_Gzip] | type[_Zstd]]] = {"gzip": _Gzip, "zstd": _Zstd}
