"""The child process that reads and compiles lists: `python -m resolver.generation.compiler`.

It imports everything first and then waits, so that whoever keeps one in reserve pays no start when
a push arrives. One job line in on standard input, one outcome line out on standard output
(`resolver.generation.jobs`). A child that stayed small says `again` and waits for the next job; one
that grew exits, which is how its memory is given back for certain. End-of-file means that the
parent is gone or has no more work: exit quietly.

Everything a list can do is meant to end in an outcome: what the parsers refuse, memory or processor
time used up (`resolver.generation.limits`), and what nobody thought of. It runs at low priority and
first in line for the kernel's out-of-memory killer, because answers must never wait for a list.

This module must not know generations, the store or the network.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypedDict

import msgspec

from resolver.errors import CorruptFile, ListRefused, StoreError
from resolver.generation import limits
from resolver.generation.blobs import Blobs
from resolver.generation.compare import compare
from resolver.generation.guarding import load_guard
from resolver.generation.jobs import MAX_JOB, Job, Outcome, Refusal, decode_job, encode
from resolver.generation.mapped import open_list
from resolver.generation.merging import merge_lists
from resolver.generation.neighbours import compare_in_force
from resolver.rules.compile import canonical_keys, compile_content, content_digest
from resolver.rules.diff import MAX_SAMPLES, Diff, diff
from resolver.rules.guard import Guard
from resolver.rules.lines import Options
from resolver.rules.model import Content, Format, Kind, Match
from resolver.rules.overlap import Comparison, Side
from resolver.rules.parse import Parsed, parse_list
from resolver.rules.patch import Patched, patch_rules

_NICENESS: Final = 10
_OOM_SCORE: Final = "500"
"""Half-way to "kill me first" (proc(5), oom_score_adj)."""

_STAY_KB: Final = 128 * 1024
"""A child whose resident size ever was larger makes room for a fresh one."""
_MAX_JOBS: Final = 1000
"""A child retires after so many jobs, whatever its size: nothing slow can pile up in it."""
_MAX_NOT_FOUND: Final = 1000
"""Lines that named no rule and are told back; the outcome must stay short."""

_BUILD_PER_RULE: Final = 32
_BUILD_PER_OCTET: Final = 2
"""Octets that the build takes at its peak beyond what the rules took that it consumes, for each rule and
for each octet of the keys. Measured was less than half of it; marisa-trie calls terminate() when it gets
no memory, so we ask before."""

_TOO_LARGE: Final = "list-too-costly"


def main() -> int:
    """Serve jobs until end-of-file, or until this process should be replaced. Returns the exit status."""
    answers = _settle()
    for _ in range(_MAX_JOBS):
        line = sys.stdin.buffer.readline(MAX_JOB) if sys.stdin else b""
        if not line.endswith(b"\n"):  # end-of-file: no job, or half of one
            return 0
        outcome = perform(line)
        try:
            _write_line(answers, outcome)
        except OSError:  # nobody reads any more
            return 0
        if not outcome.again:
            return 0
        gc.collect()
    return 0


def perform(line: bytes) -> Outcome:
    """Do one job under limits. Never raises; the outcome says whose fault it was."""
    try:
        job = decode_job(line)
        limits.apply(job.memory_mb, job.cpu_seconds)
        outcome = work(job)
    except ListRefused as error:
        outcome = Outcome(refused=Refusal(error.code, error.title, error.detail, error.extra))
    except MemoryError:
        outcome = _too_large("more memory than one list may use here")
    except limits.OutOfTime:
        outcome = _too_large("more processor time than one list may use here")
    except (StoreError, msgspec.DecodeError) as error:
        outcome = Outcome(failure=str(error), errno=_errno(error))
    except Exception as error:
        # The edge of this shell: whatever nobody thought of must not cost more than one job.
        outcome = Outcome(failure=_stumbled(error))
    limits.lift()
    peak = limits.peak_kb()
    spent = outcome.refused is not None and outcome.refused.code == _TOO_LARGE
    return msgspec.structs.replace(outcome, peak_kb=peak, again=peak <= _STAY_KB and not spent)


def work(job: Job) -> Outcome:
    """Read, compare, compile and store. Raises ListRefused and StoreError, and may run into the limits."""
    blobs = Blobs(Path(job.blobs))
    started = time.perf_counter()
    if job.compare_only:
        return _compared(blobs, job)
    if job.merge:
        return merge_lists(blobs, job.merge)
    parsed, not_found, changes = _patched(blobs, job) if job.source is None else _replaced(job.source, job)
    keys = parsed.keys if isinstance(parsed, Parsed) else canonical_keys(parsed.content.names)
    digest = content_digest(parsed.content, keys)
    changes = changes or _changes(blobs, job.previous, parsed.content, keys, digest)
    report = msgspec.structs.replace(parsed.report, comparison=_beside(blobs, job, parsed))
    built, entries = time.perf_counter(), parsed.content.entries
    octets = _store(blobs, digest, parsed.content, keys, dry_run=job.dry_run)
    return Outcome(
        rules=digest,
        entries=entries,
        octets=octets,
        report=report,
        diff=changes,
        parse_seconds=round(built - started, 6),
        build_seconds=round(time.perf_counter() - built, 6),
        not_found=not_found[:_MAX_NOT_FOUND],
    )


def _errno(error: Exception) -> int:
    """What the operating system said, if that is what went wrong."""
    cause = error.__cause__
    return (cause.errno or 0) if isinstance(cause, OSError) else 0


def _too_large(what: str) -> Outcome:
    """The refusal of a list that ran into a limit."""
    detail = f"Reading the list took {what}. Split it, or raise the limits; the old list stays in force."
    return Outcome(refused=Refusal(_TOO_LARGE, "The list is too large", detail))


def _stumbled(error: Exception) -> str:
    """One sentence for a fault of our own, with the place, because no traceback is kept."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"the compiler stumbled over {type(error).__name__} ({error}) in {where}; please report it"


