"""The golden numbers of every real list; run as a module it writes `counts.json` anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from resolver.errors import ListRefused
from resolver.rules.parse import parse_list
from tests.data_lists.real import names, read_list

TABLE = Path(__file__).with_name("counts.json")

_SHOWN = ("format", "confidence", "lines", "blanks", "comments", "entries", "duplicates")
_BY_CODE = (
    "ignored_by_code",
    "not_dns_by_code",
    "invalid_by_code",
    "unenforceable_by_code",
    "held_by_code",
    "notes",
)
_KINDS = ("rules", "side_rules")


def counts(data: bytes) -> dict[str, Any]:
    """The numbers of one list, those that are 0 left out."""
    try:
        report: Any = msgspec.to_builtins(parse_list(data).report)
    except ListRefused as refused:
        report = {"refused": refused.code}
        seen: Any = refused.extra.get("report", {})
        report |= {key: seen[key] for key in (*_SHOWN, *_BY_CODE, *_KINDS) if key in seen}
    shown = {key: report[key] for key in ("refused", *_SHOWN, *_BY_CODE) if report.get(key)}
    for name in _KINDS:
        if kinds := {kind: count for kind, count in report.get(name, {}).items() if count}:
            shown[name] = kinds
    return shown


if __name__ == "__main__":
    found = {name: counts(read_list(name)) for name in names()}
    TABLE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
