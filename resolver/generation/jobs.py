"""What is asked of the compiler and what it answers: one JSON line each.

Reading a list costs time and memory that grow with the list, and the list comes from outside. So
it is done in a child process (`resolver.generation.compiler`) that is told one `Job` and says one
`Outcome`. Both are plain values: whoever starts the child (the admin process for a push, the
supervisor for the first start) and the child itself share nothing but these two structs and the
data directory.

An outcome is exactly one of three things, and the field that is set says whose affair it is:

    rules     the list was read; the compiled file stands in the blobs folder (or was only tried)
    refused   the list's fault: becomes a problem document (422) for whoever pushed it
    failure   our own fault (a full disk, a damaged file): becomes a 5xx and a log line

With a failure, `errno` is what the operating system said of the disk (0: nothing).
"""

from __future__ import annotations

import sys
from typing import Final

import msgspec

from resolver.generation.manifest import PlainName, Sha256
from resolver.rules.diff import Diff
from resolver.rules.model import Format, Kind, Match
from resolver.rules.overlap import Comparison
from resolver.rules.report import Report

COMMAND: Final = (sys.executable, "-P", "-m", "resolver.generation.compiler")
"""How the child is started. -P: nothing is ever imported from the working directory."""

MAX_JOB: Final = 64 * 1024 * 1024
"""Octets of the longest job line; single names to add or remove are what makes it long."""

MAX_OUTCOME: Final = 8 * 1024 * 1024
"""Octets of the longest outcome line; reports and diffs hold samples, so it never grows with the list."""


class Neighbour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another list in force: its id, its rules, and how many they are."""

    id: str
    rules: Sha256
    entries: int


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One list to read and compile.

    With `source` (the path of a plain text, already decompressed) the list is replaced by what
    the text says; without it the lines of `add` and `remove` are applied to the rules `previous`.
    With `source`, `previous` is only what the diff is taken against. Both `None` is the empty list.

    `format`, `match`, `kind`, `rewrites` and `unguarded` are as in `ListDescription`; `known` is the format
    that the rules `previous` came in, for lines of `add` and `remove` that do not tell theirs.

    With `neighbours` the rules are compared with those of other lists, as far as there is time; with
    `compare_only` nothing else is done: the rules `previous` are compared with all of them.

    With `merge` nothing else is done either: a base of these lists is built (`resolver.generation.merging`).

    `blobs` is the folder of the compiled files. `dry_run` does everything but write there. Limits
    of 0 mean what `resolver.generation.limits` says; megabytes are 2^20 octets.
    """

    blobs: str
    source: str | None = None
    previous: Sha256 | None = None
    format: Format = "auto"
    known: str = ""
    match: Match = "auto"
    kind: Kind = "block"
    rewrites: bool = False
    unguarded: tuple[PlainName, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    compare_only: bool = False
    merge: tuple[Sha256, ...] = ()
    add: list[str] = msgspec.field(default_factory=list)
    remove: list[str] = msgspec.field(default_factory=list)
    dry_run: bool = False
    memory_mb: int = 0
    cpu_seconds: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """A `ListRefused` on its way between processes; see `resolver.errors` for the fields."""

    code: str
    title: str
    detail: str
    extra: dict[str, object] = msgspec.field(default_factory=dict)


class Outcome(msgspec.Struct, frozen=True):
    """What became of a job.

    `rules` is the digest of the canonical rules and `entries` their number; `octets` the size of
    the compiled file (on a dry run 0 unless the file stood there already); with `merge` they are the name,
    the names and the size of the base. `diff` is against
    `previous`, None where there was none to read; `comparison` what `compare_only` asked for.
    `not_found` holds the lines of `remove` that named no rule (at most the first thousand). Times are in
    seconds of wall clock, `peak_kb` is the child's largest resident size. `again` says that the child stays
    for another job; otherwise it is about to exit.
    """

    rules: Sha256 | None = None
    entries: int = 0
    octets: int = 0
    report: Report | None = None
    diff: Diff | None = None
    comparison: Comparison | None = None
    parse_seconds: float = 0.0
    build_seconds: float = 0.0
    peak_kb: int = 0
    refused: Refusal | None = None
    not_found: list[str] = msgspec.field(default_factory=list)
    failure: str = ""
    errno: int = 0
    again: bool = False


encode = msgspec.json.Encoder().encode
decode_job = msgspec.json.Decoder(Job).decode
decode_outcome = msgspec.json.Decoder(Outcome).decode
