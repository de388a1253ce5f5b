"""Golden counts: what each real list turns into, and why the rest of its lines do not.

`counts.json` holds numbers only, no line of any list. When a reader changes on purpose, write the
table anew and let the difference be reviewed: `python -m tests.data_lists.counts`.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from resolver.errors import ListRefused
from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.model import BLOCKED
from resolver.rules.parse import parse_list
from resolver.rules.report import Report
from tests.data_lists.counts import TABLE, counts
from tests.data_lists.real import needs_lists, read_list


def table() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(TABLE.read_text("utf-8"))
    return known


@needs_lists
@pytest.mark.parametrize("name", table())
def test_list_reads_as_it_always_did(name: str) -> None:
    assert counts(read_list(name)) == table()[name]


@needs_lists
@pytest.mark.parametrize("name", [name for name, known in table().items() if "refused" not in known])
def test_list_compiles_and_answers_for_each_of_its_names(name: str) -> None:
    content = parse_list(read_list(name)).content
    compiled = CompiledList(compile_content(content), verify=True)
    assert compiled.content() == content
    blocking = [key for key, value in content.names.items() if value & 1]
    assert all(compiled.match(key) & BLOCKED for key in blocking)


@needs_lists
@pytest.mark.parametrize("name", table())
def test_report_stays_small_and_safe_to_print(name: str) -> None:
    try:
        report = parse_list(read_list(name)).report
    except ListRefused as refused:
        report = msgspec.convert(refused.extra["report"], Report)
    assert len(msgspec.json.encode(report)) < 100_000
    assert all(line.text.isprintable() for line in report.invalid)
