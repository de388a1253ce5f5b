"""Who is served, how often, and with how much at once.

    networks    the allowed ones and nobody else (RFC 5358 4: a resolver is not open to the world)
    questions   over UDP, a second, of one client network (`resolver.serving.limits`)
    answers     equal ones over UDP, a second, to one client network (`resolver.serving.responses`)
    in flight   questions of one client that wait for upstreams, so that one that asks for names nobody
                has heard of leaves room for the others

"auto" limits nobody in a private network, or in one that was named and is no larger than a site's, where
whoever floods can be found and a forged address hurts only neighbours; everybody else carefully. TCP is
never limited by rate: nobody can forge an address there, and connections have limits of their own
(`resolver.serving.tcp`).

Clients without any limit are remembered in `known`, which the datapath asks; whoever is limited is not
in it, so that each of its questions comes by here. All memories are bounded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from resolver.dns.query import Query
from resolver.rules.networks import Address, Network, address_of, network_of
from resolver.serving.limits import DROPPED, SLIPPED, WITHIN, Limits, RateLimiter, client_network
from resolver.serving.responses import ResponseLimiter
from resolver.settings import PRIVATE_NETWORKS, Rate
from resolver.settings import Network as Written

__all__ = ["DROPPED", "SERVED", "SLIPPED", "STRANGER", "Admission", "Limits"]

SERVED: Final = WITHIN
"""What `enter` says of whoever may go on; SLIPPED: tell it to ask over TCP; DROPPED: say nothing."""

STRANGER: Final = 3
"""A client of no allowed network: REFUSED."""

QUESTIONS: Final = 200
"""What "auto" allows a network that is not private, a second: a household stays far below."""

ANSWERS: Final = 20
"""The same for equal answers: more than any stub asks for, too few to hurt whoever gets them unasked."""

_REFUSALS: Final = 10
"""REFUSED a second for one network of strangers: even that is a packet, and the address may be forged."""

_STRANGE_SLOTS: Final = 4096

_REMEMBERED: Final = 65_536
"""Clients without limits that are remembered; beyond that the memory starts anew, and each costs one
check again. Of clients with limits a quarter."""


class _Terms(NamedTuple):
    """What a client is held to, and the network that it counts for."""

    network: bytes
    questions: RateLimiter | None
    answers: ResponseLimiter | None


class Admission:
    """`known` holds the addresses, as text, that are served without limits; the datapath reads it."""

    __slots__ = (
        "_answers",
        "_clock",
        "_in_flight",
        "_met",
        "_most",
        "_questions",
        "_refusals",
        "_served",
        "_sites",
        "_spared",
        "known",
    )

    def __init__(
        self,
        networks: Sequence[Written],
        terms: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        terms = terms or Limits()
        self._served: Final = _networks(networks)
        self._sites: Final = tuple(filter(_is_spared, self._served))
        # Whether a limit spares private networks; a limit that would spare everybody takes no memory.
        self._spared: Final = (terms.queries == "auto", terms.responses == "auto")
        private = all(_is_spared(network) for network in self._served)
        queries = _rate(terms.queries, QUESTIONS, private)
        responses = _rate(terms.responses, ANSWERS, private)
        self._questions: Final = RateLimiter(queries) if queries else None
        self._answers: Final = ResponseLimiter(responses) if responses else None
        self._refusals: Final = RateLimiter(_REFUSALS, _STRANGE_SLOTS)
        self._most: Final = terms.in_flight
        self._clock: Final = clock
        self.known: Final[set[str]] = set()
        self._met: Final[dict[str, _Terms]] = {}
        self._in_flight: Final[dict[str, int]] = {}

    def enter(self, host: str, udp: bool) -> int:
        """What becomes of a question from this address: SERVED, STRANGER, SLIPPED or DROPPED.

        `host` is an address as text; a scope (`fe80::1%eth0`) does not matter. Of strangers over UDP only
        the first few a second are told that they are; then they are dropped.
        """
        if host in self.known:
            return SERVED
        terms = self._met.get(host) or self._meet(host)
        if terms is None:
            return self._turn_away(host, udp)
        if udp and terms.questions is not None:
            return terms.questions.judge(terms.network, self._clock())
        return SERVED

    def temper(self, host: str, query: Query, reply: bytes, proven: bool = False) -> bytes | None:
        """What a client gets over UDP instead of this reply: itself, its truncated form, or None.

        `proven`: its cookie has shown that its address is its own (RFC 7873 5.2.5), so nothing can be
        reflected and nothing is limited.
        """
        if proven or self._answers is None or host in self.known:
            return reply
        terms = self._met.get(host) or self._meet(host)
        if terms is None or terms.answers is None:
            return reply
        return terms.answers.temper(terms.network, query, reply, self._clock())

    def began(self, host: str) -> bool:
        """Count one more question in flight of this client; False, and not counted: it has too many."""
        count = self._in_flight.get(host, 0)
        if count >= self._most:
            return False
        self._in_flight[host] = count + 1
        return True

    def ended(self, host: str) -> None:
        """One question in flight of this client has its answer. Clients without any take no memory."""
        count = self._in_flight.get(host, 0)
        if count > 1:
            self._in_flight[host] = count - 1
        else:
            self._in_flight.pop(host, None)

    def _meet(self, host: str) -> _Terms | None:
        """The terms for a client that is not remembered; None for a stranger."""
        address = address_of(host)
        if address is None or not _within(address, self._served):
            return None
        private = _within(address, self._sites) or _within(address, _PRIVATE)
        questions = None if private and self._spared[0] else self._questions
        answers = None if private and self._spared[1] else self._answers
        terms = _Terms(client_network(address), questions, answers)
        if questions is None and answers is None:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known.add(host)
            return terms
        if len(self._met) >= _REMEMBERED // 4:
            self._met.clear()
        self._met[host] = terms
        return terms

    def _turn_away(self, host: str, udp: bool) -> int:
        """A stranger is told so, but not more often than would hurt whoever's address it is."""
        address = address_of(host)
        if not udp or address is None:
            return STRANGER
        verdict = self._refusals.judge(client_network(address), self._clock())
        return STRANGER if verdict == WITHIN else DROPPED


def _rate(wanted: Rate, careful: int, private: bool) -> int:
    """Events a second, 0 for no limit. `private`: whether only private networks are served at all."""
    if wanted == "auto":
        return 0 if private else careful
    return wanted


def _networks(written: Sequence[Written]) -> tuple[Network, ...]:
    """Networks as numbers, which are ten times faster to compare."""
    return tuple(network for one in written if (network := network_of(str(one))) is not None)


_PRIVATE: Final = _networks(PRIVATE_NETWORKS)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    """Whether one of these networks holds the address."""
    return any(network.holds(address) for network in networks)


_SITE: Final = {4: 16, 6: 32}
"""Bits of a prefix from which on a network that was named is somebody's own, and not half the world."""


def _is_spared(network: Network) -> bool:
    """Whether "auto" limits nobody in a network that is served."""
    return network.prefix >= _SITE[network.version] or _is_private(network)


def _is_private(network: Network) -> bool:
    """Whether all of a network lies inside private ones."""
    first = Address(network.version, network.first)
    return any(one.prefix <= network.prefix and one.holds(first) for one in _PRIVATE)
