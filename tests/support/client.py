"""Small clients: ask a server a question, or send it octets and see what comes back.

`ask` is for tests that care what a server says; the rest for tests that care about octets. Times
are seconds. Nothing here retries: a lost packet is a failed test. In asyncio tests use
`await asyncio.to_thread(ask, ...)`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rdataclass
import dns.rdatatype

Address = tuple[str, int]

SECONDS = 5.0


def make_query(
    name: str,
    qtype: str = "A",
    *,
    edns: bool = True,
    dnssec: bool = False,
    payload: int = 1232,
    rd: bool = True,
    ad: bool = False,
    cd: bool = False,
    qclass: str = "IN",
    number: int | None = None,
) -> dns.message.Message:
    """A query as a stub resolver sends it; `payload` is the UDP size its OPT names, in octets."""
    query = dns.message.make_query(
        name, qtype, qclass, use_edns=0 if edns else False, want_dnssec=dnssec, id=number,
        payload=payload if edns else None,
    )  # fmt: skip
    if dnssec:
        query.use_edns(0, dns.flags.DO, payload)
    for flag, wanted in ((dns.flags.RD, rd), (dns.flags.AD, ad), (dns.flags.CD, cd)):
        query.flags = query.flags | flag if wanted else query.flags & ~flag
    return query


def ask(
    address: Address,
    name: str,
    qtype: str = "A",
    *,
    tcp: bool = False,
    timeout: float = SECONDS,
    edns: bool = True,
    dnssec: bool = False,
    payload: int = 1232,
    rd: bool = True,
    ad: bool = False,
    cd: bool = False,
    qclass: str = "IN",
    source: str = "",
) -> dns.message.Message:
    """Ask and return the reply, which is checked to be one: ID, QR, opcode and question, case and all.

    `source` is the address to ask from ("": any). Raises TimeoutError when nothing comes, AssertionError
    when the reply answers something else.
    """
    query = make_query(
        name, qtype, edns=edns, dnssec=dnssec, payload=payload, rd=rd, ad=ad, cd=cd, qclass=qclass
    )
    octets = query.to_wire()
    data = (exchange_tcp if tcp else exchange_udp)(address, octets, timeout, source)
    reply = dns.message.from_wire(data)
    assert query.is_response(reply), f"no answer to {name} {qtype}: {reply}"
    end = octets.index(b"\0", 12) + 5
    assert data[12:end] == octets[12:end], "the question must come back as it was asked, case included"
    return reply


def rdatas(reply: dns.message.Message, qtype: str = "A") -> set[str]:
    """The data of all records of a type in the answer section, as text."""
    number = dns.rdatatype.from_text(qtype)
    return {rdata.to_text() for rrset in reply.answer if rrset.rdtype == number for rdata in rrset}


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def exchange_udp(address: Address, octets: bytes, timeout: float = SECONDS, source: str = "") -> bytes:
    """Send one datagram, return the first that comes back. Raises TimeoutError."""
    with socket.socket(_family(address), socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.bind((source, 0))
        sock.connect(address)
        sock.send(octets)
        return sock.recv(65_535)


def silent_udp(address: Address, octets: bytes, probe: bytes, timeout: float = SECONDS) -> bool:
    """Whether a datagram stays unanswered although a probe sent behind it is answered.

    One server reads one socket in order, so the probe's answer is the sign that the datagram was
    read: no test has to wait for silence. The two are told apart by their IDs.
    """
    with socket.socket(_family(address), socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect(address)
        sock.send(octets)
        sock.send(probe)
        return sock.recv(65_535)[:2] == probe[:2]


class Connection:
    """A TCP connection that carries messages with their lengths (RFC 1035 4.2.2)."""

    def __init__(self, address: Address, timeout: float = SECONDS, source: str = "") -> None:
        self.sock = socket.create_connection(address, timeout, (source, 0))

    def send(self, *messages: bytes) -> None:
        """Send messages, all in one segment if they fit."""
        self.sock.sendall(b"".join(len(octets).to_bytes(2, "big") + octets for octets in messages))

    def send_slowly(self, pieces: Iterable[bytes]) -> None:
        """Send octets as they are, one segment for each piece."""
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            self.sock.sendall(piece)

    def receive(self) -> bytes:
        """The next message. Raises EOFError when the server hangs up, TimeoutError when it is silent."""
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError(f"the server hung up after {len(data)} of {count} octets")
            data += piece
        return data

    def hung_up(self) -> bool:
        """Wait until the server closes the connection: True, or raises TimeoutError."""
        try:
            while self.sock.recv(65_536):
                pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def exchange_tcp(address: Address, octets: bytes, timeout: float = SECONDS, source: str = "") -> bytes:
    """Send one message over a connection of its own, return the reply. Raises EOFError, TimeoutError."""
    with Connection(address, timeout, source) as connection:
        connection.send(octets)
        return connection.receive()
