"""How often a client network may do something: token buckets in a memory that does not grow.

A bucket holds `BURST` seconds' worth of tokens and is filled at the rate; whoever takes one from an empty
bucket is over the limit. Instead of a count and a time, a bucket is one number: when it will be full
again. It lies in the past for whoever asks seldom, and at most BURST in the future.

A dictionary of buckets would grow with every forged source address, or forget, and then an offender
only has to send a flood of forged sources to be forgotten. So there are two rows of `SLOTS` buckets,
made once; a key has one bucket in each, chosen by a hash that nobody outside knows (Python's own for octets,
seeded at random for each process; that of numbers is not). A key is over the limit when both of its
buckets are empty, and taking a token empties neither further than the fuller one says (a count-min sketch
with conservative update):

    nothing is ever forgotten before its time, whatever else is sent
    the memory is 17 octets for each slot, whatever is sent
    who shares one bucket with an offender still has the other; to share both by chance, with a
      hundred offenders about, is one in 400 000

Of what is over the limit, every second one *slips*: it is answered with TC, so that a client whose address
was not forged comes back over TCP, and the rest is dropped. Times are arguments.
"""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

from resolver.rules.networks import Address
from resolver.settings import Rate

BURST: Final = 3.0
"""Seconds' worth of tokens that a full bucket holds."""

SLOTS: Final = 65_536
"""Buckets in a row; a power of two."""

WITHIN, SLIPPED, DROPPED = 0, 1, 2
"""What becomes of what asks: it is served, told to come back over TCP, or left without a word."""

_ROW_BITS: Final = 32
"""How far the hash is shifted for the second row: its upper half is independent of its lower one."""


class Limits(NamedTuple):
    """Numbers a second for one client network, as `[dns]` gives them, and questions in flight of one
    client."""

    queries: Rate = "auto"
    responses: Rate = "auto"
    in_flight: int = 4096


class RateLimiter:
    """The buckets of every key for one rate, in events a second (above 0)."""

    __slots__ = ("_depth", "_first", "_mask", "_second", "_slips", "_step")

    def __init__(self, rate: int, slots: int = SLOTS) -> None:
        self._step: Final = 1.0 / rate
        # Half a token more, so that rounding never takes one from a full bucket.
        self._depth: Final = BURST + self._step / 2
        self._mask: Final = slots - 1
        self._first: Final = array("d", bytes(8 * slots))
        self._second: Final = array("d", bytes(8 * slots))
        self._slips: Final = bytearray(slots)

    def judge(self, key: bytes, now: float) -> int:
        """Take a token for a key: WITHIN when there was one, SLIPPED or DROPPED in turn when not."""
        number = hash(key)
        first, second = number & self._mask, number >> _ROW_BITS & self._mask
        one, other = self._first[first], self._second[second]
        full = (one if one < other else other) if one > now and other > now else now
        full += self._step
        if full - now > self._depth:
            self._slips[first] ^= 1
            return SLIPPED if self._slips[first] else DROPPED
        if one < full:
            self._first[first] = full
        if other < full:
            self._second[second] = full
        return WITHIN


def client_network(address: Address) -> bytes:
    """What counts as one client, as a key: the /24 of an IPv4 address, the /56 of an IPv6 one.

    Whoever has one address of such a network usually has the others as well, so a limit for an address
    alone would be none (RFC 6177 1: a home may be given a /56).
    """
    octets, kept = _KEPT[address.version]
    return address.value.to_bytes(octets, "big")[:kept]


_KEPT: Final = {4: (4, 3), 6: (16, 7)}
"""Octets of an address, and how many of them name its network."""
