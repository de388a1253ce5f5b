"""The report: counts by kind, samples that are safe, JSON that reads back."""

from __future__ import annotations

import msgspec

from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    LINE_SHIFT,
)
from resolver.rules.report import (
    MAX_SAMPLE_TEXT,
    BadLine,
    Report,
    RuleCounts,
    by_frequency,
    count_rules,
    safe_text,
)
from tests.unit.rules.shorthand import key


def test_rules_are_counted_by_kind() -> None:
    kinds = [BLOCK_APEX, BLOCK_APEX, BLOCK_BOTH, BLOCK_BELOW, ALLOW_APEX, ALLOW_BOTH, ALLOW_BELOW]
    kinds += [BLOCK_BOTH | ALLOW_APEX]
    rules = {key(f"{n}.example"): flags | n << LINE_SHIFT for n, flags in enumerate(kinds)}
    assert count_rules(rules) == RuleCounts(
        block_exact=2, block_suffix=2, block_below=1, allow_exact=2, allow_suffix=1, allow_below=1
    )
    assert count_rules({}) == RuleCounts()


def test_samples_are_cut_and_printable() -> None:
    assert safe_text("a.example") == "a.example"
    assert safe_text("a\x1b[31m\u202eb\n") == "a\ufffd[31m\ufffdb\ufffd"
    assert len(safe_text("x" * 200)) == 200 and safe_text("x" * 200).endswith("x")
    assert len(safe_text("x" * 201)) == MAX_SAMPLE_TEXT and safe_text("x" * 201).endswith("…")


def test_most_frequent_code_comes_first() -> None:
    assert list(by_frequency({"b": 1, "c": 5, "a": 1})) == ["c", "a", "b"]


def test_report_survives_json() -> None:
    report = Report(
        format="hosts",
        detected="hosts",
        confidence=0.5,
        invalid=[BadLine(1, "x", "bad-character", "No.")],
        invalid_by_code={"bad-character": 1},
    )
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
