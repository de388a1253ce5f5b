"""Alive, ready, status: with good, dead, stale and troubled workers, and without a store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from resolver.admin import health
from resolver.admin.health import Pulse
from resolver.generation.manifest import Manifest
from resolver.generation.messages import Hello, Ping, Stats, ToAdmin, ToWorker
from tests.unit.admin.peers import Script, dead, playing
from tests.unit.admin.plane import Plane, running


def serves(generation: int, worker: int = 0, trouble: str = "") -> Script:
    """A worker that says it serves that generation."""

    def answer(message: ToWorker) -> list[ToAdmin]:
        if not isinstance(message, Ping):
            return []
        stats = Stats({"queries": 10 + worker, "blocked": 1})
        return [Hello(worker, 100 + worker, generation, message.number, trouble), stats]

    return answer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PING_SECONDS", 0.2)
    monkeypatch.setattr(health, "_FRESH", 0.0)


def put_in_force(plane: Plane) -> None:
    """Generation 1, without lists."""
    store = plane.services.store
    store.commit(Manifest(store.next_number(), None, "2026-01-02T03:04:05Z", "tester", ""))


async def test_alive_needs_the_store_alone(tmp_path: Path) -> None:
    async with running(tmp_path, health.ROUTES, dead) as plane:
        reply = await plane.ask("GET", "/healthz", scopes=None)
        assert (reply.status, reply.json) == (200, {"status": "ok"})
        plane.services.store.close()
        reply = await plane.ask("GET", "/healthz", scopes=None)
        assert (reply.status, reply.code) in ((503, "not-healthy"), (500, "internal-error"))
        assert str(tmp_path).encode() not in reply.body


@pytest.mark.parametrize(
    ("scripts", "reasons"),
    [
        ([serves(1)], []),
        ([serves(1), serves(1, 1)], []),
        ([dead], ["worker 0 does not answer"]),
        ([serves(1), dead], ["worker 1 does not answer"]),
        ([serves(2)], ["worker 0 serves generation 2, 1 is in force"]),
        ([serves(0, trouble="/secret/place is damaged")], ["worker 0 has no valid generation"]),
        ([dead, serves(0, 1)], ["worker 0 does not answer", "worker 1 has no valid generation"]),
    ],
)
async def test_ready_needs_every_worker(tmp_path: Path, scripts: list[Script], reasons: list[str]) -> None:
    async with running(tmp_path, health.ROUTES, *scripts) as plane:
        put_in_force(plane)
        reply = await plane.ask("GET", "/readyz", scopes=None)
        if reasons:
            assert (reply.status, reply.code) == (503, "not-ready")
            assert reply.json["reasons"] == reasons
            assert reply.headers["retry-after"] == "1"
            assert b"secret" not in reply.body
        else:
            assert (reply.status, reply.json) == (200, {"generation": 1, "workers": len(scripts)})
        status = await plane.ask("GET", "/v1/status", scopes=["read"])
        assert (status.json["ready"], status.json["reasons"]) == (not reasons, reasons)


async def test_ready_needs_a_generation(tmp_path: Path) -> None:
    async with running(tmp_path, health.ROUTES, serves(0)) as plane:
        reply = await plane.ask("GET", "/readyz", scopes=None)
        assert (reply.status, reply.code) == (503, "not-ready")
        assert "no generation is in force" in reply.json["reasons"]


async def test_status_tells_an_administrator_everything(tmp_path: Path) -> None:
    async with running(
        tmp_path, health.ROUTES, serves(1), serves(2, 1, trouble="it is damaged"), dead
    ) as plane:
        put_in_force(plane)
        assert (await plane.ask("GET", "/v1/status", scopes=None)).status == 401
        found = (await plane.ask("GET", "/v1/status", scopes=["read"])).json
        assert found["generation"] == 1
        assert found["uptime"] > 0
        assert found["counters"] == {"queries": 21, "blocked": 2}
        first, second, third = found["workers"]
        assert (first["pid"], first["alive"], first["generation"]) == (100, True, 1)
        assert (second["alive"], second["trouble"]) == (True, "it is damaged")
        assert (third["alive"], third["pid"], third["seen"]) == (False, 0, None)


async def test_those_who_ask_at_once_share_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_FRESH", 60.0)
    async with playing(serves(1)) as (workers, peers):
        pulse = Pulse(workers)
        rounds = await asyncio.gather(*(pulse.alive() for _ in range(100)))
        assert all([state.pid for state in states] == [100] for states in rounds)
        assert len(peers[0].heard) == 1
        await pulse.alive()  # still fresh
        assert len(peers[0].heard) == 1
        monkeypatch.setattr(health, "_FRESH", 0.0)
        await pulse.alive()
        assert len(peers[0].heard) == 2


async def test_one_who_hangs_up_takes_no_answer_from_the_others() -> None:
    async with playing(dead) as (workers, _):
        pulse = Pulse(workers)
        first, second = asyncio.create_task(pulse.alive()), asyncio.create_task(pulse.alive())
        await asyncio.sleep(0)
        first.cancel()
        assert await second == []
        with pytest.raises(asyncio.CancelledError):
            await first
