"""hosts, plain names and wildcards: what they can say, and that they say no more."""

from __future__ import annotations

import pytest

from resolver.rules.side import ALLOW, ANSWER, APEX, BLOCK, BOTH, Record, SideRule
from resolver.rules.writers.plain import DOMAINS, HOSTS, WILDCARD
from resolver.rules.writers.writer import Writer, losses
from tests.unit.rules.shorthand import key
from tests.unit.rules.writers import cases

NOTHING = dict.fromkeys(cases.PLAIN)

WRITTEN = [
    (HOSTS, NOTHING | {"|": ["0.0.0.0 a.example"]}),
    (DOMAINS, NOTHING | {"|": ["a.example"]}),
    (WILDCARD, NOTHING | {"|": ["=a.example"], "||": ["*.a.example"]}),
]


@pytest.mark.parametrize(("writer", "written"), WRITTEN, ids=lambda one: getattr(one, "name", ""))
def test_plain_rules(writer: Writer, written: dict[str, list[str] | None]) -> None:
    assert cases.plain_lines(writer) == written


REASONS = [
    (HOSTS, "||", "below"), (HOSTS, "@@|", "exceptions"), (DOMAINS, "||*.", "below"),
    (WILDCARD, "||*.", "covers the name as well"), (WILDCARD, "@@||", "exceptions"),
]  # fmt: skip


@pytest.mark.parametrize(("writer", "kind", "reason"), REASONS)
def test_the_reason_is_said(writer: Writer, kind: str, reason: str) -> None:
    [loss] = losses(cases.of_plain(cases.PLAIN[kind]), writer)
    assert reason in loss.reason
    assert loss.rule.startswith(kind)


def test_hosts_answer_with_addresses_of_a_name_alone() -> None:
    def said(reach: int, *records: Record, ttl: int = 0) -> list[str] | None:
        answer = cases.answer(*records, ttl=ttl)
        rule = SideRule(action=ANSWER, key=key("a.example"), reach=reach, answer=answer)
        return cases.lines(cases.of_side(rule), HOSTS)

    assert said(APEX, cases.A) == ["192.0.2.7 a.example"]
    assert said(APEX, cases.A, cases.AAAA) == ["192.0.2.7 a.example", "2001:db8::7 a.example"]
    assert said(BOTH, cases.A) is None
    assert said(APEX, cases.CNAME) is None
    assert said(APEX, cases.A, ttl=60) is None
    assert said(APEX) is None


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        (r"^ads\.", "ads.*"),
        (r"ads", "*ads*"),
        (r"^ad.[0-9].*\.test$", "ad?[0-9]*.test"),
        (r"^ads[0-9]+\.", r"/^ads[0-9]+\./"),
        (r"a|b", "/a|b/"),
    ],
)
def test_expressions_are_masks_where_they_are_such(expression: str, line: str) -> None:
    assert cases.lines(cases.of_side(SideRule(action=BLOCK, expression=expression)), WILDCARD) == [line]
    assert cases.lines(cases.of_side(SideRule(action=ALLOW, expression=expression)), WILDCARD) is None


def test_wildcards_cover_everything() -> None:
    assert cases.lines(cases.of_side(SideRule(action=BLOCK)), WILDCARD) == ["*"]
    assert cases.lines(cases.of_side(SideRule(action=BLOCK)), HOSTS) is None
