"""`kill -9` of each process at random moments of a push: the verdict is the old or the new, never neither.

Every push replaces one list by another of the same size, in which one name takes the place of
another: version n blocks `vN.example` and nothing else that is probed, and every version blocks
`always.example`. So after a kill exactly one of two names is blocked, whoever is asked.

BELISHA_KILL_ROUNDS sets the number of kills of each kind (default 5). The seed is printed by pytest
when a round fails, because it is part of the assertion's text.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.belisha import Belisha, state, wait_for

ROUNDS = int(os.environ.get("BELISHA_KILL_ROUNDS", "5"))
SIZE = 20_000
"""Lines of a list: enough that reading, compiling, preparing and committing all take a while."""
PROBES = 12
"""Queries for each name, from as many ports, so that every worker is asked."""

_FILLER = "".join(f"name-{number}.filler.example\n" for number in range(SIZE))


def content(version: int) -> str:
    return f"always.example\nv{version}.example\n{_FILLER}"


class Push(threading.Thread):
    """A push under way; whatever becomes of it."""

    def __init__(self, server: Belisha, version: int) -> None:
        super().__init__()
        self._server, self._version = server, version
        self.outcome = ""

    def run(self) -> None:
        try:
            self.outcome = str(
                self._server.call("PUT", "/v1/lists/probe/content", content(self._version).encode())[0]
            )
        except (OSError, ValueError) as error:
            self.outcome = type(error).__name__


def versions_in_force(server: Belisha, candidates: list[int]) -> set[tuple[bool, ...]]:
    """For each of many queries, which of the versions were blocked (asked one after the other)."""
    return {tuple(server.blocked(f"v{version}.example") for version in candidates) for _ in range(PROBES)}


def push_again(server: Belisha, text: str, *, patient: bool) -> None:
    """The next push. A compiler that was killed in reserve some milliseconds ago may not be missed yet:
    then the push is refused with "try again", which is done once."""
    status, answer = server.call("PUT", "/v1/lists/probe/content", text.encode())
    if patient and status == 503:
        status, answer = server.call("PUT", "/v1/lists/probe/content", text.encode())
    assert status == 200, answer


def compiler_of(server: Belisha) -> int | None:
    """The process that reads lists: a child of the admin process."""
    admin = server.children().get("admin")
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(words[1]) == admin and b"compiler" in (entry / "cmdline").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    return None


def victim(server: Belisha, kind: str) -> int | None:
    assert server.process
    if kind == "supervisor":
        return server.process.pid
    return compiler_of(server) if kind == "compiler" else server.children().get(kind)


@pytest.mark.slow
@pytest.mark.timeout(60 + 20 * ROUNDS)
@pytest.mark.parametrize("kind", ["worker-0", "admin", "compiler", "supervisor"])
def test_the_verdict_is_old_or_new(server: Belisha, kind: str) -> None:
    seed = random.SystemRandom().getrandbits(32)
    chance = random.Random(seed)
    begun = time.monotonic()
    server.push("probe", content(0))
    whole = time.monotonic() - begun
    current = 0
    for number in range(1, ROUNDS + 1):
        where = f"round {number} of {kind}, seed {seed}"
        push = Push(server, number)
        push.start()
        time.sleep(chance.uniform(0, 1.2 * whole))
        if (pid := victim(server, kind)) is not None:
            os.kill(pid, signal.SIGKILL)
        if kind == "supervisor":
            server.kill()
            push.join()
            server.start()
        push.join()
        wait_for(server.ready, f"the service, {where}")
        found = versions_in_force(server, [current, number])
        assert len(found) == 1, f"workers disagree: {where}"
        assert found in ({(True, False)}, {(False, True)}), f"neither or both: {where}"
        assert server.blocked("always.example"), where
        if found == {(False, True)}:
            current = number
        assert push.outcome != "200" or current == number, f"accepted, and lost: {where}"
        # What comes next works as if nothing had happened.
        again = number + 1_000_000
        push_again(server, content(again), patient=kind == "compiler")
        assert versions_in_force(server, [current, again]) == {(False, True)}, where
        current = again
    assert state(server.children()["admin"])
