"""What every store promises, whatever keeps it: today SQLite, later PostgreSQL as well.

Invariants: the pointer only ever names a generation whose manifest is kept; a number never means
two things; every move of the pointer is a journal row and the chain of rows verifies; a call that
raises has changed nothing. The state machine at the end compares a store with a model that is a few
lists and a number.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from resolver.errors import StoreError, UnknownGeneration
from resolver.generation import manifest as manifests
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.generation.store import FILE_NAME, Store

AT = "2026-01-02T03:04:05Z"

Opener = Callable[[], Store]


def sqlite_opener(folder: Path) -> Opener:
    """Opens the same store again at each call, as another process would."""
    return lambda: Store(folder / FILE_NAME)


OPENERS: dict[str, Callable[[Path], Opener]] = {"sqlite": sqlite_opener}


@pytest.fixture(params=sorted(OPENERS))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens stores on the same data, and closes them all in the end."""
    opened: list[Store] = []
    opener = OPENERS[request.param](tmp_path)

    def opens() -> Store:
        opened.append(opener())
        return opened[-1]

    yield opens
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Opener) -> Store:
    """An empty store."""
    return reopen()


def rules(tag: int) -> str:
    """A digest that stands for some rules."""
    return f"{tag:064x}"


def child_of_current(store: Store, *tags: int, reason: str = "because") -> Manifest:
    """A manifest that may be committed next, with one list for each tag."""
    current = store.current()
    parent = None if current is None else store.manifest(current)[1]
    lists = {f"list-{tag}": ListEntry(ListDescription(), rules(tag), entries=10 + tag) for tag in tags}
    return Manifest(store.next_number(), parent, AT, "ann", reason, lists=lists)


def push(store: Store, *tags: int) -> int:
    """Commit a new generation; its number."""
    manifest = child_of_current(store, *tags)
    store.commit(manifest, kind="push", source="192.0.2.7")
    return manifest.number


def roll_back(store: Store, number: int) -> None:
    store.activate(number, author="bob", reason="too much", at=AT, source="2001:db8::7")


def everything(store: Store) -> tuple[object, ...]:
    """All that can be seen of a store, to tell that a call changed nothing."""
    return store.current(), store.next_number(), store.generations(1000), store.journal(1000)


def test_an_empty_store_has_nothing_in_force(store: Store) -> None:
    assert store.current() is None
    assert store.next_number() == 1
    assert store.generations() == []
    assert store.journal() == []
    assert store.verify_journal() == []
    with pytest.raises(UnknownGeneration, match="generation 1 "):
        store.manifest(1)


def test_a_commit_is_in_force_and_readable_everywhere(store: Store, reopen: Opener) -> None:
    manifest = child_of_current(store, 1, 2)
    digest = store.commit(manifest, kind="push", source="192.0.2.7")
    for seen in (store, reopen()):
        assert seen.current() == 1
        assert seen.manifest(1) == (manifest, digest)
        assert digest == manifests.digest(manifests.encode(manifest))
        (summary,) = seen.generations()
        assert summary.number == 1
        assert summary.hash == digest
        assert (summary.created, summary.author, summary.reason) == (AT, "ann", "because")
        assert (summary.lists, summary.entries) == (2, 11 + 12)
        assert summary.active
        assert summary.kept


def test_each_generation_names_its_parent(store: Store) -> None:
    for tag in range(4):
        push(store, tag)
    hashes = [store.manifest(number)[1] for number in range(1, 5)]
    parents = [store.manifest(number)[0].parent for number in range(1, 5)]
    assert parents == [None, *hashes[:3]]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"parent": None}, "another change came first"),
        ({"parent": rules(99)}, "another change came first"),
        ({"number": 1}, "given out before"),
        ({"number": 2}, "given out before"),
        ({"number": 0}, "given out before"),
        ({"number": -5}, "given out before"),
    ],
)
def test_what_does_not_follow_is_refused(store: Store, change: dict[str, object], match: str) -> None:
    push(store, 1)
    push(store, 2)
    before = everything(store)
    stranger = msgspec.structs.replace(child_of_current(store, 3), **change)
    for attempt in (store.commit, store.stage):
        with pytest.raises(StoreError, match=match):
            attempt(stranger)
    assert everything(store) == before
    with pytest.raises(UnknownGeneration):
        store.manifest(3)


def test_of_two_changes_made_from_the_same_parent_one_wins(store: Store, reopen: Opener) -> None:
    push(store, 1)
    other = reopen()
    mine, theirs = child_of_current(store, 2), child_of_current(other, 3)
    other.commit(theirs)
    with pytest.raises(StoreError, match="another change came first"):
        store.commit(mine)
    assert store.manifest(2)[0] == theirs


