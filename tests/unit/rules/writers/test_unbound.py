"""Unbound: zones and local data, and what unbound-checkconf says of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.rules.model import ALLOW_BOTH, BLOCK_APEX, BLOCK_BOTH
from resolver.rules.side import ALLOW, ANSWER, APEX, BLOCK, BOTH, Answer, SideRule
from resolver.rules.writers.unbound import UNBOUND
from tests.unit.rules.shorthand import key
from tests.unit.rules.writers import cases


def test_plain_rules() -> None:
    assert cases.plain_lines(UNBOUND) == {
        "|": ['local-data: "a.example. A 0.0.0.0"'],
        "||": ['local-zone: "a.example." always_null'],
        "||*.": None,
        "@@|": None,
        "@@||": ['local-zone: "a.example." always_transparent'],
        "@@||*.": None,
        "|, below allowed": None,
        "||, alone allowed": None,
    }


def of_answer(answer: Answer, reach: int = APEX) -> SideRule:
    return SideRule(action=ANSWER, key=key("a.example"), reach=reach, answer=answer)


SIDES = [
    (SideRule(action=BLOCK), ['local-zone: "." always_null']),
    (SideRule(action=ALLOW), ['local-zone: "." always_transparent']),
    (of_answer(cases.answer(cases.A)), ['local-data: "a.example. A 192.0.2.7"']),
    (of_answer(cases.answer(cases.A, ttl=60)), ['local-data: "a.example. 60 A 192.0.2.7"']),
    (of_answer(cases.answer(cases.A, cases.AAAA)),
     ['local-data: "a.example. A 192.0.2.7"', 'local-data: "a.example. AAAA 2001:db8::7"']),
    (of_answer(cases.answer(cases.A), BOTH), None),
    (of_answer(cases.answer(cases.TXT)), None),  # quotes within quotes
    (of_answer(Answer(rcode=5), BOTH), None),
    (of_answer(Answer()), None),
    (SideRule(action=BLOCK, expression="ads"), None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "written"), SIDES, ids=repr)
def test_side_rules(rule: SideRule, written: list[str] | None) -> None:
    assert cases.lines(cases.of_side(rule), UNBOUND) == written


def test_unbound_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "unbound.conf"
    content = cases.names(
        (BLOCK_APEX, BLOCK_BOTH, ALLOW_BOTH), [of_answer(cases.answer(cases.A, cases.AAAA))]
    )
    text = cases.whole(content, UNBOUND)
    # Folders and accounts of a real installation are not what is asked about.
    file.write_text(text + 'username: ""\nchroot: ""\ndirectory: ""\npidfile: ""\n')
    cases.run("unbound-checkconf", [str(file)])
