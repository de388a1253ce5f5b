"""Addresses, and what `[[upstream]]` says: endpoints, upstream URLs, names, pins. Text into types.

    udp://ADDRESS[:53]    tcp://ADDRESS[:53]    tls://ADDRESS[:853]    tls://NAME[:853]

An ADDRESS is written out; a NAME is looked up through the bootstrap servers, never through ourselves.
Whatever cannot be read is told in one sentence; `resolver.settings` adds the key. A leaf: it opens
nothing, asks nobody, and knows no more of names than that they can stand in a URL.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from resolver.errors import SettingsError

PLAIN_PORT: Final = 53
"""RFC 1035 4.2."""
TLS_PORT: Final = 853
"""RFC 7858 3.1."""


class Upstream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[upstream]]`: a resolver that answers what is not blocked.

    names           asked for these names and what is below them, and for nothing else; none: for all others
    certificate     the name that the certificate of a tls:// upstream must have; "": the host in the URL
    pins            SHA-256 pins of its key, in base64 (RFC 7858 4.2); one must fit, names then do not matter
    opportunistic   go on without a check, or without TLS, where it cannot be had (RFC 7858 4.1)
    """

    url: str
    names: tuple[str, ...] = ()
    certificate: str = ""
    pins: tuple[str, ...] = ()
    opportunistic: bool = False


class Endpoint(msgspec.Struct, frozen=True):
    """An address and port to listen on or to send to; `family` is 4 or 6.

    Where `host` is a name, which has to be looked up before anything can be sent, `family` is 0.
    """

    host: str
    port: int
    family: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.family == 6 else f"{self.host}:{self.port}"

    @property
    def wildcard(self) -> bool:
        """Whether this stands for every address of the machine."""
        return self.family != 0 and ipaddress.ip_address(self.host).is_unspecified

    def reachable(self) -> Endpoint:
        """Where this machine itself reaches what listens here: loopback for a wildcard address."""
        host = {4: "127.0.0.1", 6: "::1"}[self.family] if self.wildcard else self.host
        return Endpoint(host, self.port, self.family)


class UpstreamAddress(msgspec.Struct, frozen=True):
    """An upstream as settings name it, taken apart.

    scheme          "udp", "tcp" or "tls"
    endpoint        where it is; for a name that must be looked up first, that name and family 0
    names           lower-cased wire names that it is asked for, with all below them; none: for all others
    certificate     tls: what its certificate must name, a name or an address; also sent as SNI if a name
    pins            tls: SHA-256 digests of its key, one of which must fit; then the name does not matter
    opportunistic   tls: whether it is used though it cannot be checked
    """

    scheme: str
    endpoint: Endpoint
    names: tuple[bytes, ...] = ()
    certificate: str = ""
    pins: tuple[bytes, ...] = ()
    opportunistic: bool = False

    def __str__(self) -> str:
        return f"{self.scheme}://{self.endpoint}"

    @property
    def named(self) -> bool:
        """Whether its address has to be looked up."""
        return self.endpoint.family == 0


# Digits are spelt out because \d also takes those of other scripts, and int() reads them.
_WITH_PORT: Final = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<four>[0-9.]+)):(?P<port>[0-9]{1,5})")


def parse_endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """`127.0.0.1:53`, `[::1]:53` → Endpoint; an address alone too when there is a default port.

    Raises SettingsError for anything else. An IPv6 address with a port stands in brackets (RFC 3986
    3.2.2), because nobody can tell what `::1:53` means.
    """
    found = _WITH_PORT.fullmatch(text)
    if found:
        host, port = found["six"] or found["four"], int(found["port"])
    elif default_port is not None:
        host, port = text.removeprefix("[").removesuffix("]"), default_port
    else:
        host, port = "", 0
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise SettingsError(f"`{text}` is not ADDRESS:PORT (an IPv6 address stands in brackets)") from None
    if port > 65_535:
        raise SettingsError(f"`{text}`: a port is between 0 and 65535")
    return Endpoint(str(address), port, address.version)


_PORTS: Final = {"udp": PLAIN_PORT, "tcp": PLAIN_PORT, "tls": TLS_PORT}
_LATER: Final = ("https", "quic")
_SHAPE: Final = "udp://ADDRESS[:PORT], tcp://ADDRESS[:PORT], tls://ADDRESS[:PORT] or tls://NAME[:PORT]"