def test_a_staged_manifest_can_be_read_but_counts_for_nothing(store: Store, reopen: Opener) -> None:
    push(store, 1)
    manifest = child_of_current(store, 2)
    digest = store.stage(manifest)
    worker = reopen()
    assert worker.manifest(2) == (manifest, digest)
    assert worker.current() == 1
    assert [found.number for found in worker.generations()] == [1]
    assert len(worker.journal()) == 1
    with pytest.raises(UnknownGeneration):
        worker.activate(2, author="bob", reason="", at=AT)
    assert store.commit(manifest) == digest
    assert worker.current() == 2


def test_a_staged_number_is_not_given_out_again(store: Store, reopen: Opener) -> None:
    push(store, 1)
    abandoned = child_of_current(store, 2)
    store.stage(abandoned)
    assert reopen().next_number() == 3
    successor = child_of_current(store, 4)
    store.stage(successor)
    with pytest.raises(UnknownGeneration):
        store.manifest(abandoned.number)
    with pytest.raises(StoreError, match="given out before"):
        store.commit(abandoned)
    store.commit(successor)
    assert store.current() == 3
    with pytest.raises(StoreError):
        store.stage(abandoned)


def test_a_commit_drops_what_was_staged_otherwise(store: Store) -> None:
    push(store, 1)
    store.stage(child_of_current(store, 2))
    other = child_of_current(store, 3)
    store.commit(other)
    assert store.current() == 3
    with pytest.raises(UnknownGeneration):
        store.manifest(2)


def test_activate_moves_back_and_forth_and_renumbers_nothing(store: Store, reopen: Opener) -> None:
    for tag in range(3):
        push(store, tag)
    manifests_before = [store.manifest(number) for number in (1, 2, 3)]
    for number in (1, 3, 2):
        roll_back(store, number)
        assert reopen().current() == number
        assert [found.number for found in store.generations() if found.active] == [number]
    assert [store.manifest(number) for number in (1, 2, 3)] == manifests_before
    assert push(store, 9) == 4
    assert store.manifest(4)[0].parent == manifests_before[1][1]


def test_activating_what_is_in_force_writes_nothing(store: Store) -> None:
    push(store, 1)
    before = everything(store)
    roll_back(store, 1)
    assert everything(store) == before


@pytest.mark.parametrize("number", [0, -1, 3, 99])
def test_activating_what_never_was_changes_nothing(store: Store, number: int) -> None:
    push(store, 1)
    push(store, 2)
    before = everything(store)
    with pytest.raises(UnknownGeneration, match=f"generation {number} "):
        roll_back(store, number)
    assert everything(store) == before


def test_the_journal_tells_who_why_when_and_from_where(store: Store) -> None:
    push(store, 1)
    push(store, 2)
    roll_back(store, 1)
    newest, middle, oldest = store.journal()
    assert (newest.seq, newest.action, newest.generation, newest.previous) == (3, "rollback", 1, 2)
    assert (newest.author, newest.reason, newest.at, newest.source) == ("bob", "too much", AT, "2001:db8::7")
    assert newest.manifest == store.manifest(1)[1]
    assert (middle.seq, middle.action, middle.generation, middle.previous) == (2, "push", 2, 1)
    assert (middle.author, middle.reason, middle.source) == ("ann", "because", "192.0.2.7")
    assert (oldest.seq, oldest.generation, oldest.previous) == (1, 1, None)
    assert len({row.hash for row in (newest, middle, oldest)}) == 3
    assert store.verify_journal() == []


def test_pages_go_on_where_the_last_one_ended(store: Store) -> None:
    for tag in range(7):
        push(store, tag)
    for read, key in ((store.generations, "number"), (store.journal, "seq")):
        seen: list[int] = []
        before: int | None = None
        while page := read(3, before):
            assert len(page) <= 3
            seen += [getattr(row, key) for row in page]
            before = seen[-1]
        assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_prune_keeps_the_newest_and_what_is_in_force(store: Store) -> None:
    for tag in range(6):
        push(store, tag, 100)
    roll_back(store, 2)
    assert store.prune(2) == {rules(tag) for tag in (1, 4, 5, 100)}
    assert [found.number for found in store.generations() if found.kept] == [6, 5, 2]
    assert store.current() == 2
    assert store.manifest(2)[0].number == 2
    for gone in (1, 3, 4):
        with pytest.raises(UnknownGeneration):
            store.manifest(gone)
        with pytest.raises(UnknownGeneration):
            roll_back(store, gone)
    assert [found.number for found in store.generations()] == [6, 5, 4, 3, 2, 1]
    assert len(store.journal()) == 7
    assert store.verify_journal() == []
    assert push(store, 7) == 7


def test_prune_names_what_is_staged_and_never_keeps_less_than_one(store: Store) -> None:
    push(store, 1)
    push(store, 2)
    store.stage(child_of_current(store, 3))
    assert store.prune(0) == {rules(2), rules(3)}
    assert store.current() == 2


