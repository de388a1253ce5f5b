"""Decide: truth tables of plain names. Side rules: tests/rulings."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.policy.decide import (
    ANSWERED,
    BLOCK,
    NONE,
    VERDICT_NAMES,
    PolicyList,
    RuleMatch,
    Ruleset,
)
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    ALLOWED,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    BLOCKED,
    key_of,
)
from tests.support.rules import compiled, ruleset, wire

Lists = dict[str, dict[str, int]]
"""List id → name → flags."""


def rules_of(lists: Lists) -> Ruleset:
    return Ruleset([PolicyList(list_id, compiled(rules)) for list_id, rules in lists.items()])


# One rule

REACH = [
    # flags, for the name itself, for a name below, for the name above
    (0, NONE, NONE),
    (BLOCK_APEX, BLOCKED, NONE),
    (BLOCK_BELOW, NONE, BLOCKED),
    (BLOCK_BOTH, BLOCKED, BLOCKED),
    (ALLOW_APEX, ALLOWED, NONE),
    (ALLOW_BELOW, NONE, ALLOWED),
    (ALLOW_BOTH, ALLOWED, ALLOWED),
    (BLOCK_BOTH | ALLOW_APEX, ALLOWED, BLOCKED),
    (BLOCK_BOTH | ALLOW_BELOW, BLOCKED, ALLOWED),
    (BLOCK_APEX | ALLOW_BELOW, BLOCKED, ALLOWED),
    (BLOCK_BOTH | ALLOW_BOTH, ALLOWED, ALLOWED),
]


@pytest.mark.parametrize(("flags", "apex", "below"), REACH)
def test_how_far_a_rule_reaches(flags: int, apex: int, below: int) -> None:
    rules = rules_of({"one": {"example.org": flags} if flags else {}})
    assert rules.verdict(wire("example.org")) == apex
    assert rules.verdict(wire("www.example.org")) == rules.verdict(wire("a.b.example.org")) == below
    for name in ("org", ".", "xexample.org", "example.net", "example.org.net"):
        assert rules.verdict(wire(name)) == NONE


# Two rules

NAMES = ("example.org", "ads.example.org", "x.ads.example.org")


@pytest.mark.parametrize("one_list", [True, False])
@pytest.mark.parametrize(("blocked", "allowed"), list(itertools.product(NAMES, NAMES)))
def test_allow_beats_block_at_any_depth(blocked: str, allowed: str, one_list: bool) -> None:
    """Whichever is the more specific, in one list or in two, in either order."""
    if one_list:
        flags = {blocked: BLOCK_BOTH}
        flags[allowed] = flags.get(allowed, 0) | ALLOW_BOTH
        every = [rules_of({"one": flags})]
    else:
        pair = [("b", {blocked: BLOCK_BOTH}), ("a", {allowed: ALLOW_BOTH})]
        every = [rules_of(dict(pair)), rules_of(dict(reversed(pair)))]
    for rules, name in itertools.product(every, (*NAMES, "org")):
        below_allowed = f".{name}".endswith(f".{allowed}")
        below_blocked = f".{name}".endswith(f".{blocked}")
        expected = ALLOWED if below_allowed else BLOCKED if below_blocked else NONE
        assert rules.verdict(wire(name)) == expected
        assert rules.explain(wire(name)).verdict == VERDICT_NAMES[expected]


def test_no_rules_at_all() -> None:
    for rules in (Ruleset(), rules_of({"empty": {}})):
        for name in (".", "example.org"):
            assert rules.verdict(wire(name)) == NONE
            assert rules.explain(wire(name)) == ("none", None, (), None)


def test_labels_are_matched_and_not_text() -> None:
    """RFC 2181 11: the one label `a.example` is not two; a length octet is no letter."""
    rules = ruleset(block=("example.org", "9.example.net"))
    blocked = {
        "a.example.org": 1,
        r"a\.example.org": 0,
        r"example\.org": 0,
        "EXAMPLE.org": 1,
        r"x\007example.org": 0,
    }
    for name, verdict in blocked.items():
        assert rules.verdict(wire(name)) == verdict
    # Reversed, `9` is what the length octet of a label of 57 octets looks like.
    assert rules.verdict(wire("a" * 57 + ".example.net")) == NONE


# Explanations


def test_the_most_specific_deciding_rule_is_named() -> None:
    rules = rules_of({
        "wide": {"org": BLOCK_BELOW, "example.org": BLOCK_BOTH},
        "near": {"ads.example.org": BLOCK_BOTH, "example.net": BLOCK_BOTH},
        "same": {"ads.example.org": BLOCK_BOTH},
    })  # fmt: skip
    found = rules.explain(wire("x.ads.example.org"))
    assert found.deciding == RuleMatch("near", wire("ads.example.org"), BLOCK_BELOW, 1)
    assert [(one.list_id, one.name) for one in found.matches] == [
        ("wide", wire("example.org")),
        ("wide", wire("org")),
        ("near", wire("ads.example.org")),
        ("same", wire("ads.example.org")),
    ]


def test_an_allow_rule_decides_over_a_nearer_block() -> None:
    rules = rules_of({
        "b": {"x.ads.example.org": BLOCK_APEX},
        "a": {"org": ALLOW_BELOW, "example.org": ALLOW_BOTH},
    })  # fmt: skip
    found = rules.explain(wire("x.ads.example.org"))
    assert found.verdict == "allow" and found.deciding is not None
    assert (found.deciding.list_id, found.deciding.name) == ("a", wire("example.org"))
    assert found.deciding.allows and not found.deciding.blocks and len(found.matches) == 3


def test_a_rule_tells_its_line_and_only_what_reaches_the_name() -> None:
    rules = rules_of({"one": {"example.net": BLOCK_BOTH, "example.org": BLOCK_APEX | ALLOW_BELOW}})
    apex, below = rules.explain(wire("example.org")).deciding, rules.explain(wire("a.example.org")).deciding
    assert apex == RuleMatch("one", wire("example.org"), BLOCK_APEX, 2)
    assert below == RuleMatch("one", wire("example.org"), ALLOW_BELOW, 2)
    assert apex.blocks and not apex.allows and below.allows and not below.blocks


# Random rules, against a model that asks every rule

LABEL = st.sampled_from(["a", "b", "9", "-", "_", "aa", "a" * 45, "b" * 57])
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
LISTS = st.dictionaries(
    st.sampled_from(["l1", "l2", "l3"]), st.dictionaries(NAME, st.integers(1, 15), max_size=8)
)


def reaching(name: str, rule: str, flags: int) -> int:
    """The flags of a rule that reach a name."""
    if name == rule:
        return flags & (BLOCK_APEX | ALLOW_APEX)
    return flags & (BLOCK_BELOW | ALLOW_BELOW) if name.endswith(f".{rule}") else 0


@given(LISTS, st.lists(NAME, min_size=1, max_size=6))
def test_verdict_and_explanation_agree_with_the_rules(lists: Lists, names: list[str]) -> None:
    rules = rules_of(lists)
    for name in [*names, *(rule for one in lists.values() for rule in one)]:
        expected = {
            (list_id, wire(rule), reach)
            for list_id, one in lists.items()
            for rule, flags in one.items()
            if (reach := reaching(name, rule, flags))
        }
        every = 0
        for _, _, reach in expected:
            every |= reach
        verdict = ALLOWED if every & ALLOW_BOTH else BLOCKED if every & BLOCK_BOTH else NONE
        found = rules.explain(wire(name))
        assert rules.verdict(wire(name)) == verdict and found.verdict == VERDICT_NAMES[verdict]
        assert {(one.list_id, one.name, one.flags) for one in found.matches} == expected
        assert len(found.matches) == len(expected)
        if found.deciding is not None:
            wanted = ALLOW_BOTH if verdict == ALLOWED else BLOCK_BOTH
            longest = max(len(one.name) for one in found.matches if one.flags & wanted)
            assert found.deciding.flags & wanted and len(found.deciding.name) == longest
        assert (found.deciding is None) == (verdict == NONE)


@given(LISTS, NAME, st.permutations(["l1", "l2", "l3"]))
def test_the_order_of_lists_changes_no_verdict(lists: Lists, name: str, order: list[str]) -> None:
    other = {list_id: lists[list_id] for list_id in order if list_id in lists}
    assert rules_of(lists).verdict(wire(name)) == rules_of(other).verdict(wire(name))


def test_a_verdict_has_a_name_for_people() -> None:
    assert VERDICT_NAMES == {NONE: "none", BLOCKED: "block", ALLOWED: "allow", ANSWERED: "answer"}


def test_index_of_its_own_is_asked_in_place_of_the_lists() -> None:
    asked: list[bytes] = []

    def match(key: bytes) -> int:
        asked.append(key)
        return BLOCKED

    rules = Ruleset([PolicyList("one", compiled({}))], match)
    assert rules.rule(wire("a.example"), 1) is BLOCK and asked == [key_of(wire("a.example"))]
