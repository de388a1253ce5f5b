"""Everything that can go wrong, as the caller sees it: problem documents (RFC 9457).

    {"type": "urn:belisha:problem:list-unknown", "title": "...", "status": 404, "detail": "...", ...}

`type` is stable and what a program looks at; `title` is the same for every problem of a type;
`detail` says what is wrong this time and what to do. PROBLEMS is the one table of all types: the
OpenAPI document, the reference page and the tests are made from it.

`guard` is the outermost middleware. It turns whatever is raised below it into such a document,
always as JSON, so that a hostile name in a path or a list is escaped and never shown as a page. What
nobody foresaw becomes `internal-error` with a random incident number; the traceback goes to the log
under the same number, never to the caller.
"""

from __future__ import annotations

import errno
import json
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import msgspec
import structlog
from aiohttp import hdrs, web

from resolver.errors import CorruptFile, ProcessError, RequestError, StoreError

_log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:belisha:problem:"


class Problem(NamedTuple):
    """One type of problem: its HTTP status, and its title.

    The status is that of the document too (RFC 9457 3.1.2), so that a proxy that changes one shows.
    """

    status: int
    title: str


PROBLEMS: Final[dict[str, Problem]] = {
    # Who calls, and what they may (resolver.admin.auth)
    "token-missing": Problem(401, "A bearer token is needed"),
    "token-invalid": Problem(401, "The token is not valid"),
    "scope-missing": Problem(403, "The token does not reach this far"),
    "cross-site": Problem(403, "Requests from other web sites are refused"),
    "too-many-failures": Problem(429, "Too many failed attempts from this address"),
    # The request as such (resolver.admin.frame, http)
    "request-invalid": Problem(400, "The request cannot be read"),
    "not-found": Problem(404, "There is nothing here"),
    "method-not-allowed": Problem(405, "This resource has no such method"),
    "parameter-unknown": Problem(400, "The request has a parameter that is not known here"),
    "parameter-invalid": Problem(400, "A parameter has a value that cannot be used"),
    "content-type-not-supported": Problem(415, "The body has a type that is not taken here"),
    "json-invalid": Problem(400, "The body is not JSON"),
    "body-invalid": Problem(422, "The body has a wrong shape"),
    "reason-required": Problem(400, "A reason is needed"),
    "reason-invalid": Problem(400, "The reason cannot be kept"),
    "precondition-invalid": Problem(400, "A precondition cannot be read"),
    "precondition-failed": Problem(412, "The resource has changed, or exists"),
    "expectation-failed": Problem(417, "The expectation cannot be met"),
    "headers-too-large": Problem(431, "The request headers are too large"),
    # The body as it arrives (resolver.admin.upload)
    "body-empty": Problem(400, "The body is empty"),
    "body-truncated": Problem(400, "The body ended early"),
    "body-timeout": Problem(408, "The body came too slowly"),
    "body-too-large": Problem(413, "The body is too large"),
    "list-too-large": Problem(413, "The list is too large once it is unpacked"),
    "encoding-not-supported": Problem(415, "The body is packed in a way that is not taken here"),
    "encoding-broken": Problem(400, "The body cannot be unpacked"),
    # Our side
    "internal-error": Problem(500, "Something went wrong inside Belisha"),
    "store-failed": Problem(500, "The data directory cannot be used"),
    "store-full": Problem(507, "The disk is full"),
    "process-failed": Problem(503, "A process of Belisha did not do its part in time"),
    "took-too-long": Problem(503, "The request took too long"),
    "busy": Problem(503, "Too much is going on"),
    "not-healthy": Problem(503, "The admin process cannot do its work"),
    "not-ready": Problem(503, "Belisha does not answer everywhere yet"),
}
"""Code -> status and title. The rooms of handlers add theirs with `register`."""


def register(problems: Mapping[str, Problem]) -> None:
    """Add the problems of one file of handlers, when it is imported. Raises ValueError for a clash."""
    for code, one in problems.items():
        if PROBLEMS.setdefault(code, one) != one:
            raise ValueError(f"problem `{code}` stands twice, with different words")


def problem(code: str, detail: str, **extra: object) -> RequestError:
    """The error to raise for a code of the table; `extra` becomes members of the document."""
    status, title = PROBLEMS[code]
    return RequestError(status, code, title, detail, extra)