def test_prune_names_lists_that_are_switched_off_and_skips_empty_ones(store: Store) -> None:
    lists = {
        "off": ListEntry(ListDescription(enabled=False), rules(1), entries=1),
        "empty": ListEntry(ListDescription()),
    }
    store.commit(Manifest(1, None, AT, "ann", "", lists=lists))
    assert store.prune(5) == {rules(1)}


def test_readers_see_whole_generations_while_others_commit(store: Store, reopen: Opener) -> None:
    push(store, 0)
    done = threading.Event()
    faults: list[str] = []
    looked = [0, 0, 0]

    def watch(index: int, reader: Store) -> None:
        newest = 0
        while not done.is_set() or not looked[index]:
            number = reader.current()
            assert number is not None
            manifest, _ = reader.manifest(number)
            if manifest.number != number or number < newest:
                faults.append(f"saw {number} after {newest}, with the manifest of {manifest.number}")
            newest = number
            looked[index] += 1

    threads = [threading.Thread(target=watch, args=(index, reopen())) for index in range(len(looked))]
    for thread in threads:
        thread.start()
    try:
        for tag in range(1, 60):
            push(store, tag)
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
    assert faults == []
    assert min(looked) > 0
    assert reopen().current() == 60


def test_one_store_serves_several_threads(store: Store) -> None:
    push(store, 0)
    faults: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(30):
                store.generations(5)
                store.journal(5)
                store.manifest(1)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for tag in range(30):
        push(store, tag)
    for thread in threads:
        thread.join(20)
    assert faults == []
    assert store.current() == 31


class AgainstModel(RuleBasedStateMachine):
    """commit, stage, activate, prune and reopen in any order, against the plainest model there is."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.open = sqlite_opener(Path(self.folder.name))
        self.store = self.open()
        self.kept: dict[int, Manifest] = {}
        self.ever: list[int] = []
        self.last = 0
        self.current: int | None = None
        self.staged: Manifest | None = None
        self.moves: list[tuple[str, int, int | None]] = []

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def _next(self, tags: frozenset[int]) -> Manifest:
        return child_of_current(self.store, *sorted(tags))

    def _committed(self, manifest: Manifest) -> None:
        self.moves.append(("push", manifest.number, self.current))
        self.kept[manifest.number] = manifest
        self.ever.append(manifest.number)
        self.current, self.staged = manifest.number, None
        self.last = max(self.last, manifest.number)

    @initialize(tags=st.frozensets(st.integers(0, 5)))
    def first(self, tags: frozenset[int]) -> None:
        self.commit(tags)

    @rule(tags=st.frozensets(st.integers(0, 5)))
    def commit(self, tags: frozenset[int]) -> None:
        manifest = self._next(tags)
        self.store.commit(manifest)
        self._committed(manifest)

    @rule(tags=st.frozensets(st.integers(0, 5)))
    def stage(self, tags: frozenset[int]) -> None:
        manifest = self._next(tags)
        self.store.stage(manifest)
        self.staged, self.last = manifest, manifest.number

    @precondition(lambda self: self.staged is not None)
    @rule()
    def commit_staged(self) -> None:
        assert self.staged is not None
        current = None if self.current is None else self.store.manifest(self.current)[1]
        if self.staged.parent == current:
            self.store.commit(self.staged)
            self._committed(self.staged)
        else:
            with pytest.raises(StoreError):
                self.store.commit(self.staged)

    @rule(data=st.data())
    def activate(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, self.last + 1))
        if number not in self.kept:
            with pytest.raises(UnknownGeneration):
                roll_back(self.store, number)
            return
        roll_back(self.store, number)
        if number != self.current:
            self.moves.append(("rollback", number, self.current))
            self.current = number

    @rule(keep=st.integers(0, 4))
    def prune(self, keep: int) -> None:
        named = self.store.prune(keep)
        newest = sorted(self.kept)[-max(keep, 1) :]
        self.kept = {n: m for n, m in self.kept.items() if n in newest or n == self.current}
        remaining = [*self.kept.values(), *([self.staged] if self.staged else [])]
        assert named == {e.rules for m in remaining for e in m.lists.values() if e.rules}

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.open()

    @invariant()
    def agrees(self) -> None:
        assert self.store.current() == self.current
        assert self.store.next_number() == self.last + 1
        seen = self.store.generations(1000)
        assert [found.number for found in seen] == sorted(self.ever, reverse=True)
        assert {found.number for found in seen if found.kept} == set(self.kept)
        assert self.current is None or self.current in self.kept
        rows = [(row.action, row.generation, row.previous) for row in self.store.journal(1000)]
        assert rows == self.moves[::-1]
        assert self.store.verify_journal() == []


TestAgainstModel = AgainstModel.TestCase
TestAgainstModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