def _replaced(source: str, job: Job) -> tuple[Parsed, list[str], None]:
    """The rules of a whole list."""
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise StoreError(f"{source} cannot be read: {error.strerror}") from error
    return parse_list(data, **_reading(job)), [], None


class _Reading(TypedDict):
    """How lines are read, for `parse_list` and `patch_rules` alike."""

    format: Format
    match: Match
    kind: Kind
    options: Options
    guard: Guard


def _reading(job: Job) -> _Reading:
    """How the lines of a job are read. Raises StoreError when there is no guard to be had."""
    return {
        "format": job.format,
        "match": job.match,
        "kind": job.kind,
        "options": Options(rewrites=job.rewrites),
        "guard": load_guard(job.unguarded),
    }


def _patched(blobs: Blobs, job: Job) -> tuple[Patched, list[str], Diff]:
    """The rules after single changes, which lines named no rule, and the diff while both are here.

    Raises CorruptFile when the rules before are damaged: there is nothing to start from then.
    """
    old = open_list(blobs, job.previous).content() if job.previous else Content({})
    patched = patch_rules(old, job.add, job.remove, known=job.known, **_reading(job))
    return patched, patched.not_found, diff(old, patched.content)


def _beside(blobs: Blobs, job: Job, parsed: Parsed | Patched) -> Comparison:
    """The list beside the others in force; of a list that was changed by hand what was added to it."""
    whole, rules = parsed.content.names, parsed.report.rules
    if isinstance(parsed, Patched):
        mine = Side(parsed.added, canonical_keys(parsed.added), whole)
    else:
        blocks = rules.block_exact + rules.block_suffix + rules.block_below
        allows = rules.allow_exact + rules.allow_suffix + rules.allow_below
        mine = Side(whole, parsed.keys, whole, bool(blocks and allows))
    return compare_in_force(blobs, mine, job.neighbours)


def _compared(blobs: Blobs, job: Job) -> Outcome:
    """The rules before beside all others in force, whatever it takes."""
    names = open_list(blobs, job.previous).content().names if job.previous else {}
    comparison = compare_in_force(
        blobs, Side(names, canonical_keys(names), names), job.neighbours, bounded=False
    )
    return Outcome(rules=job.previous, comparison=comparison)


def _changes(
    blobs: Blobs, previous: str | None, new: Content, keys: Sequence[bytes], digest: str
) -> Diff | None:
    """What a whole list changes; None when the rules before are damaged.

    Such a push must not fail for want of a diff: it is how the damage gets repaired.
    """
    if previous == digest:
        return Diff(unchanged=new.entries)
    if previous is None:  # everything is new: show the first ones, count the rest
        first = Content(dict(itertools.islice(new.names.items(), MAX_SAMPLES)), new.sides[:MAX_SAMPLES])
        return msgspec.structs.replace(diff(Content({}), first), added=new.entries)
    try:
        return compare(open_list(blobs, previous), new, keys)
    except CorruptFile:
        return None


def _store(blobs: Blobs, digest: str, content: Content, keys: Sequence[bytes], *, dry_run: bool) -> int:
    """Make sure the compiled file stands there, whole; its size in octets (0: it does not)."""
    size = _whole(blobs, digest)
    if size or dry_run:
        return size
    limits.need(_BUILD_PER_RULE * len(keys) + _BUILD_PER_OCTET * sum(map(len, keys)))
    data = compile_content(content, keys, digest, consume=True)
    blobs.write(digest, data)
    return len(data)


def _whole(blobs: Blobs, digest: str) -> int:
    """The size of the file if it is there and undamaged, else 0: compiling again repairs it."""
    try:
        open_list(blobs, digest)
        return blobs.path(digest).stat().st_size
    except (CorruptFile, FileNotFoundError):
        return 0


def _settle() -> int:
    """Take a humble place among the processes; returns the descriptor that answers go to.

    Standard output is moved away, so that nothing that prints can get between the lines.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, "ascii")
    answers = os.dup(sys.__stdout__.fileno()) if sys.__stdout__ else os.open(os.devnull, os.O_WRONLY)
    if sys.__stdout__:
        os.dup2(2, 1)
    with contextlib.suppress(StoreError):  # whoever brings a job is told
        load_guard()
    # What is imported stays. What a list is made of holds no circles, and looking for some would take a
    # twentieth of the time of reading it: it is done between jobs, when nobody waits.
    gc.freeze()
    gc.disable()
    return answers


def _write_line(descriptor: int, outcome: Outcome) -> None:
    """Send the outcome. Raises OSError when nobody reads any more."""
    try:
        data = encode(outcome)
    except (TypeError, ValueError) as error:
        data = encode(Outcome(failure=_stumbled(error)))
    view = memoryview(data + b"\n")
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    sys.exit(main())
