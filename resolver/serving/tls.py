"""TLS towards upstreams (DNS over TLS, RFC 7858): whom to trust, and what to tell the operator.

    by name         the certificate is issued by somebody the system trusts, and names what the settings
                    name (RFC 8310 8.1); the usual way
    by pin          the key is one that the settings name (RFC 7858 4.2); issuer, name and dates do not matter
    opportunistic   nothing is checked, which stops those who listen but nobody who answers in the
                    upstream's place (RFC 7858 4.1); only where the settings ask for it

TLS 1.2 at least. A session is taken up again where the server allows it, which spares a signature and
sends no certificate; nothing is sent before the handshake is over (no 0-RTT, RFC 8446 8: it could be
replayed). This module must not know questions or connections.
"""

from __future__ import annotations

import ssl
from typing import Any, Final

from resolver.events import log
from resolver.serving.spki import pinned
from resolver.upstreams import UpstreamAddress

ALPN: Final = "dot"
"""RFC 7858's name among the protocols of a TLS handshake (IANA, ALPN Protocol IDs)."""

QUIET_SECONDS: Final = 60.0
"""After an event about one upstream, how long another failure of it is not told."""

_REASONS: Final = {
    9: "the certificate is not valid yet; is this machine's clock right?",
    10: "the certificate has expired",
    18: "the certificate was issued by itself; name its pin",
    19: "the issuer of the certificate is unknown to this system",
    20: "the issuer of the certificate is unknown to this system",
    21: "the issuer of the certificate is unknown to this system",
    62: "the certificate is for another name",
    64: "the certificate is for another address",
}
"""OpenSSL's verify codes (X509_verify_cert_error_string) in words for an operator."""

WRONG_PIN: Final = "the key fits none of the pins"


class Context(ssl.SSLContext):
    """A context that takes up the last session again: asyncio offers no other place to say so."""

    session: ssl.SSLSession | None = None

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """As in the parent, with the session of the last connection."""
        return super().wrap_bio(*args, **{**options, "session": self.session})


def context_for(address: UpstreamAddress) -> Context:
    """How the certificate of this upstream is checked. Reading what the system trusts takes a moment."""
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN])
    # RFC 8310 8.1: the name is looked for in subjectAltName alone.
    context.hostname_checks_common_name = False
    if address.pins or address.opportunistic:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_default_certs()
    return context


def fault(address: UpstreamAddress, established: ssl.SSLObject | None) -> str:
    """Why a finished handshake is not enough; "" when it is. With pins, the context checked nothing."""
    if established is None:
        return "it hung up after the handshake"
    if not address.pins:
        return ""
    certificate = established.getpeercert(binary_form=True)
    return "" if certificate and pinned(certificate, address.pins) else WRONG_PIN


def reason(error: ssl.SSLError) -> str:
    """Why a handshake failed, in words for an operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _REASONS.get(error.verify_code, error.verify_message)
    return f"no TLS 1.2 or later was agreed on ({(error.reason or 'unknown').lower().replace('_', ' ')})"


class Notice:
    """Tells the operator when an upstream cannot be trusted, and when it can be again.

    Once for each, and at most once in QUIET_SECONDS: a broken upstream is tried again and again.
    """

    __slots__ = ("_name", "_quiet", "_told")

    def __init__(self, address: UpstreamAddress) -> None:
        self._name: Final = str(address)
        self._told = ""
        self._quiet = 0.0

    def failed(self, why: str, now: float) -> None:
        """It could not be trusted, at `now` in seconds."""
        if why == self._told or now < self._quiet:
            return
        self._told, self._quiet = why, now + QUIET_SECONDS
        log("an upstream cannot be trusted and is not asked", "error", upstream=self._name, reason=why)

    def well(self) -> None:
        """It was trusted. Costs nothing when nothing else was told."""
        if self._told:
            self._told = ""
            log("an upstream can be trusted again", upstream=self._name)
