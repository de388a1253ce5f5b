"""Write docs/api.md: the OpenAPI document of the admin API, for people; and the codes of docs/lists.md.

    make docs                      (or: .venv/bin/python docs/make_api.py)

The document is the one that GET /openapi.json serves; it is made from the route table and the types,
and this page from it, so neither can fall behind the code. `tests/house/test_documents.py` fails
while the page is older than the routes. Nothing is started and no socket is opened.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from resolver.admin.app import ROUTES
from resolver.admin.openapi import build
from resolver.admin.problems import PROBLEMS, URN
from resolver.rules import codes

PAGE: Final = Path(__file__).parent / "api.md"

Json = dict[str, Any]

_HEAD: Final = """\
<!-- Written by docs/make_api.py; do not edit. `make docs` writes it again. -->

# HTTP API

The admin API listens on `admin.listen` (127.0.0.1:8053 unless the settings say otherwise) and speaks
plain HTTP: put a proxy with TLS before it to reach it from elsewhere. This page is made from the same
tables as `GET /openapi.json` (OpenAPI 3.1). [admin.md](admin.md) explains the ideas; this is the reference.

**Authentication.** `Authorization: Bearer TOKEN`, with a token of `belisha token create`. Each operation
below names the scope it needs; `admin` holds all of them, and `public` needs no token.

