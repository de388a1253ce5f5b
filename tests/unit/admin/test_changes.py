"""changes.py with a real store, real files, real compiler children and scripted workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from resolver.admin import changes as module
from resolver.admin import plan
from resolver.admin.changes import Changes, Who
from resolver.admin.changeset import ChangeSet, ListChange, Patch, Replace
from resolver.errors import CorruptFile, ListRefused, ProcessError, RequestError, StoreError
from resolver.generation.manifest import ListDescription, Manifest
from resolver.generation.messages import Commit, Committed, Hello, Prepare, Prepared, ToAdmin, ToWorker
from resolver.policy.model import AnswerPolicy, Policy
from tests.unit.admin.peers import dead, good, settle
from tests.unit.admin.road import WHO, Road, built, changes_of, settings

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with built(tmp_path) as road:
        yield road


async def test_a_push_makes_a_generation_that_every_worker_serves(road: Road) -> None:
    applied = await road.push("ads", "ads.example\ntracker.example\n")
    assert (applied.generation, applied.changed, applied.dry_run) == (1, True, False)
    result = applied.lists[0]
    assert (result.list, result.created, result.changed, result.entries) == ("ads", True, True, 2)
    assert result.digest is not None and road.blobs.has(result.digest)
    assert road.peers[0].heard == [Prepare(1), Commit(1)]
    assert road.verdict("ads.example") == "block"
    assert road.verdict("example.org") == "none"
    row = road.store.journal()[0]
    assert (row.author, row.reason, row.source, row.generation) == (*WHO, 1)
    manifest, _ = road.store.manifest(1)
    assert manifest.created == manifest.lists["ads"].updated == "2026-01-02T03:04:05Z"


async def test_the_same_rules_make_no_generation(road: Road) -> None:
    first = await road.push("ads", "ads.example\ntracker.example\n")
    road.peers[0].heard.clear()
    for text in ("ads.example\ntracker.example\n", "# sorted otherwise\ntracker.example\nads.example\n"):
        again = await road.push("ads", text)
        assert (again.generation, again.changed) == (1, False)
        assert again.lists[0].digest == first.lists[0].digest
        assert again.lists[0].changed is False
    assert road.numbers() == [1]
    assert road.peers[0].heard == []
    assert road.store.journal()[0].seq == 1


async def test_pushes_at_once_make_generations_in_a_row_and_none_is_lost(road: Road) -> None:
    names = [f"name{number}.example" for number in range(6)]
    applied = await asyncio.gather(
        *(road.push(f"list{number}", f"{name}\n") for number, name in enumerate(names))
    )
    assert sorted(one.generation for one in applied) == [1, 2, 3, 4, 5, 6]
    assert {road.verdict(name) for name in names} == {"block"}
    hashes = {summary.number: summary.hash for summary in road.store.generations()}
    for number in range(2, 7):
        assert road.store.manifest(number)[0].parent == hashes[number - 1]


async def test_patches_of_one_list_at_once_are_all_kept(road: Road) -> None:
    await road.push("ads", "ads.example\n")
    await asyncio.gather(*(road.patch("ads", f"name{number}.example") for number in range(5)))
    assert {road.verdict(f"name{number}.example") for number in range(5)} == {"block"}
    assert road.store.current() == 6


async def test_a_patch_adds_removes_and_names_what_was_not_there(road: Road) -> None:
    await road.push("ads", "ads.example\nold.example\n")
    applied = await road.patch("ads", "new.example", remove=("old.example", "never.example"))
    assert applied.lists[0].not_found == ("never.example",)
    assert applied.lists[0].entries == 2
    verdicts = [road.verdict(name) for name in ("ads.example", "new.example", "old.example")]
    assert verdicts == ["block", "block", "none"]


async def test_an_empty_patch_changes_nothing(road: Road) -> None:
    await road.push("ads", "ads.example\n")
    assert (await road.patch("ads")).changed is False


async def test_several_lists_and_the_policy_in_one_swap(road: Road) -> None:
    policy = Policy(AnswerPolicy("nxdomain"))
    change = ChangeSet(
        (
            ListChange("ads", Replace(road.file("ads.example\n"))),
            ListChange("ours", Replace(road.file("ok.ads.example\n")), ListDescription("allow")),
            ListChange("later", description=ListDescription(title="Later")),
        ),
        policy=policy,
    )
    applied = await road.changes.apply(change, WHO)
    assert [result.list for result in applied.lists] == ["ads", "ours", "later"]
    manifest, _ = road.store.manifest(1)
    assert manifest.policy == policy
    assert list(manifest.lists) == ["ads", "later", "ours"]
    assert road.verdict("ads.example") == "block"
    assert road.verdict("ok.ads.example") == "allow"
    assert road.numbers() == [1]


async def test_a_deleted_list_no_longer_blocks(road: Road) -> None:
    await road.push("ads", "ads.example\n")
    applied = await road.changes.apply(ChangeSet((ListChange("ads", delete=True),)), WHO)
    assert (applied.generation, applied.lists[0].deleted) == (2, True)
    assert road.verdict("ads.example") == "none"


async def test_a_refused_list_writes_nothing(road: Road) -> None:
    await road.push("ads", "ads.example\n")
    await road.changes.close()
    before = road.snapshot()
    with pytest.raises(ListRefused):
        await road.push("ads", "<!DOCTYPE html>\n<html><body>Not found</body></html>\n")
    assert road.snapshot() == before
    assert road.verdict("ads.example") == "block"


async def test_one_refused_list_stops_all_and_every_fault_is_told(road: Road) -> None:
    await road.push("ads", "ads.example\n")
    change = ChangeSet(
        (
            ListChange("ads", Replace(road.file("other.example\n"))),
            ListChange("page", Replace(road.file("<!DOCTYPE html>\n<html></html>\n"))),
            ListChange("void", Replace(road.file("\n"))),
        ),
        indexed=True,
    )
    with pytest.raises(RequestError) as caught:
        await road.changes.apply(change, WHO)
    assert (caught.value.status, caught.value.code) == (422, "transaction-refused")
    errors: Any = caught.value.extra["errors"]
    assert [(error["index"], error["list"]) for error in errors] == [(1, "page"), (2, "void")]
    assert road.numbers() == [1]
    assert road.verdict("ads.example") == "block"


async def test_a_worker_that_cannot_load_stops_the_change_before_it_counts(tmp_path: Path) -> None:
    refuse = True

    def picky(message: ToWorker) -> list[ToAdmin]:
        if isinstance(message, Prepare) and refuse:
            return [Prepared(message.generation, "out of memory")]
        return good(1)(message)

    async with built(tmp_path, good(0), picky) as road:
        with pytest.raises(ProcessError, match="worker 1: out of memory"):
            await road.push("ads", "ads.example\n")
        assert road.store.current() is None
        assert road.numbers() == []
        assert road.store.journal() == []
        assert not any(isinstance(message, Commit) for peer in road.peers for message in peer.heard)
        refuse = False
        # The refused number is used up: no late word about it can be taken for the next one.
        assert (await road.push("ads", "ads.example\n")).generation == 2


async def test_workers_can_read_what_they_are_asked_to_prepare(tmp_path: Path) -> None:
    seen: list[Manifest] = []

    def reading(message: ToWorker) -> list[ToAdmin]:
        if isinstance(message, Prepare):
            seen.append(made.store.manifest(message.generation)[0])
            assert made.store.current() != message.generation
        return good()(message)

    async with built(tmp_path, reading) as made:
        await made.push("ads", "ads.example\n")
        assert [manifest.number for manifest in seen] == [1]
        assert "ads" in seen[0].lists


async def test_a_worker_that_does_not_confirm_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    async with built(tmp_path, good(0), dead) as road:
        road.changes.prepare_seconds = road.changes.commit_seconds = 0.1
        for _ in range(2):  # the second time nothing differs, and it still is no success
            with pytest.raises(ProcessError, match=r"generation 1 is in force on disk.*worker 1"):
                await road.push("ads", "ads.example\n")
        assert road.store.current() == 1
        # The worker comes back as it does: it reads the pointer, and says so.
        road.peers[1].script = good(1)
        road.peers[1].say(Hello(1, 4321, 1))
        await settle(lambda: road.workers.states()[1].generation == 1)
        assert (await road.push("ads", "ads.example\n")).changed is False


async def test_trouble_after_the_pointer_moved_is_told(tmp_path: Path) -> None:
    def failing(message: ToWorker) -> list[ToAdmin]:
        if isinstance(message, Commit):
            return [Committed(message.generation, "lost the file")]
        return good()(message)

    async with built(tmp_path, failing) as road:
        with pytest.raises(ProcessError, match=r"worker 0 \(lost the file\)"):
            await road.push("ads", "ads.example\n")
        assert road.store.current() == 1


DESCRIPTIONS = [
    (ListDescription(title="Ads"), True),
    (ListDescription(enabled=False), True),
    (ListDescription(format="hosts"), True),
    (ListDescription(), False),
]


@pytest.mark.parametrize(("description", "changed"), DESCRIPTIONS)
async def test_a_description_alone(road: Road, description: ListDescription, changed: bool) -> None:
    await road.push("ads", "ads.example\n")
    applied = await road.changes.apply(ChangeSet((ListChange("ads", description=description),)), WHO)
    assert applied.changed is changed
    assert applied.manifest.lists["ads"].description == description
    assert road.verdict("ads.example") == ("block" if description.enabled else "none")


@pytest.mark.parametrize("content", [None, Patch(["more.example"], [])])
@pytest.mark.parametrize("description", [ListDescription("allow"), ListDescription(match="suffix")])
async def test_kind_and_match_need_the_content(
    road: Road, description: ListDescription, content: Patch | None
) -> None:
    await road.push("ads", "ads.example\n")
    with pytest.raises(RequestError) as caught:
        await road.changes.apply(ChangeSet((ListChange("ads", content, description),)), WHO)
    assert (caught.value.status, caught.value.code) == (409, "content-needed")
    change = ListChange("ads", Replace(road.file("ads.example\n")), description)
    applied = await road.changes.apply(ChangeSet((change,)), WHO)
    assert applied.changed is True
    assert road.verdict("ads.example") == ("allow" if description.kind == "allow" else "block")


UNKNOWN = [
    (ListChange("nil", delete=True), 404, "list-unknown"),
    (ListChange("nil", Patch(["a.example"], [])), 404, "list-unknown"),
    (ListChange("nil", Patch([], [])), 404, "list-unknown"),
]


@pytest.mark.parametrize(("change", "status", "code"), UNKNOWN)
async def test_a_list_that_is_not_there(road: Road, change: ListChange, status: int, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        await road.changes.apply(ChangeSet((change,)), WHO)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert road.store.current() is None


async def test_a_precondition_is_asked_with_the_state_in_force(road: Road) -> None:
    seen: list[int] = []

    def condition(manifest: Manifest) -> None:
        seen.append(manifest.number)
        if manifest.number:
            raise RequestError(412, "precondition-failed", "", "")

    def change(name: str) -> ChangeSet:
        content = Replace(road.file(f"{name}\n"))
        return ChangeSet((ListChange("ads", content),), preconditions=(condition,))

    first, second = await asyncio.gather(
        road.changes.apply(change("one.example"), WHO),
        road.changes.apply(change("two.example"), WHO),
        return_exceptions=True,
    )
    # Both saw an empty state when they were sent; only one may act on it.
    assert seen == [0, 1]
    assert not isinstance(first, BaseException)
    assert isinstance(second, RequestError)
    assert road.numbers() == [1]


async def test_a_dry_run_tells_the_same_and_writes_nothing(road: Road) -> None:
    await road.push("ads", "ads.example\nold.example\n")
    await road.changes.close()
    before = road.snapshot()
    text = "ads.example\nnew.example\nnot a name!\n"
    tried = await road.push("ads", text, dry_run=True)
    assert (tried.generation, tried.changed, tried.dry_run) == (1, True, True)
    with pytest.raises(ListRefused):
        await road.push("ads", "<!DOCTYPE html>\n<html></html>\n", dry_run=True)
    assert (await road.push("ads", "ads.example\nold.example\n", dry_run=True)).changed is False
    assert road.snapshot() == before
    done = await road.push("ads", text)
    for field in ("changed", "entries", "digest", "report", "diff", "not_found"):
        assert getattr(done.lists[0], field) == getattr(tried.lists[0], field), field


async def test_a_rollback_goes_the_same_road(road: Road) -> None:
    for name in ("one.example", "two.example", "three.example"):
        await road.push("ads", f"{name}\n")
    road.peers[0].heard.clear()
    assert await road.changes.previous() == 2
    back = await road.changes.activate(2, Who("tester", "too much blocked"))
    assert (back.generation, back.changed) == (2, True)
    assert road.peers[0].heard == [Prepare(2), Commit(2)]
    assert road.verdict("two.example") == "block"
    assert road.verdict("three.example") == "none"
    assert road.store.journal()[0].reason == "too much blocked"
    assert await road.changes.previous() == 1
    again = await road.changes.activate(2, WHO)
    assert again.changed is False
    # The next push is made from what is in force, under a number that never was.
    assert (await road.push("ads", "four.example\n")).generation == 4
    assert await road.changes.previous() == 2


async def test_before_and_at_the_first_generation_there_is_no_previous(road: Road) -> None:
    assert await road.changes.previous() is None
    await road.push("ads", "ads.example\n")
    assert await road.changes.previous() is None


async def test_only_what_is_kept_can_be_activated(road: Road) -> None:
    await road.push("ads", "ads.example\n")
    manifest, digest = await road.changes.in_force()
    staged = Manifest(2, digest, manifest.created, "", "")
    road.store.stage(staged)  # what a killed process leaves behind
    for number in (2, 3, 10**9):
        with pytest.raises(RequestError) as caught:
            await road.changes.activate(number, WHO)
        assert (caught.value.status, caught.value.code) == (404, "generation-unknown")
    assert road.store.current() == 1


async def test_a_generation_whose_file_is_gone_is_not_put_in_force(road: Road) -> None:
    first = await road.push("ads", "one.example\n")
    await road.push("ads", "two.example\n")
    assert first.lists[0].digest is not None
    road.blobs.path(first.lists[0].digest).unlink()
    with pytest.raises(CorruptFile, match="ads"):
        await road.changes.activate(1, WHO)
    assert road.store.current() == 2


async def test_old_generations_and_files_go_after_a_change(tmp_path: Path) -> None:
    async with built(tmp_path, keep=2) as road:
        digests = [(await road.push("ads", f"n{number}.example\n")).lists[0].digest for number in range(4)]
        await road.changes.close()
        kept = [summary.number for summary in road.store.generations() if summary.kept]
        assert kept == [4, 3]
        assert [road.blobs.has(digest or "") for digest in digests] == [False, False, True, True]


async def test_whoever_wants_to_know_is_told_that_the_pointer_moved(road: Road) -> None:
    told: list[int | None] = []
    changes = Changes(
        road.store,
        road.blobs,
        road.compilers,
        road.workers,
        settings(road.folder),
        moved=lambda: told.append(road.store.current()),
    )
    await changes.resume()
    assert told == [], "there is nothing in force yet"
    for text in ("a.example\n", "b.example\n", "b.example\n"):
        await changes.apply(road.replace("ads", text), WHO)
    await changes.activate(1, WHO)
    await changes.activate(1, WHO)
    await changes.resume()
    assert told == [1, 2, 1, 1], "the same again moves nothing"
    await changes.close(10)


async def test_tidying_waits_for_a_change_that_is_under_way(road: Road) -> None:
    await road.push("ads", "ads.example\n")
    await road.changes.close()
    held = asyncio.Event()
    swept: list[bool] = []
    sweep = road.blobs.sweep

    def watching(keep: set[str]) -> int:
        swept.append(held.is_set())
        return sweep(keep)

    road.blobs.sweep = watching  # type: ignore[method-assign]
    async with road.changes._turn():
        await road.changes.resume()
        await asyncio.sleep(0.05)
        held.set()
    await road.changes.close()
    assert swept == [True]


async def test_trouble_while_tidying_troubles_nobody(road: Road) -> None:
    def broken(keep: set[str]) -> int:
        raise StoreError("no space")

    road.blobs.sweep = broken  # type: ignore[method-assign]
    assert (await road.push("ads", "ads.example\n")).changed is True
    await road.changes.close()
    assert (await road.push("ads", "more.example\n")).changed is True


async def test_a_new_process_tells_the_workers_what_is_in_force(road: Road) -> None:
    await road.changes.resume()
    assert road.peers[0].heard == []
    await road.push("ads", "ads.example\n")
    road.peers[0].heard.clear()
    await changes_of(road).resume()
    await settle(lambda: road.peers[0].heard == [Commit(1)])


async def test_whoever_waits_too_long_for_a_turn_is_told(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 0.05)
    async with road.changes._turn():
        with pytest.raises(ProcessError, match="try again"):
            await road.push("ads", "ads.example\n")
    assert (await road.push("ads", "ads.example\n")).generation == 1


async def test_a_compiler_that_fails_leaves_everything(road: Road) -> None:
    await road.push("ads", "ads.example\n")
    with pytest.raises(StoreError):
        # The body is gone before the child could read it.
        await road.changes.apply(ChangeSet((ListChange("ads", Replace("/nowhere/at/all")),)), WHO)
    assert road.numbers() == [1]


async def test_there_is_a_limit_to_the_number_of_lists(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_LISTS", 2)
    items = tuple(ListChange(name, description=ListDescription()) for name in ("a", "b", "c"))
    with pytest.raises(RequestError) as caught:
        await road.changes.apply(ChangeSet(items), WHO)
    assert (caught.value.status, caught.value.code) == (409, "too-many-lists")
    await road.changes.apply(ChangeSet(items[:2]), WHO)
    await road.changes.apply(ChangeSet((ListChange("a", delete=True), items[2])), WHO)


Step = Callable[[Road], tuple[object, str]]

STEPS: dict[str, Step] = {
    "compile": lambda road: (road.compilers, "run"),
    "number": lambda road: (road.store, "next_number"),
    "stage": lambda road: (road.store, "stage"),
    "prepare": lambda road: (road.workers, "prepare"),
    "pointer": lambda road: (road.store, "commit"),
    "tell": lambda road: (road.workers, "commit"),
}
"""Every place at which the road waits for something, in order."""


def is_new(step: str, *, after: bool) -> bool:
    """Whether the pointer has moved when the road breaks at a step, or right behind it."""
    return step == "tell" or (step == "pointer" and after)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_fault_at_any_step_leaves_old_or_new(road: Road, step: str, after: bool) -> None:
    await road.push("ads", "old.example\n")
    holder, name = STEPS[step](road)
    real = getattr(holder, name)

    def faulty(*args: Any, **named: Any) -> Any:
        if after and asyncio.iscoroutinefunction(real):
            return _then_raise(real(*args, **named))
        if after:
            real(*args, **named)
        raise OSError("a lying disk")

    setattr(holder, name, faulty)
    with pytest.raises(OSError, match="lying"):
        await road.push("ads", "new.example\n")
    setattr(holder, name, real)
    expected = ("none", "block") if is_new(step, after=after) else ("block", "none")
    assert (road.verdict("old.example"), road.verdict("new.example")) == expected
    await road.push("ads", "next.example\n")
    assert road.verdict("next.example") == "block"
    assert road.store.verify_journal() == []


async def _then_raise(real: Any) -> None:
    await real
    raise OSError("a lying disk")


@pytest.mark.parametrize("step", STEPS)
async def test_a_caller_that_goes_away_at_any_step_changes_nothing_about_it(road: Road, step: str) -> None:
    await road.push("ads", "old.example\n")
    holder, name = STEPS[step](road)
    real = getattr(holder, name)
    loop = asyncio.get_running_loop()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **named: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await real(*args, **named)

    def slow_thread(*args: Any, **named: Any) -> Any:
        loop.call_soon_threadsafe(reached.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        return real(*args, **named)

    setattr(holder, name, slow if asyncio.iscoroutinefunction(real) else slow_thread)
    caller = asyncio.ensure_future(road.push("ads", "new.example\n"))
    await reached.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    setattr(holder, name, real)
    # The next one waits for its turn, and finds the change made.
    assert (await road.push("ads", "new.example\n")).changed is False
    assert road.verdict("new.example") == "block"


@pytest.mark.parametrize("step", STEPS)
async def test_a_process_killed_at_any_step_leaves_old_or_new(road: Road, step: str) -> None:
    """Everything before the step has happened, nothing of it and after it ever will."""
    await road.push("ads", "old.example\n")
    holder, name = STEPS[step](road)
    real = getattr(holder, name)
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def never(*args: Any, **named: Any) -> Any:
        reached.set()
        await asyncio.Event().wait()

    def never_thread(*args: Any, **named: Any) -> Any:
        loop.call_soon_threadsafe(reached.set)
        raise StoreError("killed")

    setattr(holder, name, never if asyncio.iscoroutinefunction(real) else never_thread)
    killed = asyncio.ensure_future(road.push("ads", "new.example\n"))
    await reached.wait()
    await asyncio.gather(road.changes.close(0), killed, return_exceptions=True)
    setattr(holder, name, real)
    expected = ("none", "block") if is_new(step, after=False) else ("block", "none")
    assert (road.verdict("old.example"), road.verdict("new.example")) == expected
    road.changes = changes_of(road)
    await road.changes.resume()
    await road.push("ads", "next.example\n")
    assert road.verdict("next.example") == "block"
    await road.changes.close()
    named = road.store.prune(50)
    assert {path.stem for path in road.blobs.folder.iterdir()} == named


async def test_closing_lets_a_change_end(road: Road) -> None:
    pushing = asyncio.ensure_future(road.push("ads", "ads.example\n"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await road.changes.close()
    assert (await pushing).generation == 1


def test_the_steps_are_those_of_the_road() -> None:
    text = Path(module.__file__).read_text(encoding="utf-8")
    body = text[text.index("async def _apply") : text.index("async def _activate")]
    assert body.count("await ") == 2 + len(STEPS), "a new await needs a row in STEPS"
    assert Changes is module.Changes
