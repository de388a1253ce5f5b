"""The words in which the admin API is written: routes as data, and what a handler is handed.

A file of handlers (`resolver.admin.lists`, ...) ends in a table `ROUTES: list[Route]`; `app.py` lays
the tables one after the other, and from that single table come the router, the rights, the limits
and the OpenAPI document. A handler is `async def handler(ctx: Context) -> web.StreamResponse`; when it is
called, the frame (`resolver.admin.frame`) has already

* checked the token and that its scopes reach this route (`resolver.admin.auth`),
* read the path and query parameters into `ctx.path` and `ctx.query`, each with the declared type, every
  declared name present (its default, or None). A name that is not declared is refused: `?dryrun=1`
  must not push for real because of a missing underscore,
* read a JSON body of a bounded size into `ctx.body`, as the declared type.

A raw list body is left to the handler: `async with spool(ctx.request, ctx.settings) as spooled`
(`upload.py`).

A handler answers with `reply`, or raises. Whatever it raises becomes a problem document
(`resolver.admin.problems`); `problem(code, detail)` there makes the expected ones.

This module must not know any resource: neither lists nor generations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from aiohttp import hdrs, web

from resolver.admin.problems import problem
from resolver.admin.tokens import Caller, Tokens
from resolver.settings import Settings

if TYPE_CHECKING:
    from resolver.admin.changes import Changes
    from resolver.admin.compilers import Compilers
    from resolver.admin.workers import Workers
    from resolver.generation.blobs import Blobs
    from resolver.generation.store import Store

Scope = Literal["public", "read", "lists:push", "admin"]
"""What a caller must hold.

public      nothing, not even a token
read        `read`, or the right to push to the list that the path names
lists:push  the right to push to the list that the path names as {id}. A route without {id} is open
            to every token that may push to some list; its handler asks `ctx.caller.may_push(id)`
