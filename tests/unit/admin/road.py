"""The whole road of a change for tests: real store, blobs, compiler children; scripted workers."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from resolver.admin.changes import Changes, Who
from resolver.admin.changeset import Applied, ChangeSet, ListChange, Patch, Replace
from resolver.admin.compilers import Compilers
from resolver.admin.workers import Workers
from resolver.dns.names import from_host
from resolver.generation.blobs import Blobs
from resolver.generation.loader import load
from resolver.generation.store import FILE_NAME, Store
from resolver.settings import Admin, Settings
from tests.unit.admin.peers import Peer, Script, good, playing

WHO = Who("tester", "because", "192.0.2.7")


@dataclass
class Road:
    """Everything that a change needs, and short words for tests."""

    folder: Path
    store: Store
    blobs: Blobs
    compilers: Compilers
    workers: Workers
    peers: list[Peer]
    changes: Changes

    def file(self, text: str) -> str:
        """A spooled body."""
        data = text.encode()
        path = self.folder.parent / f"body-{hashlib.sha256(data).hexdigest()[:16]}"
        path.write_bytes(data)
        return str(path)

    def replace(self, list_id: str, text: str) -> ChangeSet:
        return ChangeSet((ListChange(list_id, Replace(self.file(text))),))

    async def push(self, list_id: str, text: str, *, dry_run: bool = False) -> Applied:
        return await self.changes.apply(self.replace(list_id, text), WHO, dry_run=dry_run)

    async def patch(self, list_id: str, *add: str, remove: tuple[str, ...] = ()) -> Applied:
        change = ListChange(list_id, Patch(list(add), list(remove)))
        return await self.changes.apply(ChangeSet((change,)), WHO)

    def verdict(self, name: str) -> str:
        """What the generation in force says, its files checked from the first octet to the last."""
        number = self.store.current()
        if number is None:
            return "none"
        loaded = load(self.store, self.blobs, number, verify=True)
        return loaded.ruleset.explain(from_host(name)).verdict

    def numbers(self) -> list[int]:
        """Every generation there ever was, newest first."""
        return [summary.number for summary in self.store.generations(1000)]

    def snapshot(self) -> dict[str, bytes]:
        """Every octet of the data directory. The -shm file is SQLite's index in memory: no data."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.name.endswith("-shm")
        }


def changes_of(road: Road, *, keep: int = 50) -> Changes:
    """Another object over the same parts: what a restarted admin process would make."""
    made = Changes(
        road.store,
        road.blobs,
        road.compilers,
        road.workers,
        settings(road.folder, keep=keep),
        lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    made.prepare_seconds = made.commit_seconds = 1.0
    return made


def settings(folder: Path, *, keep: int = 50, require_reason: bool = False) -> Settings:
    return Settings(
        data_dir=str(folder),
        admin=Admin(keep_generations=keep, require_reason=require_reason, body_mb=1, list_mb=16),
    )


@asynccontextmanager
async def built(tmp_path: Path, *scripts: Script, keep: int = 50) -> AsyncIterator[Road]:
    """A road with the workers that the scripts play; one good worker without any."""
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    store = Store(folder / FILE_NAME)
    compilers = Compilers(1)
    try:
        async with playing(*(scripts or (good(),))) as (workers, peers):
            road = Road(folder, store, Blobs(folder / "blobs"), compilers, workers, peers, None)  # type: ignore[arg-type]
            road.changes = changes_of(road, keep=keep)
            try:
                yield road
            finally:
                await road.changes.close(10)
    finally:
        await compilers.close()
        store.close()
