"""The faults that a house must not notice, or not for long: what begins each of them, and what ends it.

Those of upstreams are changes to two `ScriptedUpstream`s, so that they serve tests in virtual time and the
measurement in real time alike. Those of the machine befall the process of a worker.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.support import behaviours as do
from tests.support import vices
from tests.support.behaviours import FORGED_ADDRESS, Behaviour
from tests.support.upstream import ScriptedUpstream

TRUTH: Final = "192.0.2.1"
"""What every name has."""

OLD: Final = "old"
"""Names whose first label begins so live for a second only, so that a fault finds them stale."""

Upstreams = Sequence[ScriptedUpstream]


def well(name: str, qtype: str) -> Behaviour:
    """What an upstream does when nothing is wrong."""
    return do.answer(f"A {TRUTH}", ttl=1 if name.startswith(OLD) else 60)


_WELL: Final[Behaviour] = lambda seen: well(seen.qname, seen.qtype)(seen)  # noqa: E731 - a value, like others
_FORGED: Final = do.answer(f"A {FORGED_ADDRESS}")


class Fault(NamedTuple):
    """A fault of upstreams. `answered`: whether somebody still has answers for every name meanwhile."""

    name: str
    answered: bool
    begin: Callable[[Upstreams], None]
    end: Callable[[Upstreams], None]


def behave(upstream: ScriptedUpstream, behaviour: Behaviour) -> None:
    """From now on, do this for every name."""
    upstream._default = behaviour


def _each(change: Callable[[ScriptedUpstream], None], *which: int) -> Callable[[Upstreams], None]:
    """Change some of the upstreams, by their place."""

    def act(upstreams: Upstreams) -> None:
        for one in which:
            change(upstreams[one])

    return act


def _stop(*which: int) -> Callable[[Upstreams], None]:
    return _each(ScriptedUpstream.stop, *which)


def _start(*which: int) -> Callable[[Upstreams], None]:
    return _each(lambda upstream: behave(upstream.start(), _WELL), *which)


def _all(make: Callable[[], Behaviour]) -> Callable[[Upstreams], None]:
    return _each(lambda upstream: behave(upstream, make()), 0, 1)


def _first(make: Callable[[], Behaviour]) -> Callable[[Upstreams], None]:
    return _each(lambda upstream: behave(upstream, make()), 0)


_HEAL: Final = _all(lambda: _WELL)


def _lie(name: str, make: Callable[[Behaviour], Behaviour]) -> list[Fault]:
    """A lie of one of two upstreams, and of both."""
    return [
        Fault(f"{name} from one of two", True, _first(lambda: make(_FORGED)), _HEAL),
        Fault(f"{name} from both", False, _all(lambda: make(_FORGED)), _HEAL),
    ]


def faults(clock: Callable[[], float]) -> list[Fault]:
    """Every fault of upstreams, by this clock. Turned case is understood, since ours is not random here."""
    late = lambda: vices.slow(2.0, clock, _WELL)  # noqa: E731 - a value like the others
    flapping = lambda: vices.flapping_in_time(0.5, 0.5, clock, _WELL)  # noqa: E731
    return [
        Fault("both dead (port closed)", False, _stop(0, 1), _start(0, 1)),
        Fault("both dead (silent)", False, _all(do.silence), _HEAL),
        Fault("one of two dead (port closed)", True, _stop(0), _start(0)),
        Fault("one of two dead (silent)", True, _first(do.silence), _HEAL),
        Fault("30 % of packets lost", False, _all(lambda: vices.lossy(0.3, 1, _WELL)), _HEAL),
        Fault("both 2 s late", True, _all(late), _HEAL),
        Fault("one of two 2 s late", True, _first(late), _HEAL),
        Fault("one of two flapping, half a second each", True, _first(flapping), _HEAL),
        Fault("both flapping, half a second each", False, _all(flapping), _HEAL),
        Fault("SERVFAIL from both", False, _all(do.failed), _HEAL),
        Fault("FORMERR to EDNS", True, _all(lambda: do.formerr_to_edns(_WELL)), _HEAL),
        *_lie("wrong ID", do.wrong_id),
        *_lie("wrong question", do.wrong_question),
        *_lie("wrong port", do.from_elsewhere),
        *_lie("no response (QR clear)", do.not_a_response),
        *_lie("half a message", do.cut_short),
        *_lie("TC over TCP too", lambda _: vices.always_cut()),
        *_lie("nothing in a packet", lambda _: vices.empty()),
        *_lie("more promised than there is", lambda inner: vices.lying_count("answer", inner)),
        Fault("the case of the question turned", True, _all(lambda: do.wrong_case(_WELL)), _HEAL),
    ]


class Machine(NamedTuple):
    """A fault of the machine: it befalls the process `pid`. `clock`: the file that its clock is read from;
    `seconds`: how long it has to last before it can be felt."""

    name: str
    begin: Callable[[int, Path], None]
    end: Callable[[int, Path], None]
    seconds: float = 3.0


def _limit_descriptors(pid: int, clock: Path) -> None:
    """What is open stays open, and nothing else can be opened, not even in the place of what is closed."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))


def _free_descriptors(pid: int, clock: Path) -> None:
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))


def _jump(seconds: int) -> Callable[[int, Path], None]:
    def act(pid: int, clock: Path) -> None:
        clock.write_text(str(seconds))

    return act


MACHINE: Final = [
    # Until every port that is open has carried its questions, or has grown too old.
    Machine("no descriptor left", _limit_descriptors, _free_descriptors, 14.0),
    Machine("clock a day ahead", _jump(86_400), _jump(0)),
    Machine("clock a day behind", _jump(-86_400), _jump(0)),
    Machine(
        "no processor time",
        lambda pid, clock: os.kill(pid, signal.SIGSTOP),
        lambda pid, clock: os.kill(pid, signal.SIGCONT),
    ),
]
