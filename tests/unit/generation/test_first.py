"""The first start: a folder of files becomes generation 1, once, and no file in it can stop that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import ProcessError, StoreError
from resolver.generation import first
from resolver.generation.blobs import Blobs
from resolver.generation.first import AUTHOR, first_generation, run_job
from resolver.generation.jobs import Job, Outcome, Refusal
from resolver.generation.loader import load
from resolver.generation.manifest import ListId, Manifest
from resolver.generation.store import Store
from resolver.policy.decide import NONE
from resolver.rules.model import ALLOWED, BLOCKED
from tests.unit.generation.made import AT, data_folder, put_in_force, wire


@pytest.fixture
def data(tmp_path: Path) -> Iterator[tuple[Store, Blobs]]:
    store, blobs = data_folder(tmp_path)
    yield store, blobs
    store.close()


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    return folder


def kept(number: int) -> Outcome:
    """What a compile of a good list says."""
    return Outcome(rules=f"{number:064x}", entries=number)


def in_force(store: Store) -> Manifest:
    return store.manifest(1)[0]


def test_files_become_lists_by_the_real_road(data: tuple[Store, Blobs], lists: Path) -> None:
    store, blobs = data
    (lists / "ads.txt").write_text("ads.example\nmore.example\n")
    (lists / "school.allow.txt").write_text("good.example\n")
    assert first_generation(store, blobs, lists, AT, run_job) == 1
    manifest = in_force(store)
    assert (manifest.author, manifest.created, manifest.parent) == (AUTHOR, AT, None)
    assert [(name, entry.description.kind, entry.entries) for name, entry in manifest.lists.items()] == [
        ("ads", "block", 2),
        ("school.allow", "allow", 1),
    ]
    assert manifest.lists["ads"].detected == "domains"
    ruleset = load(store, blobs, 1, verify=True).ruleset
    assert ruleset.verdict(wire("ads.example")) == BLOCKED
    assert ruleset.verdict(wire("good.example")) == ALLOWED
    assert ruleset.verdict(wire("example.org")) == NONE
    (row,) = store.journal()
    assert (row.action, row.author, row.generation) == ("first start", AUTHOR, 1)


def test_it_happens_once(data: tuple[Store, Blobs], lists: Path) -> None:
    store, blobs = data
    put_in_force(store)
    (lists / "ads.txt").write_text("ads.example\n")

    def never(job: Job) -> Outcome:
        raise AssertionError(job)

    assert first_generation(store, blobs, lists, AT, never) is None
    assert in_force(store).lists == {}


@pytest.mark.parametrize("make", [True, False])
def test_no_lists_are_a_generation_too(data: tuple[Store, Blobs], lists: Path, make: bool) -> None:
    store, blobs = data
    folder = lists if make else lists / "missing"
    assert first_generation(store, blobs, folder, AT, run_job) == 1
    assert in_force(store).lists == {}


def test_only_plain_txt_files_count(data: tuple[Store, Blobs], lists: Path) -> None:
    store, blobs = data
    for name in ("yes.txt", ".hidden.txt", "notes.md", "yes.txt.bak", "YES.TXT"):
        (lists / name).write_text("ads.example\n")
    (lists / "folder.txt").mkdir()
    seen: list[str] = []

    def compile_one(job: Job) -> Outcome:
        seen.append(Path(job.source or "").name)
        return kept(1)

    first_generation(store, blobs, lists, AT, compile_one)
    assert seen == ["yes.txt"]
    assert list(in_force(store).lists) == ["yes"]


def test_a_refused_file_is_seen_and_explained(data: tuple[Store, Blobs], lists: Path) -> None:
    store, blobs = data
    (lists / "good.txt").write_text("ads.example\n")
    (lists / "page.txt").write_text("<html>")

    def compile_one(job: Job) -> Outcome:
        if "page" in (job.source or ""):
            return Outcome(refused=Refusal("list-is-html", "A web page", "It is a web page"))
        return kept(3)

    assert first_generation(store, blobs, lists, AT, compile_one) == 1
    manifest = in_force(store)
    assert manifest.lists["good"].rules == f"{3:064x}"
    assert manifest.lists["page"].rules is None
    assert manifest.lists["page"].entries == 0
    assert manifest.reason.endswith("; page.txt was refused: It is a web page")


def test_our_own_fault_puts_nothing_in_force(data: tuple[Store, Blobs], lists: Path) -> None:
    store, blobs = data
    (lists / "ads.txt").write_text("ads.example\n")
    with pytest.raises(StoreError, match=r"ads.txt could not be compiled: the disk is full"):
        first_generation(store, blobs, lists, AT, lambda _: Outcome(failure="the disk is full"))
    assert store.current() is None


def test_many_refusals_make_a_reason_of_bounded_length(data: tuple[Store, Blobs], lists: Path) -> None:
    store, blobs = data
    for index in range(30):
        (lists / f"{index}.txt").write_text("x")
    refusal = Outcome(refused=Refusal("list-empty", "Empty", "very " * 30))
    first_generation(store, blobs, lists, AT, lambda _: refusal)
    assert len(in_force(store).reason) == first._MAX_REASON


def test_names_that_look_alike_get_numbers(data: tuple[Store, Blobs], lists: Path) -> None:
    store, blobs = data
    for name in ("My List.txt", "my_list.txt", "my-list.txt", "Ünï.txt", "日本.txt", "--.txt"):
        (lists / name).write_text("x")
    first_generation(store, blobs, lists, AT, lambda _: kept(1))
    assert set(in_force(store).lists) == {"my-list", "my_list", "my-list-2", "n", "list", "list-2"}


@given(st.lists(st.text(max_size=80), max_size=8))
def test_any_names_become_valid_ids_that_differ(stems: list[str]) -> None:
    taken: set[str] = set()
    for stem in stems:
        list_id = first._free_id(stem, taken)
        assert list_id not in taken
        taken.add(list_id)
    msgspec.convert(sorted(taken), list[ListId])


def test_run_job_names_a_child_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first, "COMMAND", ("sleep", "30"))
    with pytest.raises(ProcessError, match=r"took longer than 0.1 s"):
        run_job(Job(str(tmp_path)), seconds=0.1)


@pytest.mark.parametrize(
    ("command", "match"),
    [
        (("/nowhere/compiler",), "cannot be started: No such file"),
        (("true",), r"ended \(status 0\) without an outcome"),
        (("false",), r"ended \(status 1\) without an outcome"),
        (("echo", "rubbish"), "without an outcome"),
    ],
)
def test_run_job_names_a_child_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], match: str
) -> None:
    monkeypatch.setattr(first, "COMMAND", command)
    with pytest.raises(ProcessError, match=match):
        run_job(Job(str(tmp_path)))
