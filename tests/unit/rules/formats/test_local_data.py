"""Local data: what adds up, what does not, and where it ends."""

from __future__ import annotations

import pytest

from resolver.dns.registry import AAAA, CNAME, TXT, A
from resolver.rules.formats import local_data
from resolver.rules.formats.local_data import MAX_RECORDS, LocalData, address_record, is_sink, plain
from resolver.rules.lines import Rule, Skip
from resolver.rules.side import ALLOW, ANSWER, APEX, BELOW, BLOCK, BOTH, Answer, Record, SideRule
from tests.unit.rules.shorthand import key

WHEN = SideRule(action=BLOCK, key=key("a.example"), reach=APEX)
FIRST, SECOND = address_record("192.0.2.1"), address_record("2001:db8::1")
NOWHERE = address_record("0.0.0.0")
ALIAS = Record(CNAME, b"\1b\7example\0")


def test_records_of_one_owner_are_one_rule_in_one_order() -> None:
    both = []
    for records in ((SECOND, FIRST, SECOND), (FIRST, SECOND, FIRST)):
        data = LocalData()
        assert [data.add(WHEN, record, 300, line) for line, record in enumerate(records, 4)] == [None] * 3
        both.append(list(data.finish()))
    answer = Answer(records=(FIRST, SECOND), ttl=300)
    assert both[0] == both[1] == [(4, SideRule(action=ANSWER, key=WHEN.key, reach=APEX, answer=answer))]


def test_owners_are_told_apart_by_the_whole_condition() -> None:
    data = LocalData()
    other = SideRule(action=BLOCK, key=WHEN.key, reach=BELOW)
    data.add(WHEN, FIRST, 0, 1)
    data.add(other, ALIAS, 0, 2)
    assert [line for line, _ in data.finish()] == [1, 2]


@pytest.mark.parametrize(("ttls", "ttl"), [((0, 0), 0), ((0, 60), 60), ((300, 60), 60), ((60, 0), 60)])
def test_shortest_ttl_counts(ttls: tuple[int, int], ttl: int) -> None:
    data = LocalData()
    data.add(WHEN, FIRST, ttls[0], 1)
    data.add(WHEN, SECOND, ttls[1], 2)
    ((_, rule),) = data.finish()
    assert isinstance(rule, SideRule) and rule.answer is not None and rule.answer.ttl == ttl


@pytest.mark.parametrize(
    ("first", "second"), [(ALIAS, FIRST), (FIRST, ALIAS), (ALIAS, Record(CNAME, b"\1c\0"))]
)
def test_an_alias_stands_alone(first: Record, second: Record) -> None:
    data = LocalData()
    assert data.add(WHEN, first, 0, 1) is None
    assert data.add(WHEN, second, 0, 2) == Skip("invalid", "cname-and-other-data")
    assert len(list(data.finish())) == 1


@pytest.mark.parametrize("addresses", [["0.0.0.0"], ["::"], ["0.0.0.0", "::"], ["127.0.0.53", "::1"]])
def test_addresses_that_lead_nowhere_block(addresses: list[str]) -> None:
    data = LocalData()
    for line, address in enumerate(addresses, 1):
        data.add(WHEN, address_record(address), 60, line)
    assert list(data.finish()) == [(1, Rule(b"\1a\7example\0", 1))]


def test_beside_another_record_they_are_a_part_of_the_answer() -> None:
    data = LocalData()
    data.add(WHEN, NOWHERE, 0, 1)
    data.add(WHEN, Record(TXT, b"\1x"), 0, 2)
    ((_, rule),) = data.finish()
    assert isinstance(rule, SideRule) and rule.answer == Answer(records=(NOWHERE, Record(TXT, b"\1x")))


def test_records_of_one_owner_have_a_bound() -> None:
    data = LocalData()
    for number in range(MAX_RECORDS):
        assert data.add(WHEN, Record(A, bytes((192, 0, 2, number))), 0, 1) is None
    assert data.add(WHEN, FIRST, 0, 1) is None  # there already
    assert data.add(WHEN, SECOND, 0, 1) == Skip("invalid", "too-many-records")


@pytest.mark.parametrize(("bound", "value"), [("MAX_DEFERRED", 1), ("MAX_OCTETS", 5)])
def test_records_of_a_list_have_bounds(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    monkeypatch.setattr(local_data, bound, value)
    data = LocalData()
    other = SideRule(action=BLOCK, key=key("b.example"), reach=APEX)
    assert data.add(WHEN, FIRST, 0, 1) is None
    assert data.add(other, SECOND, 0, 2) == Skip("invalid", "too-many-records")
    assert data.add(other, NOWHERE, 0, 3) == Rule(b"\1b\7example\0", 1)


SINKS = {"0.0.0.0": True, "::": True, "127.0.0.1": True, "127.1.2.3": True, "::1": True, "fe80::1%lo0": False}
SINKS |= {"192.0.2.1": False, "255.255.255.255": False, "::ffff:0.0.0.0": False}


@pytest.mark.parametrize(("address", "sink"), SINKS.items())
def test_sinks(address: str, sink: bool) -> None:
    record = address_record(address)
    assert record.rtype == (AAAA if ":" in address else A)
    assert is_sink(record) == sink


def test_only_addresses_are_sinks() -> None:
    assert not is_sink(Record(TXT, b"\0\0\0\0"))


@pytest.mark.parametrize(
    ("rule", "flags"),
    [
        (SideRule(action=BLOCK, key=WHEN.key, reach=APEX), 1),
        (SideRule(action=BLOCK, key=WHEN.key, reach=BELOW), 2),
        (SideRule(action=BLOCK, key=WHEN.key, reach=BOTH), 3),
        (SideRule(action=ALLOW, key=WHEN.key, reach=APEX), 4),
        (SideRule(action=ALLOW, key=WHEN.key, reach=BELOW), 8),
    ],
)
def test_a_rule_that_says_no_more_is_plain(rule: SideRule, flags: int) -> None:
    assert plain(rule) == Rule(b"\1a\7example\0", flags)


@pytest.mark.parametrize(
    "rule",
    [
        SideRule(action=BLOCK),
        SideRule(action=BLOCK, clients=("192.0.2.1/32",)),
        SideRule(action=BLOCK, key=WHEN.key, types=(A,)),
        SideRule(action=ANSWER, key=WHEN.key, answer=Answer()),
    ],
)
def test_a_rule_that_says_more_is_not(rule: SideRule) -> None:
    assert plain(rule) is rule