admin       `admin`
"""

JSON_OCTETS: Final = 1 << 20
"""The largest JSON body of a route that does not say more."""

MAX_REASON: Final = 500
"""Characters of `?reason=`, which is kept in the manifest and the journal."""


@dataclass(frozen=True)
class Parameter:
    """A query parameter. `type` is anything msgspec converts to from text: Annotated[int, Meta(ge=1)].

    A `required` one is refused when it is missing, so its handler never sees the default.
    """

    name: str
    type: Any
    help: str
    default: Any = None
    required: bool = False


@dataclass(frozen=True)
class RawBody:
    """A body that the handler spools itself (`resolver.admin.upload`): octets, with no JSON around them.

    A request without Content-Type is taken too, because `curl -T FILE` sends none.
    """

    help: str
    content_types: tuple[str, ...] = ("text/plain", "application/octet-stream")


TEXT: Final = "text/plain"
"""In place of a type in `Route.responses`: an answer of lines, not of JSON."""

REASON: Final = Parameter("reason", str, f"Why; kept with the change. At most {MAX_REASON} characters.", "")
DRY_RUN: Final = Parameter("dry_run", bool, "Report what would change, and change nothing.", False)

Handler = Callable[["Context"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One door of the API.

    path        "/v1/lists/{id}"; {id} is a list's id, {number} a generation (`frame.PATH_TYPES`)
    body        a msgspec type: JSON of that type; a RawBody: left to the handler; None: no body is read
    body_octets the largest JSON body, before and after decompression
    responses   status -> the msgspec type of its JSON, TEXT, or None for no content. Problems come on top
    problems    codes (`problems.PROBLEMS`) this route adds to those every route may give
    etag        answers carry an ETag, and a change of it honours If-Match and If-None-Match
    seconds     how long the handler may take once the body time (`admin.body_seconds`) is over
    """

    method: str
    path: str
    scope: Scope
    handler: Handler
    summary: str
    description: str = ""
    query: tuple[Parameter, ...] = ()
    body: Any = None
    body_octets: int = JSON_OCTETS
    responses: Mapping[int, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    etag: bool = False
    seconds: float = 30.0

    @property
    def unsafe(self) -> bool:
        """Whether it may change something (RFC 9110 9.2.1)."""
        return self.method not in (hdrs.METH_GET, hdrs.METH_HEAD)


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the process has exactly one of. `started` is monotonic; `spool` holds unfinished uploads."""

    settings: Settings
    store: Store
    blobs: Blobs
    compilers: Compilers
    workers: Workers
    changes: Changes
    tokens: Tokens
    started: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Context(Services):
    """What a handler is handed: everything of Services, and this request."""

    request: web.Request
    caller: Caller
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None


ENCODER: Final = msgspec.json.Encoder()


def reply(value: object = None, status: int = 200, etag: str | None = None) -> web.Response:
    """Any msgspec value as JSON; None as no content (204 unless `status` says otherwise).

    `etag` is the bare opaque text, mostly a hash; it is sent as a strong validator (RFC 9110 8.8.3).
    """
    headers = {hdrs.ETAG: f'"{etag}"'} if etag is not None else {}
    if value is None:
        return web.Response(status=204 if status == 200 else status, headers=headers)
    return web.Response(
        status=status, body=ENCODER.encode(value), content_type="application/json", headers=headers
    )


_ANY_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAG: Final = re.compile(r'(?P<weak>W/)?"(?P<opaque>[\x21\x23-\x7e\x80-\xff]*)"')
_TAGS: Final = re.compile(rf"[ \t,]*{_ANY_TAG}(?:[ \t]*,[ \t,]*{_ANY_TAG})*[ \t,]*")
"""A list of tags; a comma may stand inside one, and empty items count for nothing (RFC 9110 5.6.1)."""


def etag_matches(header: str, etag: str | None, *, weak: bool = False) -> bool:
    """Whether a list of entity tags (RFC 9110 13.1) names `etag`; None = the resource does not exist.

    `*` matches whatever exists. Strong comparison unless `weak` (8.8.3.2). Raises RequestError
    (400 precondition-invalid) for what is no list of entity tags: to ignore it would be to write
    without the check that was asked for.
    """
    text = header.strip()
    if text == "*":
        return etag is not None
    if not _TAGS.fullmatch(text):
        raise problem(
            "precondition-invalid", f"`{text}` is no entity tag; send it as the ETag header gave it."
        )
    return any(item["opaque"] == etag and (weak or not item["weak"]) for item in _TAG.finditer(text))


def require_match(request: web.Request, etag: str | None) -> None:
    """Hold a change to its preconditions; call it right before the change, with the tag in force.

    Raises RequestError: 412 precondition-failed when If-Match names another tag, or If-None-Match
    names this one (`*`: when the resource exists). Without either header it does nothing.
    """
    wanted = _joined(request, hdrs.IF_MATCH)
    if wanted is not None and not etag_matches(wanted, etag):
        state = f'its ETag is now "{etag}"' if etag is not None else "it does not exist"
        raise problem("precondition-failed", f"If-Match did not match: {state}. Read it again, then decide.")
    unwanted = _joined(request, hdrs.IF_NONE_MATCH)
    if unwanted is not None and etag_matches(unwanted, etag, weak=True):
        raise problem("precondition-failed", f'If-None-Match matched: it exists, with ETag "{etag}".')


def _joined(request: web.Request, header: str) -> str | None:
    """A list-valued header that may come in several lines (RFC 9110 5.3)."""
    lines = request.headers.getall(header, [])
    return ", ".join(lines) if lines else None


_HIDDEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that move the cursor, turn the direction or hide: a reason is one honest line."""


def reason_of(ctx: Context) -> str:
    """`?reason=` of a change, stripped.

    Raises RequestError: 400 reason-required where the settings demand one and there is none;
    400 reason-invalid when it is too long or holds control characters.
    """
    text = str(ctx.query.get("reason") or "").strip()
    if not text and ctx.settings.admin.require_reason:
        raise problem("reason-required", "Say why with ?reason=...; this server demands it of every change.")
    if len(text) > MAX_REASON:
        raise problem("reason-invalid", f"The reason has {len(text)} characters; at most {MAX_REASON}.")
    if any(unicodedata.category(character) in _HIDDEN for character in text):
        raise problem("reason-invalid", "The reason holds control or invisible characters; one plain line.")
    return text
