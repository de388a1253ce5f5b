"""A server over TCP or TLS for tests of connections, in the test's own event loop.

    async with StreamServer(echo) as server:               plain TCP
    async with StreamServer(echo, tls=authority.server("dns.example")) as server:

A behaviour is a coroutine that is given one connection (`Peer`) and does what it likes with it; `echo`
answers every question. `server.connections` counts those that came as far as the behaviour,
`server.queries` holds every message read. Certificates are made by `Authority`, which no system trusts
until a test says so (`authority.trusted`).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import ssl
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from resolver.upstreams import Endpoint

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

LONG_AGO = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


class Peer:
    """One connection, as the server sees it."""

    def __init__(self, server: StreamServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.server = server
        self.reader = reader
        self.writer = writer

    async def query(self) -> bytes:
        """The next message. Raises EOFError when the client hangs up."""
        length = int.from_bytes(await self.reader.readexactly(2), "big")
        octets = await self.reader.readexactly(length)
        self.server.queries.append(octets)
        return octets

    def send(self, octets: bytes) -> None:
        """One message, with its length."""
        self.writer.write(len(octets).to_bytes(2, "big") + octets)

    def raw(self, octets: bytes) -> None:
        """Octets as they are."""
        self.writer.write(octets)


def reply_to(query: bytes, text: bytes = b"") -> bytes:
    """The query again with QR set, and something behind it."""
    return query[:2] + bytes((query[2] | 0x80,)) + query[3:] + text


Behaviour = Callable[[Peer], Awaitable[None]]


async def echo(peer: Peer) -> None:
    """Answer everything at once."""
    while True:
        peer.send(reply_to(await peer.query()))


async def silent(peer: Peer) -> None:
    """Read everything and say nothing."""
    while True:
        await peer.query()


class StreamServer:
    """The server; an asynchronous context manager. Without a behaviour, connections are left alone."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"):
        self.behaviour = behaviour
        self.host = host
        self.port = 0
        self.connections = 0
        self.resumed = 0
        self.queries: list[bytes] = []
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return Endpoint(self.host, self.port, 6 if ":" in self.host else 4)

    def url(self, scheme: str) -> str:
        """The same as the settings write it."""
        return f"{scheme}://{self.endpoint}"

    async def start(self) -> None:
        """Listen; again at the same port after `stop`."""
        self._server = await asyncio.start_server(self._connected, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything, as when the process ends."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        established = writer.get_extra_info("ssl_object")
        self.resumed += bool(established and established.session_reused)
        try:
            with contextlib.suppress(EOFError, OSError):
                await self.behaviour(Peer(self, reader, writer))
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            writer.transport.abort()


class Authority:
    """Issues certificates that nobody trusts but those who were told to."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    @contextlib.contextmanager
    def trusted(self, folder: Path) -> Iterator[None]:
        """Make it the only issuer that the system trusts, as SSL_CERT_FILE does for OpenSSL."""
        path = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(path))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(path))
            patch.setenv("SSL_CERT_DIR", str(folder / "absent"))
            yield

    def server(
        self, *names: str, expired: bool = False, newest: ssl.TLSVersion | None = None
    ) -> tuple[ssl.SSLContext, bytes]:
        """A context with a certificate for these names or addresses, and the pin of its key."""
        until = LONG_AGO if expired else None
        certificate = self._authority.issue_cert(*names, not_after=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.set_alpn_protocols(["dot"])
        if newest is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # old is what it has to be
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context, pin_of(x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()))


def pin_of(certificate: x509.Certificate) -> bytes:
    """The SHA-256 of the public key of a certificate, by another implementation than ours."""
    return hashlib.sha256(public_key_info_of(certificate)).digest()


def public_key_info_of(certificate: x509.Certificate) -> bytes:
    """Its SubjectPublicKeyInfo."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def self_signed(key: Key, name: str = "dns.example") -> x509.Certificate:
    """A certificate that was issued by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )


def self_signed_server(folder: Path) -> tuple[ssl.SSLContext, bytes]:
    """A context with such a certificate, and its pin."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(key)
    path = folder / "self.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, pin_of(certificate)
