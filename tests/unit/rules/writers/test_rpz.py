"""Policy zones: owners, actions and local data, and what named-checkzone says of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.rules.model import ALLOW_APEX, ALLOW_BELOW, ALLOW_BOTH, BLOCK_APEX, BLOCK_BELOW, BLOCK_BOTH
from resolver.rules.side import ALLOW, ANSWER, APEX, BELOW, BLOCK, BOTH, Answer, SideRule
from resolver.rules.writers.rpz import RPZ
from tests.unit.rules.shorthand import key
from tests.unit.rules.writers import cases


def test_plain_rules() -> None:
    assert cases.plain_lines(RPZ) == {
        "|": ["a.example CNAME ."],
        "||": ["a.example CNAME .", "*.a.example CNAME ."],
        "||*.": ["*.a.example CNAME ."],
        "@@|": ["a.example CNAME rpz-passthru."],
        "@@||": ["a.example CNAME rpz-passthru.", "*.a.example CNAME rpz-passthru."],
        "@@||*.": ["*.a.example CNAME rpz-passthru."],
        "|, below allowed": ["a.example CNAME .", "*.a.example CNAME rpz-passthru."],
        "||, alone allowed": None,
    }


def of_answer(answer: Answer, reach: int = APEX) -> SideRule:
    return SideRule(action=ANSWER, key=key("a.example"), reach=reach, answer=answer)


SIDES = [
    (SideRule(action=BLOCK), ["* CNAME ."]),
    (SideRule(action=BLOCK, clients=("192.0.2.0/24",)), ["24.0.2.0.192.rpz-client-ip CNAME ."]),
    (SideRule(action=ALLOW, clients=("2001:db8::/32",)),
     ["32.zz.db8.2001.rpz-client-ip CNAME rpz-passthru."]),
    (SideRule(action=BLOCK, addresses=("192.0.2.7/32",)), ["32.7.2.0.192.rpz-ip CNAME ."]),
    (SideRule(action=BLOCK, addresses=("2001:db8:0:1::5/128",)), ["128.5.zz.1.0.db8.2001.rpz-ip CNAME ."]),
    (SideRule(action=BLOCK, addresses=("::/0",)), ["0.zz.rpz-ip CNAME ."]),
    (of_answer(Answer()), ["a.example CNAME *."]),
    (of_answer(Answer(silent=True)), ["a.example CNAME rpz-drop."]),
    (of_answer(Answer(by_tcp=True), BELOW), ["*.a.example CNAME rpz-tcp-only."]),
    (of_answer(Answer(rcode=5)), None),
    (of_answer(cases.answer(cases.A)), ["a.example 0 A 192.0.2.7"]),
    (of_answer(cases.answer(cases.A, cases.AAAA, ttl=60), BOTH),
     ["a.example 60 A 192.0.2.7", "a.example 60 AAAA 2001:db8::7",
      "*.a.example 60 A 192.0.2.7", "*.a.example 60 AAAA 2001:db8::7"]),
    (of_answer(cases.answer(cases.CNAME)), ["a.example 0 CNAME www.example.org."]),
    (of_answer(cases.answer(cases.STAR)), ["a.example 0 CNAME *.garden.example."]),
    (of_answer(cases.answer(cases.MX)), ["a.example 0 MX 10 mail.example."]),
    (SideRule(action=BLOCK, clients=("the children",)), None),
    (SideRule(action=BLOCK, clients=("192.0.2.1/32", "192.0.2.2/32")), None),
    (SideRule(action=BLOCK, key=key("a.example"), types=(1,)), None),
    (SideRule(action=BLOCK, key=key("a.example"), important=True), None),
    (SideRule(action=BLOCK, expression="ads"), None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "written"), SIDES, ids=repr)
def test_side_rules(rule: SideRule, written: list[str] | None) -> None:
    assert cases.lines(cases.of_side(rule), RPZ) == written


def test_text_is_quoted() -> None:
    rule = of_answer(cases.answer(cases.TXT))
    assert cases.lines(cases.of_side(rule), RPZ) == [
        'a.example 0 TXT "say\\032\\034hi\\034\\059\\032\\092"',
    ]


def test_bind_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "rpz.zone"
    plain = (BLOCK_APEX, BLOCK_BELOW, BLOCK_BOTH, ALLOW_APEX, ALLOW_BELOW, ALLOW_BOTH)
    answers = {
        "nodata.example": Answer(),
        "drop.example": Answer(silent=True),
        "tcp.example": Answer(by_tcp=True),
        "data.example": cases.answer(cases.A, cases.MX, cases.TXT, cases.AAAA),
        "alias.example": cases.answer(cases.STAR, ttl=60),
    }
    sides = [
        SideRule(action=ALLOW, clients=("2001:db8::/32",)),
        SideRule(action=BLOCK, addresses=("192.0.2.7/32",)),
        *(SideRule(action=ANSWER, key=key(name), answer=answer) for name, answer in answers.items()),
    ]
    file.write_text(cases.whole(cases.names(plain, sides), RPZ))
    cases.run("named-checkzone", ["-k", "ignore", "rpz.example", str(file)])
