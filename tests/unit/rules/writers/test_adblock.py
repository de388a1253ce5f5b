"""Adblock: a form for every plain rule, and for nearly every side rule."""

from __future__ import annotations

import pytest

from resolver.rules.model import FLAGS_MASK
from resolver.rules.side import ALLOW, ANSWER, BLOCK, Answer, SideRule
from resolver.rules.writers.adblock import ADBLOCK
from resolver.rules.writers.writer import losses
from tests.unit.rules.shorthand import key
from tests.unit.rules.writers import cases


def test_plain_rules() -> None:
    assert cases.plain_lines(ADBLOCK) == {
        "|": ["|a.example^"],
        "||": ["||a.example^"],
        "||*.": ["||*.a.example^"],
        "@@|": ["@@|a.example^"],
        "@@||": ["@@||a.example^"],
        "@@||*.": ["@@||*.a.example^"],
        "|, below allowed": ["|a.example^", "@@||*.a.example^"],
        "||, alone allowed": ["||a.example^", "@@|a.example^"],
    }


@pytest.mark.parametrize("flags", range(1, FLAGS_MASK + 1))
def test_no_flags_are_without_a_form(flags: int) -> None:
    assert cases.lines(cases.of_plain(flags), ADBLOCK)


SAID = [
    (SideRule(action=BLOCK, key=key("a.example"), important=True), ["||a.example^$important"]),
    (SideRule(action=ALLOW, key=key("a.example"), types=(28,)), ["@@||a.example^$dnstype=AAAA"]),
    (SideRule(action=ANSWER, key=key("a.example"), answer=Answer(rcode=5)),
     ["||a.example^$dnsrewrite=REFUSED"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "written"), SAID)
def test_side_rules(rule: SideRule, written: list[str]) -> None:
    assert cases.lines(cases.of_side(rule), ADBLOCK) == written


UNSAID = [
    SideRule(action=ANSWER, key=key("a.example"), answer=Answer(silent=True)),
    SideRule(action=ANSWER, key=key("a.example"), answer=Answer(by_tcp=True)),
    SideRule(action=ANSWER, key=key("a.example"), answer=cases.answer(cases.A, ttl=60)),
    SideRule(action=ANSWER, key=key("a.example"), answer=cases.answer(cases.A, cases.AAAA)),
    SideRule(action=BLOCK, addresses=("192.0.2.0/24",)),
]


@pytest.mark.parametrize("rule", UNSAID, ids=repr)
def test_what_only_policy_zones_say(rule: SideRule) -> None:
    [loss] = losses(cases.of_side(rule), ADBLOCK)
    assert "no modifier" in loss.reason
