"""What the supervisor hands to a child: open file descriptors, by number, in one variable.

The supervisor opens every socket before it drops privileges and keeps it open for its whole life,
so a child that is killed finds its port again, with the packets that came meanwhile. A leaf: both
sides import it, it imports nothing of ours but the error tree.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import msgspec

from resolver.errors import SettingsError

VARIABLE: Final = "BELISHA_INHERITED"

SECRET_OCTETS: Final = 32
"""Of the secret that the supervisor makes for its workers."""


class UdpSocket(msgspec.Struct, frozen=True):
    """`wildcard` is true where the socket is bound to every address, so that a reply must say
    which address it leaves from (IP_PKTINFO)."""

    fd: int
    wildcard: bool = False


class Inherited(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The descriptors of one child.

    lifeline  read end of a pipe that the supervisor never writes: end-of-file means it is gone
    control   the SEQPACKET sockets to the other side: one for a worker, one per worker for admin
    udp, tcp  bound DNS sockets of a worker, TCP already listening
    http      listening sockets of the admin process
    secret    memory with a secret that all workers share; -1 for none
    """

    config: str
    lifeline: int
    control: list[int]
    worker: int = -1
    udp: list[UdpSocket] = msgspec.field(default_factory=list)
    tcp: list[int] = msgspec.field(default_factory=list)
    http: list[int] = msgspec.field(default_factory=list)
    secret: int = -1

    def descriptors(self) -> list[int]:
        """Every descriptor that must survive the exec."""
        secret = [self.secret] if self.secret >= 0 else []
        return [self.lifeline, *self.control, *(u.fd for u in self.udp), *self.tcp, *self.http, *secret]

    def to_environment(self) -> str:
        """The text for `VARIABLE`."""
        return msgspec.json.encode(self).decode()


def from_environment(environment: Mapping[str, str] = os.environ) -> Inherited:
    """What the supervisor handed over. Raises SettingsError when a child is started by hand."""
    text = environment.get(VARIABLE)
    if text is None:
        raise SettingsError("this process is started by `belisha serve`, not by hand")
    try:
        return msgspec.json.decode(text, type=Inherited)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{VARIABLE} cannot be read: {error}") from error
