"""A house that goes on asking while something is wrong, and what it saw.

Every second there are new names, old ones (known before, their TTL over) and a blocked one. Nobody asks
again: a question that was lost on the way counts as unanswered.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import dns.message
import dns.rcode

from tests.faults.table import OLD
from tests.support.client import Address, make_query
from tests.support.client import rdatas as addresses_in

PATIENCE: Final = 6.0
"""Seconds after which a question counts as unanswered; five are promised."""

BLOCKED: Final = "bad.example"
OLD_NAMES: Final = tuple(f"{OLD}{number}.example.org" for number in range(5))


@dataclass
class Outcome:
    """One question: when it was asked, when the reply came (None: never), and what it was."""

    name: str
    asked: float
    answered: float | None = None
    rcode: str = ""
    addresses: frozenset[str] = frozenset()

    @property
    def wait(self) -> float:
        """Seconds until the reply, `PATIENCE` if there was none."""
        return PATIENCE if self.answered is None else self.answered - self.asked


@dataclass
class Load:
    """Asks one server; `rate` questions a second, of which one in six is old and one in six blocked."""

    address: Address
    rate: float = 60.0
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.connect(self.address)
        self._waiting: dict[int, Outcome] = {}
        self._names = count()
        self._next = time.monotonic()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def run(self, seconds: float) -> None:
        """Ask for so long, and read what comes."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            while self._next <= now:
                self._ask(now)
                self._next += 1 / self.rate
            self._read(min(self._next, until) - now)

    def settle(self) -> None:
        """Ask nothing more, and wait for what is still to come."""
        until = time.monotonic() + PATIENCE
        while self._waiting and time.monotonic() < until:
            self._read(0.05)
        self._waiting.clear()
        self._next = time.monotonic()

    def until_well(self, seconds: float = PATIENCE) -> float:
        """Seconds until a new name is answered, asking every 20 ms; `seconds` if none is by then."""
        began = time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            self._ask(now, f"n{next(self._names)}.example.org")
            self._read(0.02)
            waits = [
                one.answered - began
                for one in self.outcomes
                if one.asked >= began and one.rcode == "NOERROR" and one.answered is not None
            ]
            if waits:
                return min(waits)
        return seconds

    def _ask(self, now: float, name: str = "") -> None:
        number = next(self._names)
        if not name:
            kinds = {0: OLD_NAMES[number // 6 % len(OLD_NAMES)], 3: BLOCKED}
            name = kinds.get(number % 6, f"n{number}.example.org")
        outcome = Outcome(name, now)
        self.outcomes.append(outcome)
        self._waiting[number & 0xFFFF] = outcome
        with contextlib.suppress(OSError):  # ICMP for an earlier packet; this one counts as unanswered
            self._sock.send(make_query(name, number=number & 0xFFFF).to_wire())

    def _read(self, seconds: float) -> None:
        """Read for so long."""
        until = time.monotonic() + max(seconds, 0.0)
        while select.select([self._sock], [], [], max(0.0, until - time.monotonic()))[0]:
            try:
                octets = self._sock.recv(4096)
            except OSError:
                continue
            outcome = self._waiting.pop(int.from_bytes(octets[:2], "big"), None)
            if outcome is None:
                continue
            reply = dns.message.from_wire(octets)
            outcome.answered, outcome.rcode = time.monotonic(), dns.rcode.to_text(reply.rcode())
            outcome.addresses = frozenset(addresses_in(reply))
