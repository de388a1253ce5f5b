"""A bounded memory in two halves: cheap to use, fair under a flood, and never slow to forget.

What is new goes into the young half. When that is full it becomes the old half, and what the old
half held is forgotten; a hit in the old half moves up. So what is asked all the time stays, and a
flood of things asked once pushes out only things asked once.

Forgetting fifty thousand entries at once would hold up every client for milliseconds, so a half that
is forgotten is doomed instead: out of reach at once, and freed a few entries with each later `put`.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_FREED: Final = 4
"""Doomed entries freed with each `put`: more than one, so that they do not pile up."""


class Halves(Generic[K, V]):
    """`octets`: how much all entries may weigh; `put` is told what each weighs."""

    __slots__ = ("_doomed", "_half", "_octets", "_older", "old", "young")

    def __init__(self, octets: int) -> None:
        self._half = octets // 2
        self._octets = 0
        self._older = 0
        self._doomed: list[dict[K, V]] = []
        self.young: dict[K, V] = {}
        self.old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def keep(self, key: K, value: V, weight: int) -> None:
        """Remember a value that weighs so many octets; the oldest are forgotten when it is full."""
        self._octets += weight
        if self._octets > self._half:
            self.doom(self.old)
            self.old = self.young
            self.young = {}
            self._older, self._octets = self._octets - weight, weight
        self.young[key] = value
        if self._doomed:
            self._bury()

    def fill(self, key: K, value: V, weight: int) -> bool:
        """Remember something from before, behind all that is known: it pushes out nothing, and replaces
        nothing. What is filled in first stays longest. False when there is no more room."""
        if key in self.young or key in self.old:
            return True
        if self._octets + weight <= self._half:
            self._octets += weight
            self.young[key] = value
            return True
        if self._older + weight <= self._half:
            self._older += weight
            self.old[key] = value
            return True
        return False

    def forget(self, key: K) -> None:
        """Drop one entry, out of both halves: what is newer may have hidden what is older."""
        self.young.pop(key, None)
        self.old.pop(key, None)

    def clear(self) -> None:
        """Forget everything, in one step."""
        self.doom(self.young)
        self.doom(self.old)
        self.young = {}
        self.old = {}
        self._octets = self._older = 0

    def doom(self, entries: dict[K, V]) -> None:
        """See to it that entries which were taken out are freed a few at a time."""
        if entries:
            self._doomed.append(entries)

    def _bury(self) -> None:
        doomed = self._doomed[-1]
        for _ in range(_FREED):
            if not doomed:
                self._doomed.pop()
                return
            doomed.popitem()
