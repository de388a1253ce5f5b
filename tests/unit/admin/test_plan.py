"""plan.py alone: no store, no compiler, no workers; what follows from what."""

from __future__ import annotations

import errno
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.admin.changeset import ChangeSet, ListChange, Patch, Replace
from resolver.admin.plan import MAX_LISTS, jobs, neighbours, plan
from resolver.admin.problems import of_exception
from resolver.errors import ListRefused, ProcessError, RequestError, StoreError
from resolver.generation.jobs import Job, Neighbour, Outcome, Refusal
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.policy.model import AnswerPolicy, Policy
from resolver.rules.report import Report

OLD, NEW = "a" * 64, "b" * 64
ENTRY = ListEntry(ListDescription(title="Ads"), OLD, 10, "hosts", "then")
BARE = ListEntry(ListDescription())
BASE = Manifest(7, None, "then", "", "", lists={"ads": ENTRY, "bare": BARE})


def outcome(rules: str = NEW, entries: int = 3) -> Outcome:
    return Outcome(rules, entries, report=Report("domains", "domains", 1.0), parse_seconds=1, build_seconds=2)


def refused(code: str) -> Outcome:
    return Outcome(refused=Refusal(code, "A title", "A detail", {"report": {"lines": 1}}))


def only(item: ListChange) -> ChangeSet:
    return ChangeSet((item,))


ALLOW = ListDescription("allow")
ADS = Neighbour("ads", OLD, 10)
"""What other lists are compared with."""

JOBS: list[tuple[str, ListChange, Job | None]] = [
    ("push", ListChange("ads", Replace("/f")), Job("/b", source="/f", previous=OLD)),
    ("first push", ListChange("new", Replace("/f")), Job("/b", source="/f", neighbours=(ADS,))),
    (
        "push of a list that is trusted",
        ListChange("ads", Replace("/f"), ListDescription(rewrites=True, unguarded=("zip", "."))),
        Job("/b", source="/f", previous=OLD, rewrites=True, unguarded=("zip", ".")),
    ),
    (
        "push as something else",
        ListChange("ads", Replace("/f"), ListDescription("allow", "hosts", "exact")),
        Job("/b", source="/f", previous=OLD, kind="allow", format="hosts", match="exact"),
    ),
    (
        "patch",
        ListChange("ads", Patch(["x"], ["y"])),
        Job("/b", previous=OLD, known="hosts", add=["x"], remove=["y"]),
    ),
    ("patch of nothing yet", ListChange("bare", Patch(["x"])), Job("/b", add=["x"], neighbours=(ADS,))),
    ("empty patch", ListChange("ads", Patch()), None),
    ("description", ListChange("ads", description=ListDescription(enabled=False)), None),
    ("what the guard lets through", ListChange("ads", description=ListDescription(unguarded=("zip",))), None),
    ("kind before any content", ListChange("bare", description=ALLOW), None),
    ("new description", ListChange("new", description=ALLOW), None),
    ("deletion", ListChange("ads", delete=True), None),
]


@pytest.mark.parametrize(("item", "job"), [row[1:] for row in JOBS], ids=[row[0] for row in JOBS])
def test_the_job_of_a_change(item: ListChange, job: Job | None) -> None:
    assert jobs(BASE, only(item), blobs="/b", dry_run=False) == ({} if job is None else {0: job})


def test_a_dry_run_is_one_for_the_compiler_as_well() -> None:
    made = jobs(BASE, only(ListChange("ads", Replace("/f"))), blobs="/b", dry_run=True)
    assert made[0].dry_run is True


FAULTS: list[tuple[ListChange, str]] = [
    (ListChange("nil", delete=True), "list-unknown"),
    (ListChange("nil", Patch(["x"])), "list-unknown"),
    (ListChange("ads", description=ALLOW), "content-needed"),
    (ListChange("ads", description=ListDescription(match="exact")), "content-needed"),
    (ListChange("ads", Patch(["x"]), ALLOW), "content-needed"),
    (ListChange("ads", description=ListDescription(rewrites=True)), "content-needed"),
]


