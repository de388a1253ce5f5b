"""The OpenAPI document: valid, complete, and true to the route table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from resolver.admin.app import ROUTES
from resolver.admin.http import RawBody
from resolver.admin.openapi import build, codes_of
from resolver.admin.problems import PROBLEMS
from tests.unit.admin.plane import running

DOCUMENT: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(build(ROUTES)))
METHODS = ("get", "put", "post", "patch", "delete")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield method, path, operation


def references(value: object) -> Iterator[str]:
    """Every $ref anywhere in the document."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_route_is_there_once() -> None:
    described = {(method.upper(), path) for method, path, _ in operations()}
    assert described == {(route.method, route.path) for route in ROUTES}
    assert len(described) == len(ROUTES)
    identities = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(identities)) == len(identities)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        name = reference.removeprefix("#/components/schemas/")
        assert name in DOCUMENT["components"]["schemas"], reference


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_one(name: str) -> None:
    """JSON Schema 2020-12, the dialect of OpenAPI 3.1."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(schema)
    jsonschema_rs.meta.validate(DOCUMENT["components"]["schemas"][name])


def test_every_path_parameter_is_declared() -> None:
    for _, path, operation in operations():
        named = set(re.findall(r"{(\w+)}", path))
        declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert named == declared
        places = [(one["in"], one["name"]) for one in operation["parameters"]]
        assert len(set(places)) == len(places)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_an_operation_says_what_its_route_says(route: Any) -> None:
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    assert operation["summary"] == route.summary
    assert operation.get("security", "token") == ([] if route.scope == "public" else "token")
    assert {str(status) for status in route.responses} <= operation["responses"].keys()
    assert route.responses, "a route that never succeeds"
    for code in codes_of(route):
        response = operation["responses"][str(PROBLEMS[code].status)]
        assert f"`{code}`" in response["description"]
        assert "application/problem+json" in response["content"]
    assert ("requestBody" in operation) == (route.body is not None)
    if isinstance(route.body, RawBody):
        assert list(operation["requestBody"]["content"]) == list(route.body.content_types)
    headers = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
    wanted = {"If-Match", "If-None-Match"} if route.unsafe else {"If-None-Match"}
    assert headers == (wanted if route.etag else set())


async def test_the_document_is_served_to_everybody(tmp_path: Path) -> None:
    async with running(tmp_path, ROUTES) as plane:
        reply = await plane.ask("GET", "/openapi.json", scopes=None)
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.json == DOCUMENT
