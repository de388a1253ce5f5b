"""Failures remembered: a question that could not be resolved is not asked again at once (RFC 9520 3.2).

Each failure has a time during which whoever asks the same is told the same, without an upstream being asked:

    1 s                for the first, and while upstreams answer nothing at all. The fault is theirs then,
                       and every name must work again as soon as they do
    2, 4, 8 ... 60 s   when the same question fails again and again although others are answered: the fault
                       is the name's
    30 s at least      when there is a stale answer to give meanwhile (RFC 8767 5, failure recheck timer)

RFC 9520 3.2 allows no less than a second, and no more than five minutes (so does RFC 2308 7); a minute
spares upstreams as well, and people need not wait longer for a name that was repaired.

When all upstreams are dead every name fails, so the memory is bounded in octets and fair as the answer cache
is (`resolver.serving.halves`): a failure that is asked about stays, and a flood of others pushes out what was
asked once. Whatever is pushed out costs upstreams one more exchange, no client a right answer.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from resolver.dns.answers import Relay
from resolver.serving.cache import Key, flush
from resolver.serving.halves import Halves

FAILURE_OCTETS: Final = 4 << 20
"""Default bound for a worker's failures, in octets: about fifteen thousand of them."""

_COST: Final = 240
"""What a failure with its key weighs, as measured, beside the octets of the name and of `word`."""

_LONGEST_WORD: Final = 2_000
"""Octets of what an upstream said that are worth keeping: a failure has no records, or a few."""

_SHORTEST: Final = 1.0
_LONGEST: Final = 60.0
_RECHECK: Final = 30.0
"""Seconds; see the module."""

_MOST_TRIES: Final = 7
"""Failures that are counted: with the seventh the longest time is reached."""

_SERIES: Final = 300.0
"""Seconds after a failure's time in which the next one counts as the same trouble going on."""


class Failure(NamedTuple):
    """One failure.

    word     what an upstream itself said (SERVFAIL, REFUSED); None: nobody answered
    until    seconds on the caller's clock until when it is remembered
    tries    how often it has happened, as far as the name is to blame; 1 for the first
    others   how many questions had been answered when it happened
    """

    word: Relay | None
    until: float
    tries: int
    others: int


class Failures(Halves[Key, Failure]):
    """`octets`: how much all failures may weigh."""

    __slots__ = ("_answered",)

    def __init__(self, octets: int = FAILURE_OCTETS) -> None:
        super().__init__(octets)
        self._answered = 0

    def get(self, key: Key, now: float) -> Failure | None:
        """The failure of a question, if its time is not over. One that is asked about stays."""
        failure = self._known(key)
        return failure if failure is not None and now < failure.until else None

    def note(self, key: Key, now: float, word: Relay | None, stale: bool = False) -> Failure:
        """A question has failed at `now`. `stale`: whether there is a stale answer to give meanwhile."""
        before = self._known(key)
        tries, until = 1, now
        if before is not None and now - before.until < _SERIES:
            # Within its time it is the same failure, told twice.
            again = now >= before.until and self._answered != before.others
            tries, until = min(before.tries + again, _MOST_TRIES), before.until
        seconds = min(_SHORTEST * 2 ** (tries - 1), _LONGEST)
        if word is not None and word.octets > _LONGEST_WORD:
            word = None
        until = max(until, now + (max(seconds, _RECHECK) if stale else seconds))
        failure = Failure(word, until, tries, self._answered)
        self._keep(key, failure)
        return failure

    def forget(self, key: Key) -> None:
        """The question was answered: whatever was wrong with it is over, and upstreams do answer."""
        self._answered += 1
        super().forget(key)

    def flush(self, name: bytes | None, below: bool) -> int:
        """Forget the failures of a name, and of all names below it; None: all. How many there were."""
        return flush(self, name, below)

    def _known(self, key: Key) -> Failure | None:
        """What is remembered, its time over or not; moved up from the old half."""
        failure = self.young.get(key)
        if failure is None:
            failure = self.old.pop(key, None)
            if failure is not None:
                self._keep(key, failure)
        return failure

    def _keep(self, key: Key, failure: Failure) -> None:
        """In the place of the one that is there, which then weighs nothing any more."""
        before = self.young.pop(key, None)
        if before is not None:
            self._octets -= _weight(key, before)
        self.keep(key, failure, _weight(key, failure))


def _weight(key: Key, failure: Failure) -> int:
    return _COST + len(key[0]) + (failure.word.octets if failure.word is not None else 0)
