"""A snapshot: one generation, whole and unchanging, or open when there is none."""

from __future__ import annotations

import dns.message
import pytest

from resolver.dns import registry
from resolver.dns.edns import written
from resolver.generation.loader import Loaded
from resolver.generation.manifest import Manifest
from resolver.policy.decide import ALLOW, BLOCK, LEFT_ALONE, Ruleset
from resolver.policy.model import AnswerPolicy, Policy, WhyPolicy
from resolver.serving.snapshot import Snapshot
from tests.support.rules import wire
from tests.unit.serving.ground import addresses, query_of, snapshot


def test_without_a_generation_nothing_is_blocked() -> None:
    open_one = Snapshot(None)
    assert open_one.number == 0 and open_one.loaded is None
    assert open_one.rule(wire("bad.example.org"), 1) == LEFT_ALONE and not open_one.watches


def test_verdicts_are_those_of_the_generation() -> None:
    one = snapshot(block=("example.org",), allow=("good.example.org",), number=5)
    names = ("example.org", "a.b.example.org", "good.example.org", "example.net")
    assert [one.rule(wire(name), 1) for name in names] == [BLOCK, BLOCK, ALLOW, LEFT_ALONE]
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


def test_whom_to_ask_is_what_its_policy_says() -> None:
    """Told to clients that ask for data (draft-ietf-dnsop-structured-dns-error), and to nobody else."""
    policy = Policy(why=WhyPolicy(("mailto:help@school.example",)))
    manifest = Manifest(1, None, "2026-01-02T03:04:05Z", "ann", "why", policy=policy)
    one = Snapshot(Loaded(1, "", manifest, (), Ruleset()))
    asking = query_of()
    asking.options = written(registry.OPTION_STRUCTURED)
    assert b'{"c":["mailto:help@school.example"],"s":5}' in one.blocks.build(asking)
    assert b"mailto" not in one.blocks.build(query_of())


def test_nothing_can_be_added_to_it() -> None:
    with pytest.raises(AttributeError):
        snapshot().more = 1  # type: ignore[attr-defined]
