"""The report: counts by kind, samples that are safe, JSON that reads back."""

from __future__ import annotations

import msgspec

from resolver.rules import side
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
    SideCounts,
    by_frequency,
    count_rules,
    count_sides,
    safe_text,
)
from resolver.rules.side import SideRule
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


def test_side_rules_are_counted_by_what_they_do_and_ask() -> None:
    name = key("a.example")
    sides = [
        SideRule(action=side.BLOCK, expression="^a", important=True),
        SideRule(action=side.BLOCK, key=name, types=(1,)),
        SideRule(action=side.ALLOW, key=name, not_types=(1,), not_clients=("192.0.2.7/32",)),
        SideRule(action=side.ALLOW, key=name, tags=("user_child",)),
        SideRule(action=side.ANSWER, key=name, answer=side.Answer(rcode=3)),
        SideRule(action=side.CANCEL, key=name),
        SideRule(action=side.BLOCK, addresses=("192.0.2.0/24",)),
    ]
    assert count_sides(sides) == SideCounts(
        block=3, allow=2, answer=1, cancel=1, important=1, expressions=1, by_type=2, by_client=2, by_address=1
    )
    assert count_sides([]) == SideCounts()
