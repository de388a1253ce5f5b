"""Compilers: whatever a child does, `run` ends in time, with an outcome or a ProcessError, and cleanly.

Most children here are small scripts that misbehave in one way each; the last tests use the real one.
After every test no child is left, not even as a zombie, and no descriptor.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from resolver.admin.compilers import Compilers
from resolver.errors import ProcessError
from resolver.generation.jobs import MAX_OUTCOME, Job, Outcome

JOB = Job(blobs="unused")


def script(body: str) -> tuple[str, ...]:
    """A child that reads one job line into `line` and then does `body`; `say` writes a line."""
    return (
        sys.executable,
        "-c",
        "import os, signal, sys, time\n"
        "def say(text): sys.stdout.write(text + '\\n'); sys.stdout.flush()\n"
        "line = sys.stdin.readline()\n" + body,
    )


ONCE = script("say('{\"entries\": %d}' % os.getpid())")
AGAIN = script(
    'while line:\n    say(\'{"entries": %d, "again": true}\' % os.getpid())\n    line = sys.stdin.readline()'
)


def children() -> set[int]:
    """The processes that we started and that are not reaped."""
    return {int(text) for text in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def pipes() -> int:
    """How many pipes this process holds."""
    targets = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            targets.append(str(entry.readlink()))
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    return sum(target.startswith("pipe:") for target in targets)


@asynccontextmanager
async def compilers(
    command: tuple[str, ...] | None = None, *, spare: int = 1, at_once: int = 2
) -> AsyncIterator[Compilers]:
    """Compilers that must leave nothing behind."""
    children_before, pipes_before = children(), pipes()
    made = Compilers(spare, at_once=at_once, **({"command": command} if command else {}))
    try:
        yield made
    finally:
        await made.close()
    await asyncio.sleep(0)
    assert children() == children_before
    assert pipes() == pipes_before


async def eventually(condition: object, seconds: float = 10) -> None:
    """Wait until `condition()` holds; fails when it never does."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (what is waited for happens in other processes)
            await asyncio.sleep(0.005)


async def test_nothing_is_started_before_it_is_needed() -> None:
    before = children()
    async with compilers(ONCE):
        assert children() == before


async def test_a_child_is_kept_ready_and_used() -> None:
    before = children()
    async with compilers(ONCE) as made:
        await made.start()
        (ready,) = children() - before
        assert (await made.run(JOB, 10)).entries == ready
        await eventually(lambda: len(children() - before) == 1)
        assert (await made.run(JOB, 10)).entries != ready


async def test_a_child_that_says_again_serves_again() -> None:
    async with compilers(AGAIN) as made:
        pids = {(await made.run(JOB, 10)).entries for _ in range(5)}
        assert len(pids) == 1


async def test_a_child_that_does_not_say_again_is_not_asked_again() -> None:
    async with compilers(ONCE) as made:
        pids = [(await made.run(JOB, 10)).entries for _ in range(3)]
        assert len(set(pids)) == 3


async def test_a_ready_child_that_died_is_replaced() -> None:
    before = children()
    async with compilers(AGAIN) as made:
        await made.start()
        (ready,) = children() - before
        os.kill(ready, signal.SIGKILL)
        await eventually(lambda: ready not in children())
        await asyncio.sleep(0.05)
        assert (await made.run(JOB, 10)).entries != ready


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("", "exited with status 0 without an outcome"),
        ("sys.exit(3)", "exited with status 3 without an outcome"),
        ("os.kill(os.getpid(), signal.SIGKILL)", r"was killed by SIGKILL \(out of memory\?\)"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("say('rubbish')", "said what is no outcome"),
        ("say('[]')", "said what is no outcome"),
        ('say(\'{"entries": "many"}\')', "said what is no outcome"),
        ("sys.stdout.write('{\"entries\": 1}')", "exited with status 0 without an outcome"),
        ("sys.stdout.close(); os.close(1); time.sleep(60)", "closed its output without an outcome"),
        (f"sys.stdout.write('x' * {MAX_OUTCOME * 2 + 70_000}); time.sleep(60)", "said more than it should"),
    ],
)
async def test_a_child_that_fails_is_named(body: str, match: str) -> None:
    async with compilers(script(body)) as made:
        with pytest.raises(ProcessError, match=rf"the compiler \(process \d+\) {match}"):
            await made.run(JOB, 30)


async def test_a_child_that_exits_before_it_reads_a_long_job_is_named() -> None:
    command = (sys.executable, "-c", "import sys; sys.stdin.close()")
    async with compilers(command) as made:
        with pytest.raises(ProcessError, match="without an outcome"):
            await made.run(Job(blobs="unused", add=["name.example"] * 200_000), 30)


async def test_a_child_that_never_reads_runs_into_the_limit() -> None:
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    async with compilers(command) as made:
        with pytest.raises(ProcessError, match=r"took longer than 0.2 s and was stopped"):
            await made.run(Job(blobs="unused", add=["name.example"] * 200_000), 0.2)


