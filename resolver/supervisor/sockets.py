"""Every socket, opened once before privileges are dropped and kept for the whole life.

Each worker has its own UDP and TCP socket on every listen address (SO_REUSEPORT), so that the
kernel spreads clients over the workers and no worker waits for another. SO_REUSEPORT alone would
also let a second server of the same account in silently and take half of the queries; so the first
socket is bound without it, which fails when anybody has the port, and only then joins the group.

What binds UDP holds the port for TCP too: a port chosen by the kernel (0 in the settings, for
tests) is tried with both until one is free in both.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from dataclasses import dataclass
from typing import Final

from resolver.errors import SettingsError
from resolver.events import log
from resolver.settings import Settings
from resolver.upstreams import Endpoint, parse_endpoint

RECEIVE_BUFFER: Final = 4 << 20
"""Octets that may wait in front of a worker: at 100 octets a query, more than a second of load."""
_BACKLOG: Final = 1024
"""Connections that may wait to be taken, also while a killed worker starts again."""
_ATTEMPTS: Final = 50
"""Ports of the kernel's choice that are tried until one is free for UDP and TCP."""
_SO_RCVBUFFORCE: Final = 33  # asm-generic/socket.h; beyond net.core.rmem_max, for root alone

_UDP: Final = socket.SOCK_DGRAM
_TCP: Final = socket.SOCK_STREAM
_NAMES: Final = {_UDP: "UDP", _TCP: "TCP"}
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(frozen=True)
class Listening:
    """One listen address with its real port: a UDP and a TCP socket for each worker, in their order."""

    endpoint: Endpoint
    udp: list[socket.socket]
    tcp: list[socket.socket]


@dataclass(frozen=True)
class Sockets:
    """Everything that is listened on."""

    dns: list[Listening]
    http: list[socket.socket]
    admin: Endpoint

    def close(self) -> None:
        """Close all of them (tests; a supervisor keeps them until it ends)."""
        for listening in self.dns:
            for one in (*listening.udp, *listening.tcp):
                one.close()
        for one in self.http:
            one.close()


class _FamilyMissing(Exception):
    """This machine has no IPv6 (or, one day, no IPv4)."""


def open_sockets(settings: Settings) -> Sockets:
    """Open what the settings name.

    An address of a family that the machine lacks is skipped with a warning while another remains.
    Raises SettingsError naming the key, the address and the remedy.
    """
    with contextlib.ExitStack() as undo:
        dns: list[Listening] = []
        for text in settings.dns.listen:
            try:
                listening = _open_dns(parse_endpoint(text), settings.dns.workers, undo)
            except _FamilyMissing as missing:
                log("listen address skipped", "warning", address=text, reason=str(missing))
                continue
            dns.append(listening)
        if not dns:
            raise SettingsError("dns.listen: this machine has none of the address families named there")
        endpoint = parse_endpoint(settings.admin.listen)
        try:
            http = _bind(endpoint, _TCP, "admin.listen", undo)
        except _FamilyMissing as missing:
            raise SettingsError(f"admin.listen: {missing}") from None
        _listen(http, endpoint, "admin.listen")
        undo.pop_all()
        return Sockets(dns, [http], _real(endpoint, http))


def _open_dns(endpoint: Endpoint, workers: int, undo: contextlib.ExitStack) -> Listening:
    """One listen address for every worker. Raises SettingsError or _FamilyMissing."""
    udp, tcp = _bind_pair(endpoint, undo)
    real = _real(endpoint, udp)
    listening = Listening(real, [udp], [tcp])
    # Alone on the port until here, so nobody else has it; from here on our other workers may join.
    for one in (udp, tcp):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    for _ in range(1, workers):
        listening.udp.append(_bind(real, _UDP, "dns.listen", undo, join=True))
        listening.tcp.append(_bind(real, _TCP, "dns.listen", undo, join=True))
    for one in listening.udp:
        _enlarge(one)
    for one in listening.tcp:
        _listen(one, real, "dns.listen")
    return listening


def _bind_pair(endpoint: Endpoint, undo: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    """The first UDP and TCP socket of an address, on one port. Raises as `_bind` does."""
    for attempt in range(_ATTEMPTS):
        udp = _bind(endpoint, _UDP, "dns.listen", undo)
        try:
            return udp, _bind(_real(endpoint, udp), _TCP, "dns.listen", undo)
        except SettingsError:
            udp.close()
            if endpoint.port or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt raises")


def _bind(
    endpoint: Endpoint, kind: socket.SocketKind, key: str, undo: contextlib.ExitStack, *, join: bool = False
) -> socket.socket:
    """A bound socket; `join` = into the group that already holds the port.

    Raises SettingsError, or _FamilyMissing.
    """
    try:
        one = socket.socket(_FAMILIES[endpoint.family], kind)
    except OSError as error:
        raise _FamilyMissing(f"{endpoint}: {error.strerror}") from error
    undo.callback(one.close)
    one.setblocking(False)
    if endpoint.family == 6:
        # An IPv4 client would arrive as ::ffff:192.0.2.1 and slip past rules for 192.0.2.0/24.
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if kind == _TCP:
        # Connections of the last run that linger in TIME_WAIT must not keep us from starting.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if join:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        one.bind((endpoint.host, endpoint.port))
    except OSError as error:
        one.close()
        if _family_missing(endpoint, error):
            raise _FamilyMissing(f"this machine has no IPv6, so {endpoint} cannot be had") from error
        raise _explain(endpoint, kind, key, error) from error
    return one


def _family_missing(endpoint: Endpoint, error: OSError) -> bool:
    """Whether binding failed because the machine (or container) has no IPv6 at all.

    Every machine with IPv6 has `::1` and takes `::`, so that their absence tells.
    """
    if error.errno == errno.EAFNOSUPPORT:
        return True
    return error.errno == errno.EADDRNOTAVAIL and endpoint.host in ("::1", "::")


def _listen(one: socket.socket, endpoint: Endpoint, key: str) -> None:
    """Start to take connections. Raises SettingsError: two can bind with SO_REUSEADDR, one can listen."""
    try:
        one.listen(_BACKLOG)
    except OSError as error:
        raise _explain(endpoint, _TCP, key, error) from error


def _enlarge(one: socket.socket) -> None:
    """Room for a burst. As much as the kernel allows when it does not allow all of it."""
    try:
        one.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def _real(endpoint: Endpoint, one: socket.socket) -> Endpoint:
    """The endpoint with the port that the kernel gave."""
    return Endpoint(endpoint.host, int(one.getsockname()[1]), endpoint.family)


_REMEDIES: Final = {
    errno.EADDRINUSE: "another program has it; `ss -lnp 'sport = :{port}'` shows which. Stop that program, or"
    " choose another port or address",
    errno.EACCES: "ports below 1024 need root or CAP_NET_BIND_SERVICE. Start as root with `user` set, or"
    " choose a port above 1023",
    errno.EPERM: "this account may not; a sandbox or firewall forbids it",
    errno.EADDRNOTAVAIL: "no interface of this machine has this address; choose one that `ip addr` shows",
}


def _explain(endpoint: Endpoint, kind: socket.SocketKind, key: str, error: OSError) -> SettingsError:
    """The sentence for an address that cannot be had: which, why, and what to do."""
    remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error)).format(port=endpoint.port)
    return SettingsError(f"{key}: {endpoint} ({_NAMES[kind]}) cannot be used: {remedy}")
