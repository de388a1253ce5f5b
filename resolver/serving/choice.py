"""Which upstream is asked, by strategy:

    order      the first in the file that is well
    fastest    the one with the least smoothed time, losses counted as time
    race       the two fastest at once; the first good answer counts

An upstream that was set aside is probed when its pause is over, and one in thirty-two questions of the
other two strategies also goes to an upstream drawn at random, so that one that has become fast again is
found. Both happen beside the usual question: the client does not wait for who may be dead or slow.

If none is well, the one whose pause is over soonest is asked all the same: giving up would turn a short
fault into a long one. Pure but for `chance`; this module must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from resolver.serving.health import Upstream
from resolver.settings import Strategy

EXPLORED: Final = 32
"""One of so many questions looks whether another upstream has become faster."""

LOSS_SECONDS: Final = 0.4
"""What losing every packet is worth, in seconds of time to an answer."""


class Choice:
    """`upstreams` in the order of the file, at least one."""

    __slots__ = ("_chance", "_ordered", "_races", "_upstreams", "several")

    def __init__(self, upstreams: Sequence[Upstream], strategy: Strategy, chance: Iterator[int]) -> None:
        self._upstreams: Final = tuple(upstreams)
        self._ordered: Final = strategy == "order"
        self._races: Final = strategy == "race"
        self._chance: Final = chance
        self.several: Final = len(self._upstreams) > 1

    def first(self) -> Upstream:
        """Whom a question goes to."""
        if self._ordered:
            for one in self._upstreams:
                if not one.aside:
                    return one
        return _best(self._upstreams, self._ordered)

    def beside(self, first: Upstream, now: float) -> Upstream | None:
        """Who is asked at the same time as `first`, if anybody is."""
        for one in self._upstreams:
            if one is first:
                if self._ordered:
                    return None  # those behind it are not wanted, well or not
            elif one.aside and one.aside <= now:
                one.probed(now)
                return one
        if self._ordered:
            return None
        word = next(self._chance)
        others = [one for one in self._upstreams if one is not first]
        if word % EXPLORED == 0:
            return others[(word >> 8) % len(others)]
        return _best(others, self._ordered) if self._races else None

    def next(self, tried: Sequence[Upstream]) -> Upstream:
        """Whom the next try goes to: who was tried already only when all were."""
        fresh = [one for one in self._upstreams if one not in tried]
        return _best(fresh or self._upstreams, self._ordered)

    def untried(self, tried: Sequence[Upstream]) -> bool:
        """Whether anybody else can be asked."""
        return self.several and any(one not in tried for one in self._upstreams)


def _best(among: Sequence[Upstream], ordered: bool) -> Upstream:
    """The best of those that are well; of those set aside the one whose pause is over soonest."""
    well = [one for one in among if not one.aside]
    if not well:
        return min(among, key=lambda one: one.aside)
    return well[0] if ordered else min(well, key=_cost)


def _cost(one: Upstream) -> float:
    """How long an answer may be expected to take. One that was never asked is free, and so soon known."""
    return one.seconds + one.loss * LOSS_SECONDS
