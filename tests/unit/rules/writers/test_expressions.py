"""Lists of expressions, plain and Pi-hole's: what they say, and that names are no part of them."""

from __future__ import annotations

import pytest

from resolver.rules.side import ALLOW, ANSWER, BLOCK, Answer, SideRule
from resolver.rules.writers.expressions import PIHOLE_REGEX, REGEX
from resolver.rules.writers.writer import Writer, losses
from tests.unit.rules.writers import cases

ADS = r"^ads[0-9]+\."


def found(action: int = BLOCK, answer: Answer | None = None, **conditions: object) -> SideRule:
    """A rule with the expression of these tests."""
    rule = {"action": action, "expression": ADS, "answer": answer, **conditions}
    return SideRule(**rule)  # type: ignore[arg-type]


SIDES = [
    (found(), f"/{ADS}/", ADS),
    (found(ALLOW), f"@@/{ADS}/", None),
    (found(types=(1, 65)), None, f"{ADS};querytype=A,HTTPS"),
    (found(not_types=(28,)), None, f"{ADS};querytype=!AAAA"),
    (found(invert=True), None, f"{ADS};invert"),
    (found(ANSWER, Answer()), None, f"{ADS};reply=nodata"),
    (found(ANSWER, Answer(rcode=3)), None, f"{ADS};reply=nxdomain"),
    (found(ANSWER, Answer(rcode=5)), None, f"{ADS};reply=refused"),
    (found(ANSWER, Answer(silent=True)), None, f"{ADS};reply=none"),
    (found(ANSWER, cases.answer(cases.A, cases.AAAA)), None, f"{ADS};reply=192.0.2.7;reply=2001:db8::7"),
    (found(ANSWER, cases.answer(cases.MX)), None, None),
    (found(ANSWER, Answer(by_tcp=True)), None, None),
    (found(important=True), None, None),
    (found(clients=("192.0.2.0/24",)), None, None),
    (SideRule(action=BLOCK, expression=r"a;b"), "/a;b/", None),
    (SideRule(action=BLOCK, expression=r"#a"), "/#a/", None),
    (SideRule(action=BLOCK), None, None),
]


@pytest.mark.parametrize(("rule", "plain", "pihole"), SIDES, ids=lambda one: repr(one)[:60])
def test_side_rules(rule: SideRule, plain: str | None, pihole: str | None) -> None:
    for writer, written in ((REGEX, plain), (PIHOLE_REGEX, pihole)):
        assert cases.lines(cases.of_side(rule), writer) == (None if written is None else [written])


@pytest.mark.parametrize("writer", [REGEX, PIHOLE_REGEX], ids=["regex", "pihole-regex"])
def test_names_are_for_another_list(writer: Writer) -> None:
    for flags in cases.PLAIN.values():
        [loss] = losses(cases.of_plain(flags), writer)
        assert "list of their own" in loss.reason