def parse_upstream(url: str) -> UpstreamAddress:
    """`udp://192.0.2.53:53` → UpstreamAddress. Raises SettingsError with what would be right."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that do not close
        raise SettingsError(f"`{url}` is not {_SHAPE}") from None
    if parts.scheme in _LATER:
        raise SettingsError(f"`{url}`: {parts.scheme}:// is not in this version; use {_SHAPE}")
    if parts.scheme not in _PORTS or parts.path or parts.query or parts.fragment:
        raise SettingsError(f"`{url}` is not {_SHAPE}")
    port = _PORTS[parts.scheme]
    endpoint = _parse_named(parts.netloc, port) if parts.scheme == "tls" else None
    endpoint = endpoint or parse_endpoint(parts.netloc, port)
    if endpoint.port == 0 or endpoint.port > 65_535 or endpoint.wildcard:
        raise SettingsError(f"`{url}` names no server; write {_SHAPE}")
    return UpstreamAddress(parts.scheme, endpoint, certificate=endpoint.host if parts.scheme == "tls" else "")


def read_upstream(one: Upstream) -> UpstreamAddress:
    """One `[[upstream]]` → UpstreamAddress. Raises SettingsError."""
    address = parse_upstream(one.url)
    return msgspec.structs.replace(
        address,
        names=tuple(map(parse_suffix, one.names)),
        certificate=one.certificate.lower().removesuffix(".") or address.certificate,
        pins=tuple(map(parse_pin, one.pins)),
        opportunistic=one.opportunistic,
    )


def faults(one: Upstream) -> Iterable[tuple[str, str]]:
    """What its keys say that cannot go together: the key, and a sentence. `one` can be read."""
    tls = parse_upstream(one.url).scheme == "tls"
    for key in ("certificate", "pins", "opportunistic"):
        if getattr(one, key) and not tls:
            yield key, f"`{one.url}` has no TLS; write tls:// or leave this out"
    if one.certificate and not _is_host(one.certificate):
        yield "certificate", f"`{one.certificate}` is neither a name nor an address"
    if one.pins and one.opportunistic:
        yield "opportunistic", "pins say that the key matters, this says that it does not; drop one"


# Letters of other scripts are written in their ASCII form (RFC 5890 2.3.2.1), as in a certificate.
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?(?::(?P<port>[0-9]{{1,5}}))?")
_MAX_NAME: Final = 253
"""Characters of a name without the last dot: 255 octets on the wire (RFC 1035 2.3.4)."""


def _parse_named(netloc: str, default_port: int) -> Endpoint | None:
    """`dns.example:853` → Endpoint of family 0; None for what is no name. All digits at the end is an
    address, or one that was mistyped (RFC 1123 2.1)."""
    found = _NAME.fullmatch(netloc)
    if not found or len(found["name"]) > _MAX_NAME or found["name"].rpartition(".")[2].isdigit():
        return None
    return Endpoint(found["name"].lower(), int(found["port"] or default_port), 0)


def _is_host(text: str) -> bool:
    """Whether a certificate can name this."""
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return ":" not in text and _parse_named(text, TLS_PORT) is not None


def parse_suffix(text: str) -> bytes:
    """`Corp.example` → its lower-cased wire name. Raises SettingsError.

    Read by hand because a leaf knows no room: names here are what people write for a zone of their own.
    """
    found = _NAME.fullmatch(text)
    if not found or found["port"] or len(found["name"]) > _MAX_NAME:
        raise SettingsError(f"`{text}` is no name such as corp.example or 10.in-addr.arpa")
    labels = found["name"].lower().encode("ascii").split(b".")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


_DIGEST_OCTETS: Final = 32


def parse_pin(text: str) -> bytes:
    """The base64 of a SHA-256 digest → the digest. Raises SettingsError."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
        digest = b""
    if len(digest) != _DIGEST_OCTETS:
        raise SettingsError(f"`{text}` is no pin: the base64 of a SHA-256 digest, 44 characters")
    return digest


def parse_bootstrap(url: str) -> UpstreamAddress:
    """One word of `dns.bootstrap` → UpstreamAddress. Raises SettingsError."""
    address = parse_upstream(url)
    if address.scheme == "tls":
        raise SettingsError(f"`{url}`: whoever is asked for names first is asked by udp:// or tcp://")
    return address


def bootstraps(urls: Iterable[str], upstreams: Iterable[UpstreamAddress]) -> tuple[UpstreamAddress, ...]:
    """Who looks up the names of upstreams: `dns.bootstrap`, or those that need no looking up and are
    asked for all names. Raises SettingsError."""
    asked = tuple(map(parse_bootstrap, urls))
    return asked or tuple(one for one in upstreams if not one.named and not one.names)