**Errors** are problem documents (RFC 9457, `application/problem+json`). A program looks at `type`, which is
`{urn}CODE` with a code of the [table at the end](#problems); a person reads `detail`. An error is never
answered with 200, and a GET never changes anything.

**Changes** may carry `?reason=`, which is kept with the generation. One is answered with 2xx only when every
DNS worker serves it. Changes to what has an ETag honour `If-Match` and `If-None-Match` (412).

**Parameters** that are not named here are refused with 400: a misspelt `dry_run` never pushes for real.
"""


def render(document: Json) -> str:
    """The whole page. Problems that every operation may answer with are named once, before them."""
    schemas = document["components"]["schemas"]
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    always = set.intersection(*(_codes(one) for _, _, one in operations))
    with_token = (
        set.intersection(*(_codes(one) for _, _, one in operations if "security" not in one)) - always
    )
    said = always | with_token
    parts = [
        _HEAD.format(urn=URN),
        _contents(operations),
        f"Every operation may answer with {_names(always)}, and each that needs a token with "
        f"{_names(with_token)}. They are not repeated below.\n",
        *(_operation(path, method, operation, schemas, said) for path, method, operation in operations),
        "## Types\n",
        *(_schema(name, schema, schemas) for name, schema in sorted(schemas.items())),
        _problems(),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _contents(operations: Iterable[tuple[str, str, Json]]) -> str:
    rows = (
        (f"[`{method.upper()} {path}`](#{_anchor(method, path)})", operation["summary"])
        for path, method, operation in operations
    )
    return _table(("operation", "what it does"), rows)


def _anchor(method: str, path: str) -> str:
    """The anchor that a Markdown viewer gives the heading of an operation."""
    return "".join(c for c in f"{method} {path}".lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _codes(operation: Json) -> set[str]:
    """The codes of every problem that an operation may answer with."""
    return {code for response in operation["responses"].values() for code in _codes_of(response)}


def _codes_of(response: Json) -> list[str]:
    """The codes of one answer; its description is `code`: title; `code`: title."""
    if "application/problem+json" not in response.get("content", {}):
        return []
    return [part.split(":")[0].strip("`") for part in response["description"].split("; ")]


def _names(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in sorted(codes))


def _operation(path: str, method: str, operation: Json, schemas: Json, said: set[str]) -> str:
    """One operation; problems that were `said` before are left out."""
    parts = [
        f"## `{method.upper()} {path}`\n",
        f"**{operation['summary']}**\n",
        f"{operation['description']}\n",
    ]
    parameters = [
        (
            f"`{one['name']}`",
            one["in"],
            _type(one["schema"], schemas),
            _cell(one.get("description", "")),
        )
        for one in operation["parameters"]
    ]
    if parameters:
        parts.append(_table(("parameter", "in", "type", "meaning"), parameters))
    if "requestBody" in operation:
        parts.append(_body(operation["requestBody"], schemas))
    parts.append(_responses(operation["responses"], schemas, said))
    return "\n".join(parts)


def _body(body: Json, schemas: Json) -> str:
    kinds = ", ".join(
        f"`{kind}` ({_type(one['schema'], schemas)})" if kind == "application/json" else f"`{kind}`"
        for kind, one in body["content"].items()
    )
    return f"Body: {kinds}. {body.get('description', '')}".rstrip() + "\n"


def _responses(responses: Json, schemas: Json, said: set[str]) -> str:
    rows = []
    for status, response in responses.items():
        content = response.get("content", {})
        if codes := _codes_of(response):
            if fresh := [code for code in codes if code not in said]:
                rows.append((status, f"problem: {_names(fresh)}"))
        elif "application/json" in content:
            rows.append((status, _type(content["application/json"]["schema"], schemas)))
        else:
            rows.append((status, response["description"]))
    return _table(("status", "answer"), rows)


def _type(schema: Json, schemas: Json) -> str:
    """A schema in a few words; a named type as a link to its table."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one, schemas) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"array of {_type(schema.get('items', {}), schemas)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'], schemas)}"
    return kind + _bounds(schema)


def _bounds(schema: Json) -> str:
    """The limits of a number or text, in brackets."""
    words = {
        "minimum": "from {}",
        "maximum": "to {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "pattern": "`{}`",
    }
    found = [text.format(schema[key]) for key, text in words.items() if key in schema]
    return f" ({', '.join(found)})" if found else ""


def _schema(name: str, schema: Json, schemas: Json) -> str:
    required = set(schema.get("required", ()))
    rows = []
    for key, one in schema.get("properties", {}).items():
        default = (
            "required" if key in required else f"`{json.dumps(one['default'])}`" if "default" in one else ""
        )
        rows.append((f"`{key}`", _type(one, schemas), default))
    description = _prose(schema.get("description", ""))
    text = _table(("member", "type", "default"), rows) if rows else _type(schema, schemas) + "\n"
    return f"### {name}\n\n" + (f"{description}\n\n" if description else "") + text


def _prose(docstring: str) -> str:
    """A docstring as Markdown. Its indentation goes (Python 3.13 drops it, earlier ones keep it); a
    paragraph that is laid out in columns stays as it is, in a block of its own."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(
        f"```text\n{one}\n```" if re.search(r"\S {3,}|^ {3,}", one, re.M) else one for one in paragraphs
    )


def _problems() -> str:
    rows = ((f"`{code}`", str(problem.status), problem.title) for code, problem in sorted(PROBLEMS.items()))
    return "## Problems\n\n" + _table(("code", "status", "title"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |\n"

    return line(head) + line("---" for _ in head) + "".join(line(map(_cell, row)) for row in rows)


def _cell(text: str) -> str:
    """Text that cannot end a cell of a table: `|` escaped once, line ends as blanks."""
    return " ".join(text.replace("\\|", "|").replace("|", "\\|").split())


# Part of a page that people write: the table of all codes of lists.

LISTS: Final = PAGE.with_name("lists.md")
_CODES: Final = re.compile(r"(?s)(<!-- codes: [^\n]*-->\n).*(<!-- end of codes -->)")

_KINDS: Final = (
    ("invalid: a fault of the line", codes.LINE_CODES),
    ("ignored, not for DNS, or a note: no fault", codes.ASIDE_CODES),
    ("unenforceable: understood, and cannot or may not be obeyed", codes.UNENFORCEABLE_CODES),
    ("held back by the guard", codes.GUARD_CODES),
    ("refused: the list as a whole, and the old one stays in force", codes.REFUSALS),
)


def code_tables() -> str:
    """Every code of `resolver.rules.codes` with its sentence, by kind."""
    lines = []
    for kind, table in _KINDS:
        lines += [f"| {kind} | |", "|---|---|"]
        lines += [f"| `{code}` | {sentence} |" for code, sentence in table.items()]
        lines.append("")
    return "\n".join(lines)


def with_codes(text: str) -> str:
    """The page of lists, the tables between its marks as of now."""
    return _CODES.sub(lambda marks: f"{marks[1]}\n{code_tables()}\n{marks[2]}", text)


def pages() -> Iterator[tuple[Path, str]]:
    """Every generated page and its text as of now."""
    yield PAGE, render(build(ROUTES))
    yield LISTS, with_codes(LISTS.read_text("utf-8"))


def main() -> None:
    """Write the pages."""
    for path, text in pages():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
