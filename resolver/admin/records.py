"""`/v1/policy/records`: the records of our own, as a zone file.

They are a part of the policy document (`records` there, one line each), and this is the way to hand them
over as people have them: whole, in the form that every DNS server reads (`resolver.dns.zonefile`).

    GET /v1/policy/records      every record on a line of its own, names whole
    PUT /v1/policy/records      replaces them all; the rest of the policy stays as it is

Pushing goes the one road of `admin.changes`, so it is one generation with an author and a reason, and a
rollback takes it back. A file with a fault changes nothing: every fault is told with its line. What is kept
is the canonical line of each record, so that the same records make no new generation, however they are
written.

This file must not know how a record is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import msgspec
from aiohttp import hdrs, web

from resolver.admin.changes import CHANGE_SECONDS
from resolver.admin.changeset import ChangeSet
from resolver.admin.conditions import on_records, records_etag, who_of
from resolver.admin.http import DRY_RUN, REASON, TEXT, Context, Parameter, RawBody, Route
from resolver.admin.http import reply as reply_json
from resolver.admin.problems import Problem, problem, register
from resolver.admin.upload import Limits, read_small
from resolver.dns.names import Fault
from resolver.dns.zonefile import MAX_OCTETS, Remark, ZoneFile, read_line, read_zone, write_line
from resolver.errors import RequestError
from resolver.policy.local import RecordFault, check
from resolver.policy.model import MAX_RECORD

register({"records-invalid": Problem(422, "The records cannot be kept")})

_LONG: Final = f"The record, written on one line, has more than {MAX_RECORD} characters."

_SHOWN: Final = 200
"""Characters of a line that are sent back with its fault."""


class LeftOut(msgspec.Struct, frozen=True):
    """Records that were left out of a zone file, and why; `line` is that of the first."""

    line: int
    message: str


class RecordsChanged(msgspec.Struct, frozen=True):
    """What a push of records did; `records` counts those in force now, `left_out` is what was no data."""

    records: int
    generation: int
    changed: bool
    dry_run: bool
    left_out: tuple[LeftOut, ...]


async def get_records(ctx: Context) -> web.StreamResponse:
    """Every record, one a line.

    They are written anew: a line that names no TTL would take that of the line above it in a zone file.
    """
    manifest, _ = await ctx.changes.in_force()
    read = [(line, read_line(line)) for line in manifest.policy.records]
    lines = (line if isinstance(found, Fault) else write_line(found) for line, found in read)
    return web.Response(
        text="".join(f"{line}\n" for line in lines),
        content_type=TEXT,
        charset="utf-8",
        headers={hdrs.ETAG: f'"{records_etag(manifest.policy)}"'},
    )


async def put_records(ctx: Context) -> web.StreamResponse:
    """Replace all records by what the zone file says."""
    who = who_of(ctx)
    condition = on_records(ctx)
    condition((await ctx.changes.in_force())[0])
    octets = await read_small(ctx.request, Limits(MAX_OCTETS, MAX_OCTETS, ctx.settings.admin.body_seconds))
    records, zone = await asyncio.to_thread(_read, octets, ctx.query["origin"])
    change = ChangeSet(records=records, preconditions=(condition,))
    applied = await ctx.changes.apply(change, who, dry_run=ctx.query["dry_run"])
    policy = applied.manifest.policy
    left_out = tuple(LeftOut(note.line, note.text) for note in zone.notes)
    return reply_json(
        RecordsChanged(len(policy.records), applied.generation, applied.changed, applied.dry_run, left_out),
        etag=None if applied.dry_run else records_etag(policy),
    )


def _read(octets: bytes, origin: str) -> tuple[tuple[str, ...], ZoneFile]:
    """The canonical lines of a zone file, each once. Raises RequestError (422) with every fault."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise _refused((Remark(line, "The line is no UTF-8."),), "") from error
    zone = read_zone(text, origin)
    lines: dict[str, int] = {}
    for number, record in zone.records:
        lines.setdefault(write_line(record), number)
    long = [Remark(number, _LONG) for line, number in lines.items() if len(line) > MAX_RECORD]
    if zone.faults or long:
        raise _refused((*zone.faults, *long), text)
    try:
        check(zone.records)
    except RecordFault as fault:
        raise _refused((Remark(fault.position, fault.sentence),), text) from fault
    return tuple(lines), zone


def _refused(faults: Iterable[Remark], text: str) -> RequestError:
    """The problem that names the faulty lines, in the form in which those of lists are named."""
    lines = text.split("\n")
    errors = [
        {
            "number": fault.line,
            "text": lines[fault.line - 1][:_SHOWN] if 0 < fault.line <= len(lines) else "",
            "message": fault.text,
        }
        for fault in faults
    ]
    first = errors[0]
    return problem(
        "records-invalid",
        f"Nothing was changed; {len(errors)} to correct. Line {first['number']}: {first['message']}",
        errors=errors,
    )


_ORIGIN: Final = Parameter(
    "origin", str, "What names without a dot at their end belong to, until an `$ORIGIN` in the file.", ""
)

_BODY: Final = RawBody(
    "The zone file (RFC 1035 5).",
    # RFC 4027 registers text/dns; the last one is what `curl --data-binary` says of anything.
    ("text/dns", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded"),
)

ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_GET, "/v1/policy/records", "read", get_records, "The records of our own as a zone file",
        "One record a line, names whole.", responses={200: TEXT}, etag=True,
    ),
    Route(
        hdrs.METH_PUT, "/v1/policy/records", "admin", put_records, "Replace the records of our own",
        "The body is a zone file; what it does not hold is gone, and the rest of the policy stays. Records"
        " that belong to a zone as such (SOA, NS, DNSSEC) are left out and told; `$INCLUDE` and `$GENERATE`"
        " are refused. With one fault nothing is changed; `errors` names every line that cannot be read, or"
        " the first record that cannot stand beside the others.",
        query=(REASON, DRY_RUN, _ORIGIN), body=_BODY, responses={200: RecordsChanged},
        problems=("records-invalid",), etag=True, seconds=CHANGE_SECONDS,
    ),
]  # fmt: skip
"""The doors of this file."""