def document(error: RequestError) -> web.Response:
    """The problem document of an error. A member can never replace one of the five standard ones."""
    body = {
        **error.extra,
        "type": f"{URN}{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    headers = dict(_HEADERS.get(error.code, {}))
    if "retry_after" in error.extra:
        headers[hdrs.RETRY_AFTER] = str(error.extra["retry_after"])
    return web.Response(status=error.status, body=_encode(body), content_type=MEDIA_TYPE, headers=headers)


def _encode(body: Mapping[str, object]) -> bytes:
    """JSON, also where a hostile header left halves of surrogate pairs in a text."""
    try:
        return msgspec.json.encode(body, enc_hook=str)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(body, enc_hook=str)).encode()


_HEADERS: Final[dict[str, dict[str, str]]] = {
    # RFC 6750 3 and 3.1: what is asked for, and what was wrong with what came.
    "token-missing": {hdrs.WWW_AUTHENTICATE: 'Bearer realm="belisha"'},
    "token-invalid": {hdrs.WWW_AUTHENTICATE: 'Bearer realm="belisha", error="invalid_token"'},
    "scope-missing": {hdrs.WWW_AUTHENTICATE: 'Bearer realm="belisha", error="insufficient_scope"'},
    # RFC 9110 10.2.3: seconds, where trying again soon makes sense.
    "process-failed": {hdrs.RETRY_AFTER: "2"},
    "took-too-long": {hdrs.RETRY_AFTER: "30"},
    "busy": {hdrs.RETRY_AFTER: "2"},
    "not-ready": {hdrs.RETRY_AFTER: "1"},
    "not-healthy": {hdrs.RETRY_AFTER: "2"},
}
"""Code -> headers that go with the document. An extra member `retry_after` becomes Retry-After."""

_CODE_OF_STATUS: Final = {
    400: "request-invalid",
    408: "body-timeout",
    413: "body-too-large",
    415: "content-type-not-supported",
    417: "expectation-failed",
    431: "headers-too-large",
}
"""What aiohttp itself raises, in our words."""


def of_exception(error: Exception) -> web.Response:
    """Any exception -> the problem document that the caller gets. Never raises."""
    match error:
        case RequestError():
            return document(error)
        case StoreError():
            return document(_of_store_error(error))
        case ProcessError():
            return document(problem("process-failed", str(error)))
        case TimeoutError():
            return document(
                problem("took-too-long", "Nothing is known to have changed. Look at the state, then retry.")
            )
        case web.HTTPException():
            return _of_http(error)
        case _:
            return document(_of_unexpected(error))


def _of_store_error(error: StoreError) -> RequestError:
    """507 when the disk is full, else 500; the store's own sentence says what to do.

    What the disk said stands somewhere down the chain of causes, as the module that met it left it.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return problem("store-full", str(error))
        if isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL":
            return problem("store-full", str(error))
        cause = cause.__cause__
    level = _log.critical if isinstance(error, CorruptFile) else _log.error
    level("store.failed", error=str(error))
    return problem("store-failed", str(error))


def _of_http(error: web.HTTPException) -> web.Response:
    """An exception of aiohttp's own, such as the router's 404 and 405."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        response = document(problem("method-not-allowed", f"Use one of: {allowed}."))
        response.headers[hdrs.ALLOW] = allowed
        return response
    if isinstance(error, web.HTTPNotFound):
        return document(
            problem("not-found", "The address is not known; GET /openapi.json lists what there is.")
        )
    code = _CODE_OF_STATUS.get(error.status)
    return document(problem(code, f"{error.reason}.") if code else _of_unexpected(error))


def _of_unexpected(error: Exception) -> RequestError:
    """A fault of ours: one event in the log, and an incident number that leads to it.

    The number is random, not counted: it says nothing of how many there were before.
    """
    incident = secrets.token_hex(8)
    _log.error("request.crashed", incident=incident, exc_info=error)
    return problem(
        "internal-error",
        f"This is a fault of Belisha. Its log holds the details under incident {incident}.",
        incident=incident,
    )


_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard(request: web.Request, handler: _Next) -> web.StreamResponse:
    """Answer every exception with a problem document. The one catch-all of this process.

    A body that nobody read to its end cannot be followed by another request, so the connection is
    told to close; aiohttp drains it for a moment first, so that the caller gets to read the answer.
    An answer that has begun cannot be taken back: the connection is cut, and its missing end tells
    the caller that what came is not the whole (RFC 9112 8).
    """
    try:
        return await handler(request)
    except ConnectionError:
        raise  # the caller is gone: nobody is left to answer
    except Exception as error:
        response = of_exception(error)
        if request.writer.output_size > 0:
            _log.error("answer.cut", status=response.status, exc_info=error)
            raise ConnectionError("the answer was under way") from error
        if not request.content.at_eof() and request.body_exists:
            response.force_close()
        return response
