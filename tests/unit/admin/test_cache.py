"""/v1/cache/flush: who may, what is told to the workers, and who is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog

from resolver.admin import cache
from resolver.generation.messages import Flush, ToAdmin, ToWorker
from tests.unit.admin.api import serving
from tests.unit.admin.peers import dead, good


class Listening:
    """A worker that forgets 10 answers each time, and keeps what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes | None, bool]] = []

    def __call__(self, message: ToWorker) -> list[ToAdmin]:
        if isinstance(message, Flush):
            self.heard.append((message.name, message.below))
        return good(0)(message)


ORG = b"\x07example\x03org\0"
EVERYTHING: dict[str, Any] = {}

BODIES: list[tuple[dict[str, Any], bytes | None, bool, str | None]] = [
    (EVERYTHING, None, False, None),
    ({"name": "example.org"}, ORG, False, "example.org"),
    ({"name": " Example.ORG. ", "below": True}, ORG, True, "example.org"),
    ({"name": "bücher.example"}, b"\x0dxn--bcher-kva\x07example\0", False, "xn--bcher-kva.example"),
    ({"name": ".", "below": True}, b"\0", True, "."),
]


@pytest.mark.parametrize(("body", "name", "below", "shown"), BODIES)
async def test_every_worker_is_told(
    tmp_path: Path, body: dict[str, Any], name: bytes | None, below: bool, shown: str | None
) -> None:
    first, second = Listening(), Listening()
    async with serving(tmp_path, first, second) as api:
        answer = await api.call("POST", "/v1/cache/flush", body)
    assert answer.status == 200, answer.json
    assert answer.json == {"name": shown, "below": below, "answers": 20, "unconfirmed": []}
    assert first.heard == second.heard == [(name, below)]


async def test_who_does_not_confirm_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "FLUSH_SECONDS", 0.15)
    async with serving(tmp_path, good(0), dead, good(2), dead) as api:
        answer = await api.call("POST", "/v1/cache/flush", {"name": "example.org"})
    assert (answer.status, answer.json["answers"], answer.json["unconfirmed"]) == (200, 10 + 12, [1, 3])


async def test_no_generation_is_made(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.push("ads", "ads.example\n")
        before = api.road.store.current()
        assert (await api.call("POST", "/v1/cache/flush", {})).status == 200
        assert api.road.store.current() == before


WRONG: list[tuple[object, int, str]] = [
    ({"name": ""}, 422, "name-invalid"),
    ({"name": "a..example"}, 422, "name-invalid"),
    ({"name": "x" * 1_001}, 422, "body-invalid"),
    ({"name": 5}, 422, "body-invalid"),
    ({"below": True}, 422, "body-invalid"),
    ({"name": "example.org", "below": "yes"}, 422, "body-invalid"),
    ({"name": "example.org", "subdomains": True}, 422, "body-invalid"),
    ([], 422, "body-invalid"),
]


@pytest.mark.parametrize(("body", "status", "code"), WRONG)
async def test_what_is_not_understood_flushes_nothing(
    tmp_path: Path, body: object, status: int, code: str
) -> None:
    worker = Listening()
    async with serving(tmp_path, worker) as api:
        answer = await api.call("POST", "/v1/cache/flush", body)
    assert (answer.status, answer.code) == (status, code)
    assert worker.heard == []


@pytest.mark.parametrize("scopes", [("read",), ("lists:push:*",), ("read", "lists:push:*")])
async def test_only_an_admin_may(tmp_path: Path, scopes: tuple[str, ...]) -> None:
    worker = Listening()
    async with serving(tmp_path, worker) as api:
        assert (await api.call("POST", "/v1/cache/flush", {}, scopes=scopes)).status == 403
    assert worker.heard == []


async def test_the_log_says_who_did_it(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as events:
        async with serving(tmp_path) as api:
            await api.call("POST", "/v1/cache/flush", {"name": "example.org", "below": True})
    (event,) = [one for one in events if one["event"] == "cache.flushed"]
    assert (event["name"], event["below"], event["caller"]) == ("example.org", True, "admin")
    assert (event["answers"], event["unconfirmed"]) == (10, 0)
