"""The OpenAPI 3.1 document, made from the route table and the msgspec types: it cannot fall behind.

Every operation also carries the problems it may answer with. They come from tables, too: some any
route may give (401, 500, ...), some follow from what the route declares (a body: 413; an ETag: 412), the rest
it names itself (`Route.problems`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from resolver import __version__
from resolver.admin.frame import PATH_TYPES
from resolver.admin.http import TEXT, Context, Parameter, RawBody, Route
from resolver.admin.problems import MEDIA_TYPE, PROBLEMS, URN

DOCUMENT: Final = web.AppKey("DOCUMENT", bytes)
"""Where the handler finds the document, made once at the start."""

_REFERENCE: Final = "#/components/schemas/{name}"
_PROBLEM: Final = "Problem"
_PARAMETERS_OF_PATH: Final = {"id": "Id of a list.", "number": "Number of a generation."}

# Which problems follow from what a route declares. A status that a route can send and the document does
# not name is found by the requests that the tests make from it.
_ALWAYS: Final = (
    "internal-error", "store-failed", "store-full", "process-failed", "took-too-long", "busy",
    "request-invalid", "parameter-unknown", "parameter-invalid", "headers-too-large",
)  # fmt: skip
_WITH_TOKEN: Final = ("token-missing", "token-invalid", "scope-missing", "too-many-failures")
_WITH_BODY: Final = (
    "content-type-not-supported", "body-empty", "body-truncated", "body-timeout", "body-too-large",
    "list-too-large", "encoding-not-supported", "encoding-broken", "expectation-failed",
)  # fmt: skip
_WITH_JSON: Final = ("json-invalid", "body-invalid")
_WITH_CHANGE: Final = ("cross-site", "reason-required", "reason-invalid")
_WITH_ETAG: Final = ("precondition-invalid", "precondition-failed")


async def get_document(ctx: Context) -> web.Response:
    """The document itself."""
    return web.Response(body=ctx.request.app[DOCUMENT], content_type="application/json")


ROUTES: Final[list[Route]] = [
    Route(
        hdrs.METH_GET, "/openapi.json", "public", get_document, "This document",
        "OpenAPI 3.1, made from the program that answers.",
        responses={200: dict[str, Any]},
    ),
]  # fmt: skip


def build(routes: Sequence[Route]) -> dict[str, Any]:
    """The document for a table of routes (OpenAPI 3.1.0, whose schemas are JSON Schema 2020-12).

    Names in it come from the table alone, so two builds of one program are the same to the octet.
    """
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Belisha admin API",
            "version": __version__,
            "description": "What is blocked, and how to change it. Errors are problem documents (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `belisha token create`.",
                }
            },
            "schemas": {**schemas.components, _PROBLEM: _problem_schema()},
        },
    }


class _Schemas:
    """The JSON schema of every type that the routes name, each named type once."""

    def __init__(self, routes: Sequence[Route]) -> None:
        kinds = list(_types_of(routes))
        schemas, self.components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
        self._schemas: Final = list(zip(kinds, schemas, strict=True))

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema (mostly a reference) of one of the types. Annotated types do not hash: searched."""
        return next(schema for known, schema in self._schemas if known is kind)


def _types_of(routes: Sequence[Route]) -> Iterator[Any]:
    """Every type that a request or an answer is made of; msgspec wants them all at once."""
    yield from PATH_TYPES.values()
    for route in routes:
        yield from (parameter.type for parameter in route.query)
        yield from (kind for kind in route.responses.values() if kind not in (None, TEXT))
        if route.body is not None and not isinstance(route.body, RawBody):
            yield route.body


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    """One operation object (4.8.10). The scope goes into the text: bearer tokens have none in OpenAPI."""
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "description": f"{route.description}\n\nScope: `{route.scope}`.".strip(),
        "parameters": [*_path_parameters(route, schemas), *_query_parameters(route, schemas)],
        "responses": {**_successes(route, schemas), **_problem_responses(route)},
    }
    if route.etag:
        operation["parameters"] += _conditional_parameters(route)
    if route.body is not None:
        operation["requestBody"] = {"required": True, **_request_body(route.body, schemas)}
    if route.scope == "public":
        operation["security"] = []
    return operation


