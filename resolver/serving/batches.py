"""Many datagrams with one system call: recvmmsg and sendmmsg (Linux; recvmmsg(2), sendmmsg(2)).

The standard library has no call for several datagrams at once, so this one asks the C library, which every
Linux has. What it needs are arrays of a few structures, declared as the man pages have them, so that sizes
and offsets are those of the machine, 32 bits or 64; they are made once and used for every call. (musl
declares two lengths as int with padding behind; on little-endian machines the octets are the same.)

What is received is copied out at once, so one object may serve many sockets of a kind, one after the
other. Importing this raises ImportError where there is no ctypes, or no such functions.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from resolver.serving.peers import ANCILLARY, MANY, OCTETS, SIZES, Received, Unsent

_LIBRARY: Final = ctypes.CDLL(None, use_errno=True)
try:
    _receive, _send = _LIBRARY.recvmmsg, _LIBRARY.sendmmsg
except AttributeError as error:
    raise ImportError("the C library has no recvmmsg or sendmmsg") from error
_receive.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
_send.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]


class _Piece(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Message(ctypes.Structure):
    """`struct msghdr`."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Header(ctypes.Structure):
    """`struct mmsghdr`."""

    _fields_ = [("message", _Message), ("length", ctypes.c_uint)]


_STRIDE: Final = ctypes.sizeof(_Header)
_WORD: Final = "Q" if ctypes.sizeof(ctypes.c_size_t) == 8 else "I"
"""A `size_t`, which on Linux is as long as an unsigned long."""
_AT: Final = _Header.length.offset
_CONTROL_AT: Final = _Message.control_length.offset
_ROOM: Final = Struct("=" + _WORD)
_LENGTH: Final = Struct(f"={_AT}x I {_STRIDE - _AT - 4}x")
_LENGTHS: Final = Struct(f"={_CONTROL_AT}x {_WORD} {_AT - _CONTROL_AT - _ROOM.size}x I {_STRIDE - _AT - 4}x")
_INTERFACE: Final = slice(socket.CMSG_LEN(0), socket.CMSG_LEN(0) + 4)
"""Where the number of the interface stands in ancillary data of IPv4 (`struct in_pktinfo`, ip(7))."""

_STARTS: Final = range(0, MANY * OCTETS, OCTETS)


class _Slots:
    """The buffers of one direction: MANY headers, each with a place for octets, address, ancillary data."""

    def __init__(self, size: int, ancillary: int) -> None:
        self._kept: list[Any] = []  # what the kernel writes to must not be freed
        octets, self.octets = self._buffer(MANY * OCTETS)
        names, self.names = self._buffer(MANY * size)
        controls, self.controls = self._buffer(MANY * ancillary)
        pieces, headers = (_Piece * MANY)(), (_Header * MANY)()
        for number in range(MANY):
            pieces[number] = _Piece(octets + number * OCTETS, OCTETS)
            headers[number].message = _Message(
                names + number * size if size else None, size,
                ctypes.addressof(pieces) + number * ctypes.sizeof(_Piece), 1,
                controls + number * ancillary if ancillary else None, ancillary, 0,
            )  # fmt: skip
        self._kept += [pieces, headers]
        self.start: Final = ctypes.addressof(headers)
        self.headers: Final = memoryview(headers).cast("B")
        # Of each piece its base and its length, as numbers: the lengths are the odd ones.
        self.lengths: Final = memoryview(pieces).cast("B").cast("L")
        self._pristine: Final = self.headers.tobytes()
        self.places: Final = range(0, MANY * size, size) if size else range(MANY)

    def _buffer(self, size: int) -> tuple[int, memoryview]:
        """Address and view of so many octets."""
        made = (ctypes.c_ubyte * max(size, 1))()
        self._kept.append(made)
        return ctypes.addressof(made), memoryview(made).cast("B")

    def restore(self, count: int) -> None:
        """Put the first headers back as they were before the kernel wrote to them."""
        self.headers[: count * _STRIDE] = self._pristine[: count * _STRIDE]


