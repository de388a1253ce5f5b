"""A snapshot: one generation, whole and unchanging, or open when there is none."""

from __future__ import annotations

import dns.message
import pytest

from resolver.policy.model import AnswerPolicy
from resolver.rules.model import ALLOWED, BLOCKED
from resolver.serving.snapshot import Snapshot
from tests.support.rules import wire
from tests.unit.serving.ground import addresses, query_of, snapshot


def test_without_a_generation_nothing_is_blocked() -> None:
    open_one = Snapshot(None)
    assert open_one.number == 0 and open_one.loaded is None
    assert open_one.verdict(wire("bad.example.org")) == 0


def test_verdicts_are_those_of_the_generation() -> None:
    one = snapshot(block=("example.org",), allow=("good.example.org",), number=5)
    names = ("example.org", "a.b.example.org", "good.example.org", "example.net")
    assert [one.verdict(wire(name)) for name in names] == [BLOCKED, BLOCKED, ALLOWED, 0]
    assert one.number == 5


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (AnswerPolicy(), ["0.0.0.0"]),
        (AnswerPolicy("address", 10, ("192.0.2.80",)), ["192.0.2.80"]),
        (AnswerPolicy("nxdomain"), []),
    ],
)
def test_block_answers_are_those_of_its_policy(policy: AnswerPolicy, expected: list[str]) -> None:
    one = snapshot(block=("example.org",), answer=policy)
    assert addresses(dns.message.from_wire(one.blocks.build(query_of()))) == expected


def test_nothing_can_be_added_to_it() -> None:
    with pytest.raises(AttributeError):
        snapshot().more = 1  # type: ignore[attr-defined]
