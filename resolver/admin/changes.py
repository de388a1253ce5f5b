"""The one road by which anything changes: a push, an edit, a new policy, a rollback.

    1  wait for our turn        one change at a time: each is made from the one before, none is lost
    2  look at preconditions    under the lock, or somebody could come between the look and the swap
    3  compile what changed     in child processes, as a list comes from outside and may be anything
    4  stop if nothing differs  the same bytes make no new generation, so a push may be repeated
    5  stage the manifest       workers can read it, nothing points to it; its number is used up
    6  workers prepare          they map and check; whoever cannot stops the change, while nothing in
                                force has been touched
    7  move the pointer         one transaction, durable: the only moment at which anything changes
    8  workers commit           success is said only when every worker serves the new generation
    9  tidy up                  old manifests and files go, after the answer, never beside a change

A crash before 7 leaves the old generation in force, after it the new one; what was written before
and not named is litter that the next tidying removes. A worker that is dead at 6 reads the pointer
when it comes back, so it does not stop a school from blocking a site. After 7 there is no way
back: if a worker does not confirm, the caller is told that the change is in force on disk and who
has not confirmed, and the worker is told again whenever it is heard (`admin.workers`).

From 1 on a change belongs to this object, not to the request: a caller who hangs up half-way gets
either the old or the new state as well.

This module must not know HTTP beyond the RequestErrors it raises, nor what is inside a list.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import structlog

from resolver.admin import plan as planning
from resolver.admin.changeset import Applied, ChangeSet
from resolver.admin.problems import Problem, problem, register
from resolver.admin.workers import Workers
from resolver.errors import BelishaError, CorruptFile, ProcessError
from resolver.generation.blobs import Blobs
from resolver.generation.jobs import Job, Outcome
from resolver.generation.manifest import Manifest
from resolver.generation.store import Store, Summary
from resolver.settings import Settings

_log = structlog.get_logger(__name__)

_Result = TypeVar("_Result")

register({"generation-unknown": Problem(404, "There is no such generation")})

TURN_SECONDS: Final = 180.0
"""How long a change waits for those before it."""
COMPILE_SECONDS: Final = 180.0
"""How long one list may take to be read and compiled, on the slowest machine that is meant."""
PREPARE_SECONDS: Final = 10.0
"""How long a worker may take to map a generation; one that is dead costs all of it."""
COMMIT_SECONDS: Final = 5.0
"""How long a worker may take to serve what it has mapped, or to be started again."""
CHANGE_SECONDS: Final = TURN_SECONDS + COMPILE_SECONDS + PREPARE_SECONDS + COMMIT_SECONDS + 10.0
"""How long a whole change may take once its body is here."""


class Compiler(Protocol):
    """What is needed of `admin.compilers.Compilers`: it bounds how many children run at once."""

    async def run(self, job: Job, seconds: float) -> Outcome: ...


class Who(NamedTuple):
    """Who makes a change, why, and from which address: what the journal keeps."""

    author: str
    reason: str
    source: str = ""


def utc_now() -> datetime:
    """The time, for journals and manifests."""
    return datetime.now(UTC)


class Changes:
    """The road. One object in one process: it holds the lock that keeps changes in a row."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        compilers: Compiler,
        workers: Workers,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """`moved` is called whenever the pointer has moved, and at the start; it must return at once."""
        self._store: Final = store
        self._blobs: Final = blobs
        self._compilers: Final = compilers
        self._workers: Final = workers
        self._keep: Final = settings.admin.keep_generations
        self._clock: Final = clock
        self._moved: Final = moved
        self._lock: Final = asyncio.Lock()
        self._running: Final[set[asyncio.Task[Any]]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self.prepare_seconds = PREPARE_SECONDS
        self.commit_seconds = COMMIT_SECONDS

    async def resume(self) -> None:
        """After a start: tell the workers again what is in force, and tidy.

        The process before this one may have been killed between moving the pointer and telling.
        Returns at once: the workers confirm when they can.
        """
        number = await asyncio.to_thread(self._store.current)
        if number is not None:
            await self._workers.commit(number, 0)
            self._moved()
        self._tidy_later()

    async def close(self, seconds: float = 30.0) -> None:
        """Let what is under way come to its end, for `seconds` at most, then give it up."""
        running = {*self._running, *([self._tidying] if self._tidying else [])}
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def in_force(self) -> tuple[Manifest, str | None]:
        """The manifest in force and its hash; an empty one numbered 0 before the first.

        Raises StoreError.
        """
        return await asyncio.to_thread(self._in_force)

    async def known(self, number: int) -> Summary:
        """A generation that is kept. Raises RequestError (404) when it is not, or never was."""
        found = await asyncio.to_thread(self._store.generations, 1, number + 1)
        if not found or found[0].number != number or not found[0].kept:
            raise problem(
                "generation-unknown",
                f"Generation {number} is not kept. GET /v1/generations shows those that are.",
            )
        return found[0]

    async def previous(self) -> int | None:
        """The generation that the one in force was made from: where a rollback goes.

        By parents, not by the journal, so that a second rollback goes one further back. None when
        there is none, or when it is no longer kept. When the manifest in force is damaged, and with
        it the name of its parent, the newest one before it that is kept. Raises StoreError.
        """
        return await asyncio.to_thread(self._previous)

    async def apply(self, change: ChangeSet, who: Who, *, dry_run: bool = False) -> Applied:
        """Make a change, or with `dry_run` only find out what it would do, writing nothing.

        Raises RequestError where the change is at fault, StoreError or ProcessError where we are;
        the text of a ProcessError after the pointer moved says so.
        """
        if dry_run:
            # No turn is needed: nothing is written, and a guess about the next state is all it is.
            return await self._try(change)
        return await self._finish(self._apply(change, who))

    async def activate(
        self, number: int, who: Who, *, preconditions: tuple[Callable[[Manifest], None], ...] = ()
    ) -> Applied:
        """Put a generation that is kept in force again (a rollback, or forth again).

        Raises RequestError (404) when it is not kept, else as `apply` does.
        """
        return await self._finish(self._activate(number, who, preconditions))

    # -- the road, step by step --------------------------------------------------------------

    async def _try(self, change: ChangeSet) -> Applied:
        """Everything up to the point where something would be written."""
        manifest, _ = await self.in_force()
        _check(manifest, change)
        planned = await self._compile(manifest, change, dry_run=True)
        made = Manifest(
            manifest.number + 1, None, self._now(), "", "", planned.policy, planned.lists
        )  # shown, never stored
        return Applied(manifest.number, _differs(manifest, planned), True, made, planned.results)

    async def _apply(self, change: ChangeSet, who: Who) -> Applied:
        """The road of a change of content; the order is explained at the top of this file."""
        async with self._turn():
            manifest, digest = await self.in_force()
            _check(manifest, change)
            planned = await self._compile(manifest, change, dry_run=False)
            if not _differs(manifest, planned):
                await self._confirm_unchanged(manifest.number)
                return Applied(manifest.number, False, False, manifest, planned.results)
            made = Manifest(
                number=await asyncio.to_thread(self._store.next_number),
                parent=digest,
                created=self._now(),
                author=who.author,
                reason=who.reason,
                policy=planned.policy,
                lists=planned.lists,
            )
            await asyncio.to_thread(self._store.stage, made)
            await self._prepare(made)
            await asyncio.to_thread(self._store.commit, made, source=who.source)
            self._tidy_later()
            self._moved()
            await self._commit(made.number)
        _log.info("change.applied", generation=made.number, author=who.author, reason=who.reason)
        return Applied(made.number, True, False, made, planned.results)

    async def _activate(
        self, number: int, who: Who, preconditions: tuple[Callable[[Manifest], None], ...]
    ) -> Applied:
        """The road without compiling: everything that is put in force exists already."""
        async with self._turn():
            before = await asyncio.to_thread(self._replaceable)
            _check(before, ChangeSet(preconditions=preconditions))
            await self.known(number)
            made, _ = await asyncio.to_thread(self._store.manifest, number)
            if number == await asyncio.to_thread(self._store.current):
                await self._confirm_unchanged(number)
                return Applied(number, False, False, made)
            await self._prepare(made)
            await asyncio.to_thread(
                self._store.activate,
                number,
                author=who.author,
                reason=who.reason,
                at=self._now(),
                source=who.source,
            )
            self._moved()
            await self._commit(number)
        _log.info("generation.activated", generation=number, author=who.author, reason=who.reason)
        return Applied(number, True, False, made)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Hold the lock. Raises ProcessError when those before take too long."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            raise ProcessError(
                f"other changes have kept this one waiting for {TURN_SECONDS:.0f} s; try again later"
            ) from None
        # From here on nobody else moves the pointer: not in this process (the lock), nor in another
        # (the store refuses a child of anything but the generation in force).
        try:
            yield
        finally:
            self._lock.release()

    async def _compile(self, manifest: Manifest, change: ChangeSet, *, dry_run: bool) -> planning.Plan:
        """Have the lists compiled that bring content, side by side, and lay the result out."""
        jobs = planning.jobs(manifest, change, blobs=str(self._blobs.folder), dry_run=dry_run)
        # All are awaited, also after a failure: a child that went on alone could write its file
        # after the tidying has looked.
        answers = await asyncio.gather(
            *(self._compilers.run(job, COMPILE_SECONDS) for job in jobs.values()), return_exceptions=True
        )
        outcomes: dict[int, Outcome] = {}
        for index, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            outcomes[index] = answer
        return planning.plan(manifest, change, outcomes, at=self._now())

    async def _prepare(self, made: Manifest) -> None:
        """Have everyone load a manifest that does not count yet. Raises StoreError or ProcessError."""
        # With no worker alive nobody would notice; the supervisor could then start none.
        missing = await asyncio.to_thread(self._missing, made)
        if missing:
            raise CorruptFile(
                f"the compiled file of {', '.join(missing)} is missing; nothing was changed: push again"
            )
        refusals = await self._workers.prepare(made.number, self.prepare_seconds)
        if refusals:
            reasons = "; ".join(f"worker {worker}: {text}" for worker, text in sorted(refusals.items()))
            raise ProcessError(f"a worker cannot load the new generation, so nothing was changed ({reasons})")

    async def _commit(self, number: int) -> None:
        """Have everyone serve what is in force. Raises ProcessError naming those that do not."""
        late = await self._workers.commit(number, self.commit_seconds)
        if not late:
            return
        states = self._workers.states()
        names = ", ".join(
            f"worker {worker}" + (f" ({states[worker].trouble})" if states[worker].trouble else "")
            for worker in late
        )
        raise ProcessError(
            f"generation {number} is in force on disk, but not every worker has confirmed that it serves"
            f" it: {names}. Nothing is lost: it is told again as soon as it is heard; repeat the request"
            " to see whether it has caught up"
        )

    async def _confirm_unchanged(self, number: int) -> None:
        """Success means that every worker serves it, also when nothing had to be done."""
        if number and any(state.generation != number for state in self._workers.states()):
            await self._commit(number)

    async def _finish(self, road: Coroutine[Any, Any, _Result]) -> _Result:
        """Go down a road to its end, even if whoever asked for it is cancelled on the way."""
        task = asyncio.ensure_future(road)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    # -- what blocks on the disk, called in threads --------------------------------------------

    def _in_force(self) -> tuple[Manifest, str | None]:
        """See `in_force`. The pointer may move between the two reads; what it left is still kept."""
        number = self._store.current()
        if number is None:
            return Manifest(0, None, "", "", ""), None
        return self._store.manifest(number)

    def _replaceable(self) -> Manifest:
        """The manifest in force, or an empty one if it is damaged: a rollback is the way out of that."""
        try:
            return self._in_force()[0]
        except CorruptFile:
            return Manifest(0, None, "", "", "")

    def _previous(self) -> int | None:
        """See `previous`."""
        current = self._store.current()
        if current is None:
            return None
        parent: str | None = None
        with contextlib.suppress(CorruptFile):
            parent = self._store.manifest(current)[0].parent
            if parent is None:
                return None
        before = current
        while page := self._store.generations(100, before):
            for summary in page:
                if summary.hash == parent or (parent is None and summary.kept):
                    return summary.number if summary.kept else None
            before = page[-1].number
        return None

    def _missing(self, made: Manifest) -> list[str]:
        """The lists whose compiled files do not stand where they should."""
        return [
            name for name, entry in made.lists.items() if entry.rules and not self._blobs.has(entry.rules)
        ]

    # -- tidying ---------------------------------------------------------------------------------

    def _tidy_later(self) -> None:
        """Tidy up when no change is under way; once, however many changes ask for it."""
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.ensure_future(self._tidy())

    async def _tidy(self) -> None:
        """Forget old manifests, delete files that nothing names. Trouble is logged: nobody waits."""
        try:
            async with self._lock:
                named = await asyncio.to_thread(self._store.prune, self._keep)
                gone = await asyncio.to_thread(self._blobs.sweep, named)
        except BelishaError as error:
            _log.warning("tidy.failed", error=str(error))
        else:
            _log.debug("tidy.done", files=gone)

    def _now(self) -> str:
        """The time as manifests and the journal have it: UTC, RFC 3339, whole seconds."""
        return self._clock().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _check(manifest: Manifest, change: ChangeSet) -> None:
    """Raise what a precondition raises."""
    for precondition in change.preconditions:
        precondition(manifest)


def _differs(manifest: Manifest, planned: planning.Plan) -> bool:
    """Whether the plan would put anything else in force."""
    return (manifest.policy, manifest.lists) != (planned.policy, planned.lists)
