"""merger.py with a real store, real files, real children and scripted workers.

Invariant: whatever becomes of a base, verdicts are those of the lists, and no push waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from resolver.admin.changes import Changes
from resolver.admin.changeset import ChangeSet, ListChange, Replace
from resolver.admin.compilers import Compilers
from resolver.admin.merger import Merger
from resolver.errors import ProcessError
from resolver.generation.bases import Bases
from resolver.generation.jobs import Job, Outcome
from resolver.generation.loader import load
from resolver.generation.messages import Refresh
from tests.unit.admin.peers import settle
from tests.unit.admin.road import WHO, Road, built, settings

pytestmark = pytest.mark.timeout(120)


@dataclass
class Hands:
    """Children that build bases, which a test can hold up; it notes what they are asked for."""

    real: Compilers
    jobs: list[Job] = field(default_factory=list)
    cancelled: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fault: str = ""

    async def run(self, job: Job, seconds: float) -> Outcome:
        self.jobs.append(job)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fault == "failure":
            return Outcome(failure="the disk is full")
        if self.fault:
            raise ProcessError("the compiler was killed")
        return await self.real.run(job, seconds)


@dataclass
class Stage:
    """A road whose changes are followed by a merger."""

    road: Road
    hands: Hands
    merger: Merger
    bases: Bases

    async def push(self, *numbers: int, mark: str = "") -> None:
        """One change that pushes these lists."""
        items = []
        for number in numbers:
            text = "".join(f"n{k}{mark}.l{number}.example\n" for k in range(20)) + "all.example\n"
            items.append(ListChange(f"l{number}", Replace(self.road.file(text))))
        await self.road.changes.apply(ChangeSet(tuple(items)), WHO)

    def lists(self) -> set[str]:
        """The lists of the bases that stand there."""
        return {digest for one in self.bases._candidates() for digest in one.lists}

    def in_force(self) -> set[str]:
        number = self.road.store.current()
        assert number is not None
        found = self.road.store.manifest(number)[0].lists.values()
        return {one.rules for one in found if one.rules and one.description.enabled}

    def told(self) -> int:
        """How often workers were told that there may be a better base."""
        return sum(isinstance(message, Refresh) for message in self.road.peers[0].heard)

    async def calm(self) -> None:
        """Until nothing is under way."""
        await settle(lambda: self.merger._task is None or self.merger._task.done())


@asynccontextmanager
async def staged(tmp_path: Path, pause: float = 0.0) -> AsyncIterator[Stage]:
    children = Compilers(spare=0, at_once=1)
    async with built(tmp_path) as road:
        hands = Hands(children)
        hands.gate.set()
        merger = Merger(road.store, road.blobs, hands, road.workers, pause)
        road.changes = Changes(
            road.store, road.blobs, road.compilers, road.workers, settings(road.folder), moved=merger.consider
        )
        try:
            yield Stage(road, hands, merger, Bases.beside(road.blobs))
        finally:
            await road.changes.close(10)
            await merger.close()
            await children.close()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as stage:
        yield stage


async def test_three_lists_are_merged_and_workers_told(stage: Stage) -> None:
    await stage.push(0, 1)
    await stage.calm()
    assert stage.hands.jobs == [] and stage.told() == 0
    await stage.push(2)
    await stage.calm()
    assert len(stage.hands.jobs) == 1
    assert stage.lists() == stage.in_force()
    await settle(lambda: stage.told() == 1)
    number = stage.road.store.current()
    assert number is not None
    loaded = load(stage.road.store, stage.road.blobs, number, verify=True)
    assert loaded.base is not None and len(loaded.base) == 61
    assert stage.road.verdict("n3.l2.example") == "block" and stage.road.verdict("l2.example") == "none"


async def test_two_lists_may_change_beside_a_base_and_the_third_calls_for_another(stage: Stage) -> None:
    await stage.push(0, 1, 2, 3)
    await stage.calm()
    for number, builds in ((0, 1), (1, 1), (0, 1), (2, 2)):
        await stage.push(number, mark=f"new{len(stage.road.numbers())}")
        await stage.calm()
        assert len(stage.hands.jobs) == builds
    assert stage.lists() == stage.in_force(), "the one before is gone"
    await settle(lambda: stage.told() == 5)


async def test_changes_that_come_together_are_merged_once(tmp_path: Path) -> None:
    async with staged(tmp_path, pause=1.0) as stage:
        for number in range(5):
            await stage.push(number)
        await stage.calm()
        assert len(stage.hands.jobs) == 1 and stage.lists() == stage.in_force()


async def test_a_push_does_not_wait_for_a_base(stage: Stage) -> None:
    stage.hands.gate.clear()
    await stage.push(0, 1, 2)
    await settle(lambda: bool(stage.hands.jobs))
    await stage.push(3)
    assert stage.road.verdict("n0.l3.example") == "block"
    stage.hands.gate.set()
    await stage.calm()
    assert stage.hands.cancelled == 0, "one list more can be asked beside it"
    assert len(stage.lists()) == 3
    await settle(lambda: stage.told() == 2)


async def test_a_base_that_is_outgrown_before_it_stands_is_given_up(stage: Stage) -> None:
    stage.hands.gate.clear()
    await stage.push(0, 1, 2)
    await settle(lambda: bool(stage.hands.jobs))
    await stage.push(3, 4, 5)
    await settle(lambda: len(stage.hands.jobs) == 2)
    assert stage.hands.cancelled == 1
    stage.hands.gate.set()
    await stage.calm()
    assert stage.lists() == stage.in_force() and len(stage.lists()) == 6


async def test_at_a_start_what_is_there_is_used_or_mended(stage: Stage) -> None:
    await stage.push(0, 1, 2)
    await stage.calm()
    await stage.road.changes.resume()
    await stage.calm()
    assert len(stage.hands.jobs) == 1
    (path,) = stage.bases.folder.iterdir()
    whole = path.read_bytes()
    for spoilt in (whole[:-1] + b"?", whole[:100], b""):
        path.write_bytes(spoilt)
        await stage.road.changes.resume()
        await stage.calm()
        assert path.read_bytes() == whole


@pytest.mark.parametrize("fault", ["failure", "killed"])
async def test_trouble_is_left_until_the_next_change(stage: Stage, fault: str) -> None:
    stage.hands.fault = fault
    await stage.push(0, 1, 2)
    await stage.calm()
    assert len(stage.hands.jobs) == 1 and stage.lists() == set()
    assert stage.road.verdict("n0.l0.example") == "block"
    stage.hands.fault = ""
    await stage.push(3)
    await stage.calm()
    assert len(stage.lists()) == 4


async def test_a_base_that_nobody_needs_is_deleted(stage: Stage) -> None:
    await stage.push(0, 1, 2)
    await stage.calm()
    assert stage.lists()
    await stage.road.changes.apply(ChangeSet((ListChange("l0", delete=True),)), WHO)
    await stage.calm()
    assert stage.lists() == set()


async def test_nothing_is_in_force(stage: Stage) -> None:
    stage.merger.consider()
    await stage.calm()
    assert stage.hands.jobs == [] and not stage.bases.folder.exists()


async def test_closing_gives_up_what_is_under_way(stage: Stage) -> None:
    await stage.merger.close()
    stage.hands.gate.clear()
    await stage.push(0, 1, 2)
    await settle(lambda: bool(stage.hands.jobs))
    await stage.merger.close()
    assert stage.hands.cancelled == 1 and stage.lists() == set()


async def test_a_child_is_killed_when_its_base_is_given_up(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.push(0, 1, 2)
        await settle(lambda: bool(stage.hands.real._working))
        (child,) = stage.hands.real._working
        await stage.merger.close()
        assert child.returncode is not None
        assert not stage.hands.real._working
