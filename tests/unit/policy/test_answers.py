"""Several answers for one question: what is no data, then an alias, then all records together."""

from __future__ import annotations

import pytest

from resolver.policy.answers import combine
from resolver.rules.side import ANSWER, BLOCK, Answer, Record, SideRule

ONE, TWO, SIX = Record(1, b"\xc0\0\2\1"), Record(1, b"\xc0\0\2\2"), Record(28, bytes(16))
ALIAS, OTHER = Record(5, b"\1a\0"), Record(5, b"\1b\0")
REFUSED, NODATA = Answer(rcode=5), Answer()
BOTH_3 = Answer(records=(ONE, TWO), ttl=3)

CASES: list[tuple[str, list[Answer], Answer]] = [
    ("one record", [Answer(records=(ONE,), ttl=9)], Answer(records=(ONE,), ttl=9)),
    ("records add up", [Answer(records=(ONE,)), Answer(records=(TWO, SIX))], Answer(records=(ONE, TWO, SIX))),
    ("each record once", [Answer(records=(ONE,)), Answer(records=(TWO, ONE))], Answer(records=(ONE, TWO))),
    ("the shortest TTL", [Answer(records=(ONE,), ttl=9), Answer(records=(TWO,), ttl=3)], BOTH_3),
    ("a TTL that is given", [Answer(records=(ONE,)), Answer(records=(TWO,), ttl=3)], BOTH_3),
    ("an rcode over records", [Answer(records=(ONE,)), REFUSED], REFUSED),
    ("NODATA over records", [Answer(records=(ONE,)), NODATA], NODATA),
    ("silence over records", [Answer(records=(ONE,)), Answer(silent=True)], Answer(silent=True)),
    ("TCP only over an alias", [Answer(records=(ALIAS,)), Answer(by_tcp=True)], Answer(by_tcp=True)),
    ("the first rcode", [NODATA, REFUSED], NODATA),
    ("an alias over records", [Answer(records=(ONE,)), Answer(records=(ALIAS,))], Answer(records=(ALIAS,))),
    ("the first alias", [Answer(records=(OTHER,)), Answer(records=(ALIAS,))], Answer(records=(OTHER,))),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_combine(answers: list[Answer], expected: Answer) -> None:
    assert combine([SideRule(action=ANSWER, answer=answer) for answer in answers]) == expected


def test_rules_without_an_answer_have_no_say() -> None:
    assert combine([SideRule(action=BLOCK), SideRule(action=ANSWER, answer=REFUSED)]) == REFUSED
