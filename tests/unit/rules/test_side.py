"""Side rules as values: what makes two of them one, their order, and what they tell of themselves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.side import ALLOW, ANSWER, BLOCK, Answer, Record, SideRule, canonical, meaning
from tests.unit.rules.shorthand import key

PLAIN = SideRule(action=BLOCK, key=key("a.example"))

FIELDS: dict[str, Any] = {
    "action": ALLOW,
    "key": key("b.example"),
    "reach": 1,
    "expression": "^a",
    "invert": True,
    "important": True,
    "types": (1,),
    "not_types": (1,),
    "clients": ("192.0.2.7/32",),
    "not_clients": ("192.0.2.7/32",),
    "tags": ("user_child",),
    "not_tags": ("user_child",),
    "outside": (key("c.example"),),
    "addresses": ("192.0.2.0/24",),
    "answer": Answer(rcode=3),
}


def test_every_field_but_the_line_is_meant() -> None:
    assert {*FIELDS, "line"} == set(SideRule.__struct_fields__)
    meanings = {meaning(PLAIN)} | {
        meaning(msgspec.structs.replace(PLAIN, **{name: value})) for name, value in FIELDS.items()
    }
    assert len(meanings) == len(FIELDS) + 1
    assert meaning(msgspec.structs.replace(PLAIN, line=7)) == meaning(PLAIN)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(rcode=3),
        Answer(ttl=1),
        Answer(silent=True),
        Answer(by_tcp=True),
        Answer(records=(Record(1, b"\xc0\0\2\1"),)),
        Answer(records=(Record(28, b"\xc0\0\2\1"),)),
    ],
)
def test_every_part_of_an_answer_is_meant(answer: Answer) -> None:
    rule = SideRule(action=ANSWER, answer=answer)
    assert meaning(rule) != meaning(SideRule(action=ANSWER, answer=Answer()))
    assert msgspec.msgpack.decode(meaning(rule), type=SideRule) == rule


def test_what_is_the_same_but_for_its_line_is_kept_once_with_the_first() -> None:
    again = [msgspec.structs.replace(PLAIN, line=line) for line in (9, 4, 7)]
    assert canonical(again) == (msgspec.structs.replace(PLAIN, line=4),)


@given(st.permutations([msgspec.structs.replace(PLAIN, **{name: value}) for name, value in FIELDS.items()]))
def test_order_is_that_of_the_meaning(rules: list[SideRule]) -> None:
    found = canonical(rules)
    assert found == canonical(found) and list(map(meaning, found)) == sorted(map(meaning, rules))


@pytest.mark.parametrize("field", FIELDS)
def test_which_depend_on_who_asks(field: str) -> None:
    rule = msgspec.structs.replace(PLAIN, **{field: FIELDS[field]})
    assert rule.for_some == (field in {"clients", "not_clients", "tags", "not_tags"})


def test_what_no_key_leads_to() -> None:
    assert not PLAIN.everywhere
    assert SideRule(action=BLOCK).everywhere and SideRule(action=BLOCK, expression="a").everywhere


def test_rules_are_values() -> None:
    assert len({PLAIN, SideRule(action=BLOCK, key=key("a.example")), SideRule(action=ALLOW)}) == 2
    with pytest.raises(AttributeError):
        PLAIN.action = ALLOW  # type: ignore[misc]
