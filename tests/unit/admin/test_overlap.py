"""GET /v1/lists/{id}/overlap over a real server: everything is compared, one caller after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from resolver.admin import overlap
from resolver.admin.compilers import Compilers
from resolver.errors import ProcessError
from resolver.generation.jobs import Job, Outcome
from resolver.rules.overlap import Comparison
from tests.unit.admin.api import Api, serving

OVERLAP = "/v1/lists/ads/overlap"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        yield api


async def test_a_list_beside_the_others(api: Api) -> None:
    await api.push("ads", "||a.example^\n||x.b.example^\n||c.example^\n")
    await api.push("more", "||a.example^\n||b.example^\n||d.example^\n")
    await api.push("ours", "@@||c.example^\n")
    got = await api.call("GET", OVERLAP, scopes=["read"])
    assert (got.status, got.json) == (200, {
        "list": "ads",
        "generation": 3,
        "comparison": {
            "overlaps": [
                {"list": "more", "same": 1, "covered": 1}, {"list": "ours", "same": 0, "covered": 0},
            ],
            "shadowed": 1, "shadowed_sample": ["||c.example^"], "not_compared": [],
        },
    })  # fmt: skip


async def test_lists_that_are_switched_off_do_not_count(api: Api) -> None:
    await api.push("ads", "a.example\n")
    await api.push("more", "a.example\n")
    await api.call("PUT", "/v1/lists/more", {"enabled": False})
    assert (await api.call("GET", OVERLAP)).json["comparison"]["overlaps"] == []


async def test_there_must_be_something_to_compare(api: Api) -> None:
    assert (await api.call("GET", OVERLAP)).code == "list-unknown"
    await api.call("PUT", "/v1/lists/ads", {})
    assert (await api.call("GET", OVERLAP)).code == "content-missing"


async def test_a_damaged_file_is_told_apart(api: Api) -> None:
    await api.push("ads", "a.example\n")
    digest = (await api.push("more", "b.example\n")).json["digest"]
    path = api.road.blobs.path(digest)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    assert (await api.call("GET", OVERLAP)).json["comparison"]["not_compared"] == ["more"]
    mine = await api.call("GET", "/v1/lists/more/overlap")
    assert (mine.status, mine.code) == (500, "store-failed")


class Slow:
    """Compilers that say what a test wants, and count how many jobs ran side by side."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.at_once = self.most = 0

    async def run(self, job: Job, seconds: float) -> Outcome:
        assert job.compare_only and seconds == overlap.COMPARE_SECONDS
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return self.outcome


async def test_one_comparison_at_a_time() -> None:
    slow = Slow(Outcome(rules="a" * 64, comparison=Comparison()))
    job = Job("/b", compare_only=True)
    found = await asyncio.gather(*(overlap._run(cast(Compilers, slow), job) for _ in range(5)))
    assert found == [Comparison()] * 5
    assert slow.most == 1


async def test_a_turn_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "_TURN_SECONDS", 0.01)
    slow = Slow(Outcome(rules="a" * 64, comparison=Comparison()))
    turn = overlap._turns.setdefault(cast(Compilers, slow), asyncio.Lock())
    async with turn:
        with pytest.raises(ProcessError, match="another comparison is under way"):
            await overlap._run(cast(Compilers, slow), Job("/b", compare_only=True))


async def test_an_outcome_without_a_comparison_is_our_fault() -> None:
    slow = Slow(Outcome(rules="a" * 64))
    with pytest.raises(ProcessError, match="gave no comparison"):
        await overlap._run(cast(Compilers, slow), Job("/b", compare_only=True))
