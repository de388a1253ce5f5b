"""The frame around every handler: from a request to a Context, and from an exception to nothing new.

The order is the order of cost and of safety. The token has been checked before (`auth`), so what is
read here is read for a known caller:

    path, query      few octets, already here; refused before a body is invited
    Content-Type     of a raw body: refused before it is invited
    turn             only so many large bodies at once; the others wait, unread
    body             received within bounds, then decoded into the declared type
    handler          within the route's time
    If-None-Match    a GET whose ETag the caller already has is answered 304 (RFC 9110 13.1.2)

This module must not know any resource.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import msgspec
from aiohttp import hdrs, web

from resolver.admin.auth import CALLER
from resolver.admin.http import JSON_OCTETS, Context, Parameter, RawBody, Route, Services, etag_matches
from resolver.admin.problems import problem
from resolver.admin.upload import Limits, read_small
from resolver.errors import RequestError
from resolver.generation.manifest import ListId

PATH_TYPES: Final[dict[str, Any]] = {
    "id": ListId,
    "number": Annotated[int, msgspec.Meta(ge=1, le=2**53)],
}
"""What stands for {id} and {number} in a path. 2^53 is where JSON numbers stop being exact."""

_JSON_TYPES: Final = ("application/json",)


RAW_AT_ONCE: Final = 8
"""Requests with a raw body that are under way together; each may lie on the disk as a whole list."""
LARGE_AT_ONCE: Final = 2
"""The same for JSON above the usual size, which lies in memory."""
TURN_SECONDS: Final = 30.0
"""How long one more waits for its turn, unread, before it is told to come again."""


def bind(route: Route, services: Services) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of a route."""
    shared = vars(services)
    decoder = _decoder(route)
    turns = _turns(route)

    async def handle(request: web.Request) -> web.StreamResponse:
        path = {name: _convert(text, PATH_TYPES[name], name) for name, text in request.match_info.items()}
        query = _query(request, route.query)
        seconds = route.seconds
        if isinstance(route.body, RawBody):
            _check_type(request, route.body.content_types, required=False)
            seconds += services.settings.admin.body_seconds
        async with _turn(turns):
            body = await _body(request, route, services, decoder)
            ctx = Context(
                **shared, request=request, caller=request[CALLER], path=path, query=query, body=body
            )
            async with asyncio.timeout(seconds):
                response = await route.handler(ctx)
        return response if route.unsafe else _conditional(request, response)

    return handle


def _turns(route: Route) -> asyncio.Semaphore | None:
    """How many requests of a route may hold a large body together; None = its bodies are small.

    A token that may push is trusted with a list, not with all of the memory or the disk.
    """
    if isinstance(route.body, RawBody):
        return asyncio.Semaphore(RAW_AT_ONCE)
    return asyncio.Semaphore(LARGE_AT_ONCE) if route.body_octets > JSON_OCTETS else None


@asynccontextmanager
async def _turn(turns: asyncio.Semaphore | None) -> AsyncIterator[None]:
    """Hold a turn, once there is one. Raises RequestError (503 busy) when that takes too long."""
    if turns is None:
        yield
        return
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await turns.acquire()
    except TimeoutError:
        raise problem("busy", "Too many large bodies are on their way; send it again soon.") from None
    try:
        yield
    finally:
        turns.release()


def _query(request: web.Request, declared: Iterable[Parameter]) -> Mapping[str, Any]:
    """Every declared parameter, converted. Raises RequestError for any other, and for one given twice."""
    known = {parameter.name: parameter for parameter in declared}
    values: dict[str, Any] = {name: parameter.default for name, parameter in known.items()}
    seen: set[str] = set()
    for name, text in request.query.items():
        if name not in known:
            there = ", ".join(f"`{one}`" for one in known) or "none"
            raise problem("parameter-unknown", f"`{_short(name)}` is not known here; there is {there}.")
        if name in seen:
            raise problem("parameter-invalid", f"`{name}` stands twice; say it once.", parameter=name)
        seen.add(name)
        values[name] = _convert(text, known[name].type, name)
    for name, parameter in known.items():
        if parameter.required and name not in seen:
            raise problem("parameter-invalid", f"`{name}` is needed: {parameter.help}", parameter=name)
    return values


def _convert(text: str, kind: Any, name: str) -> Any:
    """A text as the declared type. Raises RequestError naming the parameter."""
    if kind is str:
        return text
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        raise problem(
            "parameter-invalid", f"`{name}`, given as `{_short(text)}`: {error}.", parameter=name
        ) from error


def _short(text: str) -> str:
    """Enough of a foreign text to recognise it by."""
    return text if len(text) <= 80 else text[:80] + "..."


def _decoder(route: Route) -> msgspec.json.Decoder[Any] | None:
    """What reads the JSON body of a route; made once, as building it costs more than using it."""
    return None if route.body is None or isinstance(route.body, RawBody) else msgspec.json.Decoder(route.body)


async def _body(
    request: web.Request, route: Route, services: Services, decoder: msgspec.json.Decoder[Any] | None
) -> Any:
    """The JSON body as the declared type. Raises RequestError; `errors` in it names the place."""
    if decoder is None:
        return None
    _check_type(request, _JSON_TYPES, required=True)
    seconds = services.settings.admin.body_seconds
    data = await read_small(request, Limits(route.body_octets, route.body_octets, seconds))
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _wrong_shape(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise problem("json-invalid", f"{error}.") from error
    except RecursionError as error:
        raise problem("json-invalid", "The body is nested too deeply.") from error


_MEMBER: Final = re.compile(r"([a-z_]+\[[0-9]+\]): ").match


def _wrong_shape(text: str) -> RequestError:
    """msgspec says "Expected `int`, got `str` - at `$.answer.ttl`"; the place also goes into `errors`.

    A type that looks at itself as a whole can name the member only in its sentence: "records[3]: ...".
    """
    message, _, place = text.partition(" - at ")
    member = _MEMBER(message)
    if member is not None:
        place = f"{place.strip('`') or '$'}.{member[1]}"
    pointer = "#" + place.strip("`").removeprefix("$").replace("[", "/").replace("]", "").replace(".", "/")
    return problem("body-invalid", f"{text.rstrip('.')}.", errors=[{"pointer": pointer, "message": message}])


def _check_type(request: web.Request, taken: tuple[str, ...], *, required: bool) -> None:
    """Raises RequestError (415) unless the body has one of the types taken; none at all may be fine.

    A form's types (text/plain among them) are never taken for JSON: a page of another site can send
    those without asking first.
    """
    if hdrs.CONTENT_TYPE not in request.headers and not required:
        return
    declared = request.content_type if hdrs.CONTENT_TYPE in request.headers else ""
    if declared not in taken:
        raise problem(
            "content-type-not-supported",
            f"Content-Type is `{_short(declared)}`; send {' or '.join(taken)}.",
        )


def _conditional(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """304 in place of a whole answer that the caller already holds."""
    tag = response.headers.get(hdrs.ETAG)
    held = request.headers.getall(hdrs.IF_NONE_MATCH, [])
    if response.status != 200 or tag is None or not held or response.prepared:
        return response
    if not etag_matches(", ".join(held), tag.strip('"'), weak=True):
        return response
    return web.Response(status=304, headers={hdrs.ETAG: tag})