async def test_a_child_that_takes_too_long_is_stopped() -> None:
    before = children()
    async with compilers(
        script("signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"), spare=0
    ) as made:
        with pytest.raises(ProcessError, match=r"took longer than 0.3 s"):
            await made.run(JOB, 0.3)
        assert children() == before


async def test_a_command_that_cannot_be_started_is_said(tmp_path: Path) -> None:
    async with compilers((str(tmp_path / "nothing"),)) as made:
        with pytest.raises(ProcessError, match=r"cannot be started: No such file"):
            await made.run(JOB, 10)
        with pytest.raises(ProcessError, match="cannot be started"):
            await made.start()


async def test_who_is_cancelled_leaves_no_child_behind() -> None:
    before = children()
    async with compilers(script("time.sleep(60)"), spare=0) as made:
        task = asyncio.create_task(made.run(JOB, 60))
        await eventually(lambda: children() - before)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() == before


async def test_no_more_than_the_bound_run_at_once() -> None:
    before = children()
    async with compilers(script("time.sleep(0.2); say('{}')"), spare=0, at_once=2) as made:
        tasks = [asyncio.create_task(made.run(JOB, 30)) for _ in range(5)]
        most = 0
        while not all(task.done() for task in tasks):
            most = max(most, len(children() - before))
            await asyncio.sleep(0.005)
        assert [task.result() for task in tasks] == [Outcome()] * 5
        assert most == 2


async def test_a_long_job_does_not_take_the_reserve_away() -> None:
    before = children()
    async with compilers(script("time.sleep(60)")) as made:
        task = asyncio.create_task(made.run(JOB, 60))
        await eventually(lambda: len(children() - before) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_close_ends_those_at_work_too() -> None:
    before = children()
    async with compilers(script("time.sleep(60)")) as made:
        await made.start()
        tasks = [asyncio.create_task(made.run(JOB, 60)) for _ in range(4)]  # two work, two wait
        await eventually(lambda: len(children() - before) >= 2)
        await made.close()
        for task in tasks:
            with pytest.raises(ProcessError):
                await task
        with pytest.raises(ProcessError, match="shut down"):
            await made.run(JOB, 60)
        assert children() == before


async def test_children_inherit_no_descriptor_of_ours(tmp_path: Path) -> None:
    listing = script("say('{\"not_found\": [\"%s\"]}' % ' '.join(sorted(os.listdir('/proc/self/fd'))))")
    with (tmp_path / "secret").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        async with compilers(listing) as made:
            (seen,) = (await made.run(JOB, 10)).not_found
    assert str(held.name)
    assert seen.split() == ["0", "1", "2", "3"]  # 3 is the listing itself


@pytest.fixture
def big_list(tmp_path: Path) -> Job:
    """A job that takes the real child long enough to be killed in the middle."""
    source = tmp_path / "spooled"
    source.write_bytes(b"".join(b"name%d.x%d.example\n" % (n, n) for n in range(600_000)))
    return Job(blobs=str(tmp_path / "blobs"), source=str(source))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


async def test_the_real_child_serves_again_and_again(tmp_path: Path) -> None:
    before = children()
    folder = tmp_path / "blobs"
    async with compilers() as made:
        await made.start()
        ready = children() - before
        for index in range(5):
            job = Job(str(folder), add=[f"name{index}.example"], format="domains", match="suffix")
            outcome = await made.run(job, 30)
            assert (outcome.failure, outcome.refused, outcome.entries) == ("", None, 1)
            assert f"{outcome.rules}.rules" in names_in(folder)
            assert children() - before == ready
        refused = await made.run(Job(str(folder), add=["com"], format="domains"), 30)
        assert refused.refused is not None
        assert children() - before == ready
        assert len(names_in(folder)) == 5


async def test_the_real_child_is_stopped_by_the_limit_and_leaves_no_list(big_list: Job) -> None:
    async with compilers() as made:
        await made.start()
        with pytest.raises(ProcessError, match=r"took longer than 0.1 s"):
            await made.run(big_list, 0.1)
        assert not [name for name in names_in(Path(big_list.blobs)) if name.endswith(".rules")]


async def test_the_real_child_is_killed_in_the_middle(big_list: Job) -> None:
    before = children()
    async with compilers(spare=1) as made:
        await made.start()
        (ready,) = children() - before
        task = asyncio.create_task(made.run(big_list, 60))
        await asyncio.sleep(0.1)
        os.kill(ready, signal.SIGKILL)
        with pytest.raises(ProcessError, match=rf"process {ready}\) was killed by SIGKILL"):
            await task
        again = await made.run(Job(big_list.blobs, add=["name.example"], format="domains"), 30)
        assert again.entries == 1


async def test_the_real_child_makes_room_after_a_large_list(big_list: Job) -> None:
    before = children()
    async with compilers() as made:
        await made.start()
        ready = children() - before
        outcome = await made.run(big_list, 60)
        assert outcome.entries == 600_000
        assert not outcome.again
        await eventually(lambda: len(children() - before) == 1)
        assert children() - before != ready
