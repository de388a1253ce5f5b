"""Every fault of `tests.faults.table`: clients hear something within five seconds, and soon all is well.

Faults of upstreams befall a pipeline in virtual time, one question after another. Those of the machine befall
a real worker, for a moment and with bounds that a busy machine keeps; the figures are printed by
`python -m tests.faults`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from tests.faults.load import BLOCKED, OLD_NAMES, Outcome
from tests.faults.measure import Row, of_machine, of_restart, row, stage
from tests.faults.table import MACHINE, TRUTH, Machine, Upstreams, faults, well
from tests.support.behaviours import FORGED_ADDRESS
from tests.support.client import make_query
from tests.support.upstream import ScriptedUpstream
from tests.unit.serving.ground import Ground, addresses, ground, snapshot

WITHIN = 5.0
"""Seconds in which every client hears something (the promise)."""

AFTER = 1.0
"""Seconds after a fault in which a new name is answered (the promise)."""

NAMES = [f"n{number}.example.org" for number in range(4)]

_STEP = 0.25
_FAULTS = [(number, fault.name) for number, fault in enumerate(faults(lambda: 0.0))]


@pytest.fixture
def upstreams() -> Iterator[Upstreams]:
    with ScriptedUpstream(well) as one, ScriptedUpstream(well) as two:
        yield one, two


async def asked(on: Ground, names: Sequence[str], seconds: float) -> list[dns.message.Message | None]:
    """The replies to questions asked at the same time, within so many virtual seconds (None: nothing)."""
    peers = [(object(), name) for name in names]
    said = {peer: on.give(make_query(name).to_wire(), peer=peer) for peer, name in peers}
    until = on.clock.now + seconds
    while True:
        await asyncio.sleep(0.02)  # what an upstream says at once comes before time moves on
        for peer in [peer for peer, octets in said.items() if octets is None]:
            said[peer] = next(iter(on.replies_to(peer)), None)
        if None not in said.values() or on.clock.now >= until:
            break
        await on.pass_time(_STEP)
    return [None if octets is None else dns.message.from_wire(octets) for octets in said.values()]


def rcodes(replies: Sequence[dns.message.Message | None]) -> set[str]:
    return {"nothing" if one is None else dns.rcode.to_text(one.rcode()) for one in replies}


async def recovered(on: Ground) -> float:
    """Virtual seconds until a new name is answered."""
    began = on.clock.now
    for number in range(20):
        (reply,) = await asked(on, [f"after{number}.example.org"], AFTER)
        if reply is not None and addresses(reply) == [TRUTH]:
            break
        await on.pass_time(0.05)
    return on.clock.now - began


@pytest.mark.parametrize("number", [row[0] for row in _FAULTS], ids=[row[1] for row in _FAULTS])
async def test_somebody_says_something_and_all_is_well_right_after(upstreams: Upstreams, number: int) -> None:
    urls = [one.url for one in upstreams]
    async with ground(*urls, served=snapshot(block=(BLOCKED,))) as on:
        assert rcodes(await asked(on, OLD_NAMES, WITHIN)) == {"NOERROR"}
        on.clock.advance(2.0)
        fault = faults(on.clock)[number]
        fault.begin(upstreams)
        replies = await asked(on, (*NAMES, *OLD_NAMES, BLOCKED), WITHIN)
        new, old, blocked = replies[: len(NAMES)], replies[len(NAMES) : -1], replies[-1:]
        assert rcodes(new) == {"NOERROR"} if fault.answered else rcodes(new) <= {"NOERROR", "SERVFAIL"}
        # What was known is given, whatever happens; what is blocked needs nobody.
        assert [addresses(one) for one in old if one is not None] == [[TRUTH]] * len(OLD_NAMES)
        assert rcodes(blocked) == {"NOERROR"}
        assert all(FORGED_ADDRESS not in addresses(one) for one in replies if one is not None)
        fault.end(upstreams)
        assert await recovered(on) <= AFTER


def held(row: Row) -> None:
    """What is promised of every fault of the machine, with room for a busy one."""
    assert row.new[2] == row.old[2] == row.blocked[2] == 0, f"a question was never answered: {row}"
    assert row.longest < WITHIN and row.recovery < 5 * AFTER, row


@pytest.mark.slow
@pytest.mark.parametrize("fault", MACHINE, ids=[fault.name for fault in MACHINE])
def test_the_machine_fails_for_a_moment(tmp_path: Path, fault: Machine) -> None:
    with stage(tmp_path / "stage") as on:
        found = of_machine(on, fault, 1.0)
        held(found)
        assert found.blocked[1] == 0 and found.old[1] == 0, f"what is known is answered: {found}"


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_loses_no_question(tmp_path: Path) -> None:
    """What waits is answered; what comes meanwhile waits in the sockets, which the supervisor keeps."""
    with stage(tmp_path / "stage") as on:
        found = of_restart(on, signal.SIGTERM, "stopped under load")
        held(found)
        assert (found.new[1], found.old[1], found.blocked[1]) == (0, 0, 0)


def test_a_row_counts_what_clients_saw() -> None:
    outcomes = [
        Outcome("n1.example.org", 10.0, 10.5, "NOERROR"),
        Outcome("n2.example.org", 10.0, 12.0, "SERVFAIL"),
        Outcome(OLD_NAMES[0], 10.0),
        Outcome(BLOCKED, 10.0, 10.1, "NOERROR"),
    ]
    assert row("a fault", outcomes, 0.2) == Row(
        "a fault", (1, 1, 0), (0, 0, 1), (1, 0, 0), 6.0, 0.2, ("old0.example.org: nothing after 6.00 s",)
    )
