"""Cookies for clients: who has proven its address, and what each is given (RFC 7873 5.2, RFC 9018).

A client that sends a cookie gets a server cookie with its answer, and is answered whatever it sent: one
that shows an old or a wrong server cookie is treated as one that has none (RFC 7873 5.2.4 leaves that
open), because a household whose clock or secret changed must go on resolving. What a proven cookie is
worth: its client did not forge its address, so that nothing has to be held back from it.

The secret comes from the supervisor and is the same in every worker, or a client whose packets the kernel
gives to another worker would be a stranger there. From it each day has a secret of its own (RFC 9018 5:
secrets are to be changed), derived from the day in which a cookie says that it was made: so every worker
changes at the same moment without a word to the others, and the cookies of yesterday can still be proven.

Computing costs tens of microseconds, so what was computed is remembered for as long as it holds: a client
that asks often costs a look-up. This module must not know policy, and nothing here may raise for what a
client sends.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Callable
from typing import Final, NamedTuple

from resolver.dns import registry
from resolver.dns.cookies import LIFETIME, RENEWAL, age, proven, reply, server_cookie, split
from resolver.dns.cookies import SECRET_OCTETS as KEY_OCTETS
from resolver.dns.edns import written
from resolver.dns.query import CookieQuery, Query, option
from resolver.inherited import SECRET_OCTETS
from resolver.serving.halves import Halves

PERIOD: Final = 86_400
"""Seconds that each secret is used to make cookies."""

REMEMBERED: Final = 8_192
"""Cookies whose outcome is remembered, about 300 octets each."""


class _Outcome(NamedTuple):
    """What came of one cookie of one client: the option it is given, whether its own was proven, and the
    seconds since 1970 between which that holds."""

    option: bytes
    valid: bool
    since: int
    until: int


_STRANGER: Final = b""
"""In an address's place where there is none (the peer of a connection that is gone)."""


class CookieJar:
    """The cookies of one worker. `clock` gives seconds since 1970; without `enabled` there are no cookies.

    valid   whether the query that `extras` or `answer` saw last showed a cookie that we had given to it
    """

    __slots__ = ("_clock", "_enabled", "_known", "_master", "_secrets", "valid")

    def __init__(self, master: bytes, clock: Callable[[], float], enabled: bool = True) -> None:
        self._master = master
        self._clock = clock
        self._enabled = enabled
        self._secrets: dict[int, bytes] = {}
        self._known: Halves[tuple[str, bytes], _Outcome] = Halves(REMEMBERED)
        self.valid = False

    def extras(self, query: Query, host: str) -> bytes | int:
        """The COOKIE option for the reply; b"" when the client sent none; FORMERR when its is malformed
        (RFC 7873 5.2.2). To be asked for queries that have options; others have no cookie."""
        sent = option(query.options, registry.OPTION_COOKIE) if self._enabled else None
        if sent is None:
            self.valid = False
            return b""
        outcome = self._outcome(sent, host)
        if outcome is None:
            self.valid = False
            return registry.FORMERR
        self.valid = outcome.valid
        return outcome.option

    def answer(self, query: CookieQuery, host: str) -> bytes:
        """The reply to a query for a cookie alone (RFC 7873 5.4): BADCOOKIE if it showed a server cookie
        that proves nothing, and a good one in any case."""
        self.valid = False
        sent = option(query.options, registry.OPTION_COOKIE) or b""
        outcome = self._outcome(sent, host) if self._enabled else None
        if outcome is None:
            return reply(query, registry.FORMERR, b"")
        self.valid = outcome.valid
        alone = split(sent) == (sent, b"")
        rcode = registry.NOERROR if alone or outcome.valid else registry.BADCOOKIE
        return reply(query, rcode, outcome.option)

    def _outcome(self, sent: bytes, host: str) -> _Outcome | None:
        """What comes of a cookie, remembered if possible; None when it is malformed."""
        key, now = (host, sent), int(self._clock())
        known = self._known
        outcome = known.young.get(key)
        if outcome is not None and outcome.since <= now < outcome.until:
            return outcome
        outcome = known.old.get(key)
        if outcome is None or not outcome.since <= now < outcome.until:
            parts = split(sent)
            if parts is None:
                return None
            outcome = self._computed(*parts, host, now)
        known.keep(key, outcome, 1)
        return outcome

    def _computed(self, client: bytes, server: bytes, host: str, now: int) -> _Outcome:
        """Prove a cookie, and make another if it is not good for much longer (RFC 9018 4.3)."""
        address = _packed(host)
        seconds = age(server, now)
        valid = seconds is not None and proven(self._secret(now - seconds), client, server, address)
        if valid and seconds is not None and seconds < RENEWAL:
            given, until = server, now - seconds + RENEWAL
        else:
            given, until = server_cookie(self._secret(now), client, address, now), now + RENEWAL
            if valid and seconds is not None:
                until = min(until, now - seconds + LIFETIME + 1)
        return _Outcome(written(registry.OPTION_COOKIE, client + given), valid, now, until)

    def _secret(self, made: int) -> bytes:
        """The secret of the day in which a cookie was made. Two days at a time may be asked for."""
        period = made // PERIOD
        secret = self._secrets.get(period)
        if secret is None:
            if len(self._secrets) >= 2:
                self._secrets.clear()
            number = period.to_bytes(8, "big", signed=True)
            secret = hashlib.blake2b(number, digest_size=KEY_OCTETS, key=self._master).digest()
            self._secrets[period] = secret
        return secret


def _packed(host: str) -> bytes:
    """The octets of an address; a scope (`fe80::1%eth0`) is none of them."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).packed
    except ValueError:
        return _STRANGER


def master_secret(descriptor: int) -> bytes:
    """The secret that the supervisor left in an inherited descriptor, readable again and again by everyone
    who holds it; one of our own where there is none (-1), or where it cannot be read."""
    if descriptor >= 0:
        try:
            found = os.pread(descriptor, SECRET_OCTETS, 0)
        except OSError:
            found = b""
        if len(found) == SECRET_OCTETS:
            return found
    return os.urandom(SECRET_OCTETS)
