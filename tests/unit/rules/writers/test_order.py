"""No clash means no other verdict: the check is held to the real rulings, in both orders."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.policy.decide import PolicyList, Ruleset
from resolver.rules.compile import compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    Content,
    Rules,
    name_of,
)
from resolver.rules.side import ALLOW, ANSWER, APEX, BELOW, BLOCK, BOTH, Answer, SideRule, canonical
from resolver.rules.writers.order import clashes
from tests.unit.rules.shorthand import key

REFUSED = Answer(rcode=5)
A_CLIENT = "192.0.2.7"


class Case(NamedTuple):
    what: str
    names: dict[str, int]
    sides: tuple[SideRule, ...] = ()
    clashing: int = 0


def at(name: str, action: int, reach: int = BOTH, answer: Answer | None = None) -> SideRule:
    return SideRule(action=action, key=key(name), reach=reach, answer=answer)


CASES = [
    Case("blocks alone", {"a.test": BLOCK_BOTH, "x.a.test": BLOCK_BOTH}),
    Case("allows alone", {"a.test": ALLOW_BOTH, "x.a.test": ALLOW_BOTH}),
    Case("the usual exception", {"a.test": BLOCK_BOTH, "x.a.test": ALLOW_BOTH}),
    Case("a block below an allow", {"a.test": ALLOW_BOTH, "x.a.test": BLOCK_APEX}, clashing=1),
    Case("far below", {"a.test": ALLOW_BELOW, "x.y.z.a.test": BLOCK_BELOW}, clashing=1),
    Case("an allow that does not reach", {"a.test": ALLOW_APEX, "x.a.test": BLOCK_BOTH}),
    Case("beside each other", {"a.test": ALLOW_BOTH, "b.test": BLOCK_BOTH, "aa.test": BLOCK_BOTH}),
    Case("one name, both", {"a.test": BLOCK_BOTH | ALLOW_APEX}, clashing=1),
    Case("one name, each its own", {"a.test": BLOCK_BELOW | ALLOW_APEX}),
    Case("one name, below allowed", {"a.test": BLOCK_APEX | ALLOW_BELOW}),
    Case("a block below an answer", {"x.a.test": BLOCK_BOTH}, (at("a.test", ANSWER, answer=REFUSED),), 1),
    Case("an answer below a block", {"a.test": BLOCK_BOTH}, (at("x.a.test", ANSWER, answer=REFUSED),)),
    Case("an answer below an answer", {}, (at("a.test", ANSWER, answer=REFUSED),
         at("x.a.test", ANSWER, answer=Answer())), 1),
    Case("an answer below an allow", {"a.test": ALLOW_BOTH}, (at("x.a.test", ANSWER, answer=REFUSED),), 1),
    Case("every name allowed", {"a.test": BLOCK_BOTH}, (SideRule(action=ALLOW),), 1),
    Case("every name blocked", {"a.test": ALLOW_BOTH}, (SideRule(action=BLOCK),)),
    Case("a client blocked, a name allowed", {"a.test": ALLOW_BOTH},
         (SideRule(action=BLOCK, clients=("192.0.2.7/32",)),), 1),
    Case("a client allowed, a name blocked", {"a.test": BLOCK_BOTH},
         (SideRule(action=ALLOW, clients=("192.0.2.7/32",)),)),
    Case("clients against each other", {}, (SideRule(action=ALLOW, clients=("192.0.2.7/32",)),
         SideRule(action=BLOCK, clients=("192.0.2.0/24",))), 1),
    Case("addresses alike", {"a.test": ALLOW_BOTH}, (SideRule(action=BLOCK, addresses=("192.0.2.0/24",)),
         SideRule(action=BLOCK, addresses=("192.0.2.7/32",)))),
    Case("addresses against each other", {}, (SideRule(action=ALLOW, addresses=("192.0.2.0/24",)),
         SideRule(action=BLOCK, addresses=("192.0.2.7/32",))), 1),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_what_clashes(case: Case) -> None:
    content = Content({key(name): flags for name, flags in case.names.items()}, canonical(case.sides))
    assert len(list(clashes(content, twice=True, order=True))) == case.clashing


def test_where_the_order_stays_only_one_name_can_clash() -> None:
    content = Content({key("a.test"): ALLOW_BOTH, key("x.a.test"): BLOCK_BOTH, key("b.test"): 15})
    assert [clash.rule for clash in clashes(content, twice=True, order=False)] == [key("b.test")]
    assert list(clashes(content, twice=False, order=False)) == []


# --- The oracle: both orders, as they are really decided -----------------------------------------

LABELS = st.sampled_from(["a", "b", "ab"])
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: key(".".join((*labels, "test"))))
PLAIN: st.SearchStrategy[Rules] = st.dictionaries(NAMES, st.integers(1, 15), max_size=5)
ACTIONS = st.sampled_from([(BLOCK, None), (ALLOW, None), (ANSWER, REFUSED), (ANSWER, Answer())])


@st.composite
def sides(draw: st.DrawFn) -> SideRule:
    """A side rule of those that policy zones have."""
    action, answer = draw(ACTIONS)
    if draw(st.integers(0, 3)):
        reach = draw(st.sampled_from([APEX, BELOW, BOTH]))
        return SideRule(action=action, answer=answer, key=draw(NAMES), reach=reach)
    clients = draw(st.sampled_from([(), ("192.0.2.7/32",), ("192.0.2.0/24",)]))
    return SideRule(action=action, answer=answer, clients=clients)


def rulings(content: Content, ordered: bool) -> list[object]:
    """The ruling for each name of the content, those around it, and two clients."""
    compiled = CompiledList(compile_content(Content(content.names, content.sides, ordered)))
    ruleset = Ruleset((PolicyList("x", compiled),))
    keys = {*content.names, *(rule.key for rule in content.sides if rule.key), key("q.test")}
    wires = {name_of(one) for one in keys} | {b"\1q" + name_of(one) for one in keys}
    return [
        ruleset.rule(wire, 1, client)[:2] for wire in sorted(wires) for client in (A_CLIENT, "198.51.100.1")
    ]


@given(PLAIN, st.lists(sides(), max_size=3))
def test_without_a_clash_both_orders_say_the_same(names: Rules, found: list[SideRule]) -> None:
    content = Content(names, canonical(found))
    if names or found:
        if not list(clashes(content, twice=True, order=True)):
            assert rulings(content, ordered=True) == rulings(content, ordered=False)