class Batches:
    """A `resolver.serving.peers.Datagrams`."""

    def __init__(self, family: int, connected: bool, wildcard: bool) -> None:
        size = 0 if connected else SIZES[socket.AddressFamily(family)]
        ancillary = ANCILLARY if wildcard else 0
        self._four: Final = family == socket.AF_INET
        self._size, self._ancillary = size, ancillary
        self._in: Final = _Slots(size, ancillary)
        self._out: Final = _Slots(size, ancillary)

    def receive(self, sock: socket.socket, most: int) -> Received:
        """See `Datagrams`."""
        slots = self._in
        count = _receive(sock.fileno(), slots.start, min(most, MANY), socket.MSG_DONTWAIT, None)
        if count <= 0:
            return self._nothing(count)
        octets, size = slots.octets, self._size
        lengths = _LENGTH.iter_unpack(slots.headers[: count * _STRIDE])
        if not size:
            return [
                (octets[at : at + length].tobytes(), b"")
                for at, (length,) in zip(_STARTS, lengths, strict=False)
            ]
        if self._ancillary:
            return self._with_ancillary(count)
        names = slots.names
        return [
            (octets[at : at + length].tobytes(), names[where : where + size].tobytes())
            for at, where, (length,) in zip(_STARTS, slots.places, lengths, strict=False)
        ]

    def _nothing(self, count: int) -> Received:
        code = ctypes.get_errno()
        if count == 0 or code in (errno.EAGAIN, errno.EINTR):
            return []
        raise OSError(code, os.strerror(code))

    def _with_ancillary(self, count: int) -> Received:
        """The same with what stands behind each address. The kernel wrote how long that is where it reads
        how much room there is, so the headers are put back for the next call."""
        slots, found = self._in, []
        lengths = _LENGTHS.iter_unpack(slots.headers[: count * _STRIDE])
        for number, (said, length) in enumerate(lengths):
            at, where, control = number * OCTETS, number * self._size, number * self._ancillary
            name = slots.names[where : where + self._size].tobytes()
            told = bytearray(slots.controls[control : control + min(said, self._ancillary)])
            if self._four and len(told) >= _INTERFACE.stop:
                # The interface is the kernel's business: the reply may have to leave by another one.
                told[_INTERFACE] = b"\0\0\0\0"
            found.append((slots.octets[at : at + length].tobytes(), name + bytes(told)))
        slots.restore(count)
        return found

    def send(self, sock: socket.socket, batch: Sequence[tuple[bytes, bytes]]) -> list[Unsent]:
        """See `Datagrams`."""
        failed: list[Unsent] = []
        for first in range(0, len(batch), MANY):
            chunk = batch[first : first + MANY]
            self._fill(chunk)
            failed += [(first + one, why) for one, why in self._push(sock.fileno(), len(chunk))]
        return failed

    def _fill(self, chunk: Sequence[tuple[bytes, bytes]]) -> None:
        """Put octets and peers where the kernel reads them."""
        slots, size = self._out, self._size
        octets, lengths = slots.octets, slots.lengths
        if not size:
            for number, (data, _) in enumerate(chunk):
                length = lengths[2 * number + 1] = len(data)
                at = number * OCTETS
                octets[at : at + length] = data
            return
        names, where = slots.names, 0
        for number, (data, peer) in enumerate(chunk):
            length = lengths[2 * number + 1] = len(data)
            at = number * OCTETS
            octets[at : at + length] = data
            names[where : where + size] = peer[:size]
            where += size
            if self._ancillary:
                self._fill_ancillary(number, peer[size:])

    def _fill_ancillary(self, number: int, told: bytes) -> None:
        at = number * self._ancillary
        self._out.controls[at : at + len(told)] = told
        _ROOM.pack_into(self._out.headers, number * _STRIDE + _CONTROL_AT, len(told))

    def _push(self, descriptor: int, count: int) -> list[Unsent]:
        """Hand them over; each that is refused is tried once more and then passed over."""
        failed: list[Unsent] = []
        done, again = 0, False
        while done < count:
            start = self._out.start + done * _STRIDE
            sent = _send(descriptor, start, count - done, socket.MSG_DONTWAIT)
            if sent > 0:
                done, again = done + sent, False
            elif again:
                failed.append((done, ctypes.get_errno()))
                done, again = done + 1, False
            else:
                again = True
        return failed
