"""Peers and datagrams, as every way of reading and sending them knows them (`resolver.serving.datagrams`).

A *peer* is opaque octets: the address that a datagram came from as the kernel writes it (`sockaddr`), and
behind it, where it was asked for, the ancillary data that says which address of ours it went to. Given
back with a reply, the reply leaves from there, or the client would drop it (IP_PKTINFO, RFC 3542 6.2 for
IPv6). On a connected socket a peer is empty.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final, Protocol

MANY: Final = 64
"""Datagrams of one call: more hardly pays, and would wait longer for their answers."""

OCTETS: Final = 4096
"""Octets read of one datagram: far more than a query has, and what RFC 5625 4.4 wants taken of a reply.
A longer one is cut."""

ANCILLARY: Final = 64
"""Room for one piece of ancillary data with a pktinfo in it."""

IP_PKTINFO: Final = 8
"""Linux's number; the socket module of Python 3.11 does not name it."""

SIZES: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
"""Octets of a socket address (`struct sockaddr_in`, `sockaddr_in6`)."""

PLACES: Final = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}
"""Where in it the host's address stands."""

Received = list[tuple[bytes, bytes]]
"""Datagrams, each with its peer."""


Unsent = tuple[int, int]
"""A datagram that was not sent: its position in the batch, and why (errno)."""


class Datagrams(Protocol):
    """A way to read and to send."""

    def receive(self, sock: socket.socket, most: int) -> Received:
        """At most so many datagrams (and at most MANY); none when there is nothing. Raises OSError for what
        the network says on a connected socket (ICMP)."""

    def send(self, sock: socket.socket, batch: Sequence[tuple[bytes, bytes]]) -> list[Unsent]:
        """Send octets (at most OCTETS) to peers; which of them the kernel would not take.

        An error may be the word about an earlier datagram, so each is tried twice before it counts.
        """


def host_of(peer: bytes, family: int) -> str:
    """The host's address as text, without a scope."""
    return socket.inet_ntop(family, peer[PLACES[socket.AddressFamily(family)]])


def ask_where_to(sock: socket.socket) -> None:
    """Let the kernel tell which address of ours each datagram went to."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
