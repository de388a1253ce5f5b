"""One system call for each datagram, with the standard library alone.

The slow way of `resolver.serving.datagrams`, for a Python that cannot ask the C library. What it gives and
takes is octet by octet what the quick way gives and takes, but for the ancillary data, which is only as
much as is needed here.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from resolver.serving.peers import ANCILLARY, IP_PKTINFO, MANY, OCTETS, SIZES, Received, Unsent, host_of

_FAMILY: Final = Struct("=H")
_INTEGER: Final = Struct("=I")


class OneByOne:
    """The same with one system call for each datagram, and with the standard library alone."""

    def __init__(self, family: int, connected: bool, wildcard: bool) -> None:
        self._family = family
        self._size = 0 if connected else SIZES[socket.AddressFamily(family)]
        self._wildcard = wildcard

    def receive(self, sock: socket.socket, most: int) -> Received:
        """See `Datagrams`."""
        found: Received = []
        for _ in range(min(most, MANY)):
            try:
                data, ancillary, _, address = sock.recvmsg(OCTETS, ANCILLARY if self._wildcard else 0)
            except BlockingIOError:
                break
            except OSError:
                if found:
                    break
                raise
            found.append((data, self._peer(address, ancillary) if self._size else b""))
        return found

    def send(self, sock: socket.socket, batch: Sequence[tuple[bytes, bytes]]) -> list[Unsent]:
        """See `Datagrams`."""
        failed: list[Unsent] = []
        for number, (data, peer) in enumerate(batch):
            for attempt in range(2):
                try:
                    sock.sendmsg((data,), *self._towards(peer))
                    break
                except OSError as error:
                    if attempt:
                        failed.append((number, error.errno or 0))
        return failed

    def _peer(self, address: tuple[Any, ...], ancillary: list[tuple[int, int, bytes]]) -> bytes:
        """Address and ancillary data as octets: those of the kernel, for the little that is needed."""
        host = socket.inet_pton(self._family, address[0].partition("%")[0])
        port = address[1].to_bytes(2, "big")
        if self._family == socket.AF_INET:
            name = _FAMILY.pack(self._family) + port + host + bytes(8)
        else:
            name = _FAMILY.pack(self._family) + port + bytes(4) + host + _INTEGER.pack(address[3])
        return b"".join((name, *(data for _, _, data in ancillary)))

    def _towards(self, peer: bytes) -> tuple[Any, ...]:
        """What sendmsg takes behind the octets."""
        if not self._size:
            return ()
        address: tuple[Any, ...] = (host_of(peer, self._family), int.from_bytes(peer[2:4], "big"))
        told = peer[self._size :]
        if self._family == socket.AF_INET:
            level, kind = socket.IPPROTO_IP, IP_PKTINFO
            told = b"\0\0\0\0" + told[4:8] + b"\0\0\0\0" if told else b""
        else:
            level, kind = socket.IPPROTO_IPV6, socket.IPV6_PKTINFO
            address += (0, _INTEGER.unpack(peer[24:28])[0])
        return [(level, kind, told)] if told else [], 0, address