@pytest.mark.parametrize(("item", "code"), FAULTS)
def test_what_cannot_be_done(item: ListChange, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        jobs(BASE, only(item), blobs="/b", dry_run=False)
    assert caught.value.code == code


def test_all_faults_at_once_with_their_places() -> None:
    items = (
        ListChange("fine", Replace("/f")),
        *(item for item, _ in FAULTS),
        ListChange("fine", delete=True),
    )
    with pytest.raises(RequestError) as caught:
        jobs(BASE, ChangeSet(items, indexed=True), blobs="/b", dry_run=False)
    errors: Any = caught.value.extra["errors"]
    found = [(error["index"], error["code"]) for error in errors]
    # A list that is named again is told so, whatever else would be wrong with it.
    assert found == [
        (1, "list-unknown"), (2, "list-named-twice"), (3, "content-needed"),
        (4, "list-named-twice"), (5, "list-named-twice"), (6, "list-named-twice"), (7, "list-named-twice"),
    ]  # fmt: skip


def test_neighbours_are_the_others_that_answer() -> None:
    off = ListEntry(ListDescription(enabled=False), NEW, 5)
    manifest = Manifest(7, None, "", "", "", lists={"ads": ENTRY, "bare": BARE, "off": off})
    assert neighbours(manifest, "off") == neighbours(manifest, "new") == (ADS,)
    assert neighbours(manifest, "ads") == ()


def test_the_number_of_lists_is_bounded() -> None:
    full = Manifest(1, None, "", "", "", lists={f"list{number}": BARE for number in range(MAX_LISTS)})
    one_more = ListChange("more", description=ListDescription())
    with pytest.raises(RequestError) as caught:
        jobs(full, only(one_more), blobs="/b", dry_run=False)
    assert caught.value.code == "too-many-lists"
    jobs(full, ChangeSet((one_more, ListChange("list0", delete=True))), blobs="/b", dry_run=False)
    jobs(full, only(ListChange("list0", description=ListDescription())), blobs="/b", dry_run=False)


def test_new_rules_make_a_new_entry() -> None:
    made = plan(BASE, only(ListChange("ads", Replace("/f"))), {0: outcome()}, at="now")
    assert made.lists["ads"] == ListEntry(ENTRY.description, NEW, 3, "domains", "now")
    assert made.lists["bare"] == BARE
    result = made.results[0]
    assert (result.changed, result.created, result.entries, result.digest, result.seconds) == (
        True, False, 3, NEW, 3,
    )  # fmt: skip


def test_the_same_rules_keep_the_entry_as_it_was() -> None:
    made = plan(BASE, only(ListChange("ads", Replace("/f"))), {0: outcome(OLD, 10)}, at="now")
    assert made.lists == BASE.lists
    assert made.results[0].changed is False
    assert made.results[0].report is not None


def test_a_patch_keeps_the_format_that_the_list_is_in() -> None:
    made = plan(BASE, only(ListChange("ads", Patch(["x"]))), {0: outcome()}, at="now")
    assert made.lists["ads"].detected == "hosts"
    made = plan(BASE, only(ListChange("bare", Patch(["x"]))), {0: outcome()}, at="now")
    assert made.lists["bare"].detected == "domains"


def test_a_description_alone_leaves_the_content() -> None:
    wanted = ListDescription(enabled=False)
    made = plan(BASE, only(ListChange("ads", description=wanted)), {}, at="now")
    assert made.lists["ads"] == ListEntry(wanted, OLD, 10, "hosts", "then")


def test_lists_stand_in_order_and_results_as_asked() -> None:
    items = (
        ListChange("zoo", Replace("/f")),
        ListChange("ads", delete=True),
        ListChange("new", Replace("/g")),
    )
    made = plan(BASE, ChangeSet(items), {0: outcome(), 2: outcome(OLD)}, at="now")
    assert list(made.lists) == ["bare", "new", "zoo"]
    assert [(r.list, r.created, r.deleted) for r in made.results] == [
        ("zoo", True, False), ("ads", False, True), ("new", True, False),
    ]  # fmt: skip


def test_the_policy_changes_only_when_it_is_given() -> None:
    policy = Policy(AnswerPolicy("refused"))
    assert plan(BASE, ChangeSet(policy=policy), {}, at="now").policy == policy
    assert plan(BASE, ChangeSet(), {}, at="now").policy == BASE.policy


def test_records_are_laid_over_the_policy_in_force() -> None:
    base = msgspec.structs.replace(BASE, policy=Policy(AnswerPolicy("refused"), records=("a. A 192.0.2.1",)))
    line = "b. A 192.0.2.2"
    changed = plan(base, ChangeSet(records=(line,)), {}, at="now").policy
    assert changed == Policy(AnswerPolicy("refused"), records=(line,))
    assert plan(base, ChangeSet(records=()), {}, at="now").policy.records == ()


def test_whose_fault_an_outcome_is() -> None:
    change = only(ListChange("ads", Replace("/f")))
    with pytest.raises(ListRefused) as caught:
        plan(BASE, change, {0: refused("list-empty")}, at="now")
    assert (caught.value.code, caught.value.extra) == ("list-empty", {"report": {"lines": 1}})
    with pytest.raises(StoreError, match="disk") as full:
        plan(BASE, change, {0: Outcome(failure="the disk is full", errno=errno.ENOSPC)}, at="now")
    assert of_exception(full.value).status == 507
    with pytest.raises(StoreError, match="damaged") as other:
        plan(BASE, change, {0: Outcome(failure="it is damaged")}, at="now")
    assert of_exception(other.value).status == 500
    with pytest.raises(ProcessError):
        plan(BASE, change, {0: Outcome()}, at="now")


def test_a_refused_list_cannot_replace_the_members_that_say_which_it_is() -> None:
    lying = Outcome(refused=Refusal("list-empty", "A title", "A detail", {"index": 99, "list": "other"}))
    change = ChangeSet((ListChange("ads", Replace("/f")),), indexed=True)
    with pytest.raises(RequestError) as caught:
        plan(BASE, change, {0: lying}, at="now")
    errors: Any = caught.value.extra["errors"]
    assert (errors[0]["index"], errors[0]["list"], errors[0]["code"]) == (0, "ads", "list-empty")


_ids = st.sampled_from(["ads", "bare", "new", "zoo"])
_contents = st.sampled_from([None, Replace("/f"), Patch(["x"]), Patch()])
_descriptions = st.sampled_from([None, ListDescription(), ALLOW, ListDescription(title="T")])
_items = st.builds(ListChange, _ids, _contents, _descriptions, st.booleans())


@given(st.lists(_items, max_size=4), st.booleans())
def test_whatever_is_asked_is_planned_or_refused_and_touches_nothing_else(
    items: list[ListChange], indexed: bool
) -> None:
    change = ChangeSet(tuple(items), indexed=indexed)
    try:
        wanted = jobs(BASE, change, blobs="/b", dry_run=False)
    except RequestError:
        return
    made = plan(BASE, change, {index: outcome() for index in wanted}, at="now")
    named = {item.list for item in items}
    assert {name: entry for name, entry in made.lists.items() if name not in named} == {
        name: entry for name, entry in BASE.lists.items() if name not in named
    }
    assert len(made.results) == len(items)
    assert any(result.changed for result in made.results) == (made.lists != BASE.lists)
