"""Answers judged: the first target that a rule speaks of decides, then addresses; per client, or for all."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

import pytest

from resolver.policy.decide import ALLOW, ANSWERED, BLOCK, LEFT_ALONE, NONE, Ruleset, Ruling
from resolver.policy.relayed import rule_addresses, rule_targets
from resolver.rules.model import ALLOWED, BLOCKED
from tests.support.rules import listed, wire

RULES = Ruleset(
    (
        listed(
            "ours",
            "||bad.example^\n@@||good.example^\n||gone.example^$dnsrewrite=NXDOMAIN\n"
            "||some.example^$client=192.0.2.7\n||six.example^$dnstype=AAAA\n",
        ),
        listed(
            "zone",
            "24.0.113.0.203.rpz-ip CNAME .\n32.7.113.0.203.rpz-ip CNAME rpz-passthru.\n"
            "32.9.113.0.203.rpz-ip CNAME *.\n112.zz.bad.db8.2001.rpz-ip CNAME .\n",
            "rpz",
        ),
    )
)


class Case(NamedTuple):
    targets: tuple[str, ...]
    verdict: int
    common: bool = True
    client: str = "192.0.2.1"
    qtype: int = 1


CASES = [
    Case((), NONE),
    Case(("one.example", "two.example"), NONE),
    Case(("one.example", "x.bad.example"), BLOCKED),
    Case(("good.example", "bad.example"), ALLOWED),
    Case(("bad.example", "good.example"), BLOCKED),
    Case(("gone.example", "bad.example"), ANSWERED),
    Case(("six.example",), NONE),
    Case(("six.example",), BLOCKED, qtype=28),
    # A rule about clients on the way makes the ruling this client's own, whatever it came to.
    Case(("some.example",), NONE, common=False),
    Case(("some.example",), BLOCKED, common=False, client="192.0.2.7"),
    Case(("some.example", "bad.example"), BLOCKED, common=False),
    Case(("bad.example", "some.example"), BLOCKED),
    Case(("some.example", "gone.example"), ANSWERED, common=False),
]


@pytest.mark.parametrize("case", CASES, ids=[" ".join(case.targets) for case in CASES])
def test_where_an_answer_leads(case: Case) -> None:
    targets = [wire(name) for name in case.targets]
    found = rule_targets(RULES, LEFT_ALONE, case.qtype, case.client, targets)
    assert (found.verdict, found.common) == (case.verdict, case.common)
    mine = rule_targets(RULES, Ruling(NONE, None, False), case.qtype, case.client, targets)
    assert (mine.verdict, mine.common) == (case.verdict, False)


ADDRESSES = [
    ((), NONE),
    (("192.0.2.1",), NONE),
    (("203.0.113.1",), BLOCKED),
    (("192.0.2.1", "203.0.113.1"), BLOCKED),
    (("203.0.113.7",), ALLOWED),
    (("203.0.113.9",), ANSWERED),
    (("2001:db8:bad::5",), BLOCKED),
    (("2001:db8:bad:0:1::",), NONE),
    # The longest prefix decides (BIND ARM), in whatever order they stand in the answer.
    (("203.0.113.1", "203.0.113.7"), ALLOWED),
]


@pytest.mark.parametrize(("texts", "verdict"), ADDRESSES, ids=[" ".join(row[0]) for row in ADDRESSES])
def test_addresses_in_an_answer(texts: tuple[str, ...], verdict: int) -> None:
    packed = [ipaddress.ip_address(text).packed for text in texts]
    found = rule_addresses(RULES, LEFT_ALONE, wire("www.example.org"), 1, "192.0.2.1", packed)
    assert (found.verdict, found.common) == (verdict, True)
    mine = Ruling(NONE, None, False)
    assert not rule_addresses(RULES, mine, wire("www.example.org"), 1, "192.0.2.1", packed).common


def test_plain_rulings_are_passed_on_as_they_are() -> None:
    """The pipeline knows them by identity."""
    assert rule_targets(RULES, LEFT_ALONE, 1, "", [wire("bad.example")]) is BLOCK
    assert rule_targets(RULES, LEFT_ALONE, 1, "", [wire("good.example")]) is ALLOW
    assert rule_targets(RULES, LEFT_ALONE, 1, "", [wire("one.example")]) is LEFT_ALONE