def _operation_id(route: Route) -> str:
    """`getV1ListsId` from GET /v1/lists/{id}: unique because method and path are."""
    words = re.findall(r"[A-Za-z0-9]+", route.path)
    return route.method.lower() + "".join(word[:1].upper() + word[1:] for word in words)


def _path_parameters(route: Route, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    """What stands in braces in the path; always required (4.8.12)."""
    for name in re.findall(r"{(\w+)}", route.path):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARAMETERS_OF_PATH[name],
            "schema": schemas.of(PATH_TYPES[name]),
        }


def _query_parameters(route: Route, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    """What the frame takes after the question mark, and nothing else."""
    for parameter in route.query:
        yield {
            "name": parameter.name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.help,
            "schema": _with_default(parameter, schemas.of(parameter.type)),
        }


def _with_default(parameter: Parameter, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema and the default; None is no value but its absence, which JSON Schema does not say."""
    return schema if parameter.default is None else {**schema, "default": parameter.default}


def _conditional_parameters(route: Route) -> list[dict[str, Any]]:
    """The preconditions of RFC 9110 13.1 that mean something here."""
    helps = {hdrs.IF_NONE_MATCH: "Answer 304 if this is still the ETag."}
    if route.unsafe:
        helps = {
            hdrs.IF_MATCH: "Change only if this is still the ETag; `*`: only if it exists.",
            hdrs.IF_NONE_MATCH: "`*`: only if it does not exist.",
        }
    return [
        {"name": str(name), "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in helps.items()
    ]


def _request_body(body: Any, schemas: _Schemas) -> dict[str, Any]:
    """JSON of a type, or text of any length above nothing."""
    if isinstance(body, RawBody):
        content: dict[str, Any] = {
            kind: {"schema": {"type": "string", "minLength": 1}} for kind in body.content_types
        }
        return {"description": body.help, "content": content}
    return {"content": {"application/json": {"schema": schemas.of(body)}}}


def _successes(route: Route, schemas: _Schemas) -> dict[str, Any]:
    """The answers that are no problems, with the ETag where there is one."""
    found: dict[str, Any] = {}
    for status, kind in route.responses.items():
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if kind is TEXT:
            response["content"] = {TEXT: {"schema": {"type": "string"}}}
        elif kind is not None:
            response["content"] = {"application/json": {"schema": schemas.of(kind)}}
        if route.etag:
            response["headers"] = {"ETag": {"description": "Its state.", "schema": {"type": "string"}}}
        found[str(status)] = response
    if route.etag and not route.unsafe:
        found["304"] = {"description": "It is still as If-None-Match says."}
    return found


def codes_of(route: Route) -> list[str]:
    """Every problem that a route may answer with."""
    sets = [
        (True, _ALWAYS),
        (route.scope != "public", _WITH_TOKEN),
        (route.body is not None, _WITH_BODY),
        (route.body is not None and not isinstance(route.body, RawBody), _WITH_JSON),
        (route.unsafe, _WITH_CHANGE),
        (route.etag, _WITH_ETAG),
        (True, route.problems),
    ]
    return [code for applies, codes in sets if applies for code in codes]


def _problem_responses(route: Route) -> dict[str, Any]:
    """Problems by status, as OpenAPI knows one response for each; the text names the codes."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes_of(route)):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(name=_PROBLEM)}}},
        }
        for status, codes in sorted(by_status.items())
    }


def _problem_schema() -> dict[str, Any]:
    """RFC 9457 3; further members say more about one type."""
    return {
        "title": _PROBLEM,
        "type": "object",
        "properties": {
            "type": {"type": "string", "pattern": f"^{URN}[a-z0-9-]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
        },
        "required": ["type", "title", "status", "detail"],
    }
