"""Random lists and questions: the ruling, its explanation, and the slow oracle say the same.

Also: a ruling that is called common is the ruling for everybody, whatever is remembered for one client may
be given to another; and the order of the lists changes no verdict.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from resolver.policy.decide import VERDICT_NAMES, PolicyList, Ruleset
from resolver.rules.base import Base
from resolver.rules.compile import compile_content, content_digest
from resolver.rules.compiled import CompiledList
from resolver.rules.merge import merge
from resolver.rules.model import LINE_SHIFT, Content
from resolver.rules.side import Answer
from tests.support.contents import ANSWERS, CLIENTS, SEEDS, Made
from tests.support.oracle import Question, decide


def ruleset(contents: list[Content]) -> Ruleset:
    return Ruleset(
        [
            PolicyList(str(place), CompiledList(compile_content(content), verify=True))
            for place, content in enumerate(contents)
        ]
    )


def wire(question: Question) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in question.name) + b"\0"


@settings(max_examples=300)
@given(SEEDS)
def test_ruling_and_oracle_agree(seed: int) -> None:
    made = Made(seed)
    rules = ruleset(made.lists)
    for question in made.questions():
        ruling = rules.rule(wire(question), question.qtype, question.client)
        assert (ruling.verdict, ruling.answer) == decide(made.lists, question), question
        assert rules.verdict(wire(question), question.qtype, question.client) == ruling.verdict


@settings(max_examples=200)
@given(SEEDS)
def test_ruling_over_a_base_agrees(seed: int) -> None:
    """Some of the lists are in a base, with others that are no longer in force; the rest stands beside it."""
    made, others = Made(seed), Made(seed + 1)
    lists = ruleset(made.lists).lists
    here = {entry.rules.digest: entry.rules for entry in lists}
    some = dict(list(here.items())[: seed % 4])
    base = Base(merge(some | {entry.rules.digest: entry.rules for entry in ruleset(others.lists).lists}))
    rules = Ruleset(lists, base.matcher(here.items()))
    for question in made.questions():
        ruling = rules.rule(wire(question), question.qtype, question.client)
        assert (ruling.verdict, ruling.answer) == decide(made.lists, question), question


@settings(max_examples=200)
@given(SEEDS)
def test_explanation_agrees(seed: int) -> None:
    made = Made(seed)
    rules = ruleset(made.lists)
    for question in made.questions(client=""):
        found = rules.explain(wire(question), question.qtype)
        verdict, answer = decide(made.lists, question)
        assert (found.verdict, found.answer) == (VERDICT_NAMES[verdict], answer), question
        assert (found.deciding is None) == (verdict == 0)
        if found.deciding is not None:
            assert found.deciding in found.matches
            content = made.lists[int(found.deciding.list_id)]
            lines = {rule.line for rule in content.sides} | {v >> LINE_SHIFT for v in content.names.values()}
            assert found.deciding.line in lines


@settings(max_examples=200)
@given(SEEDS)
def test_ruling_on_an_answer_agrees(seed: int) -> None:
    made = Made(seed)
    rules = ruleset(made.lists)
    for question in made.questions():
        if rules.verdict(wire(question), question.qtype, question.client):
            continue  # the answer is asked of only where the question left it alone
        addresses = made.packed()
        found = rules.rule_answer(wire(question), question.qtype, question.client, addresses)
        expected = decide(made.lists, question._replace(addresses=tuple(addresses)))
        assert (found.verdict, found.answer) == expected, question
        assert rules.watches_addresses or found.verdict == 0


@settings(max_examples=200)
@given(SEEDS)
def test_common_ruling_is_that_of_everybody(seed: int) -> None:
    made = Made(seed)
    rules = ruleset(made.lists)
    for question in made.questions()[:6]:
        name, addresses = wire(question), made.packed()
        found = rules.rule(name, question.qtype, question.client)
        late = rules.rule_answer(name, question.qtype, question.client, addresses)
        for client in CLIENTS:
            assert not found.common or rules.rule(name, question.qtype, client) == found
            assert not late.common or rules.rule_answer(name, question.qtype, client, addresses) == late


@given(SEEDS)
def test_the_order_of_lists_changes_no_verdict(seed: int) -> None:
    made = Made(seed)
    rules, turned = ruleset(made.lists), ruleset(made.lists[::-1])
    for question in made.questions():
        one = rules.rule(wire(question), question.qtype, question.client)
        other = turned.rule(wire(question), question.qtype, question.client)
        assert (one.verdict, one.common) == (other.verdict, other.common)


@given(SEEDS)
def test_content_comes_back_from_its_file(seed: int) -> None:
    for content in Made(seed).lists:
        compiled = CompiledList(compile_content(content), verify=True)
        assert compiled.content() == content and list(compiled.content().names) == sorted(content.names)
        assert (len(compiled), compiled.ordered) == (content.entries, content.ordered)
        assert compiled.sides() == content.sides
        assert compiled.digest == content_digest(content)


def test_chance_makes_what_there_is_to_test() -> None:
    """A generator that never meets a rule proves nothing."""
    seen: Counter[object] = Counter()
    for seed in range(150):
        made = Made(seed)
        for question in made.questions():
            verdict, answer = decide(made.lists, question)
            seen[verdict] += 1
            seen[answer] += 1
    assert set(seen) == {0, 1, 2, 8, None, *ANSWERS, *(key for key in seen if isinstance(key, Answer))}
    assert all(seen[verdict] > 200 for verdict in (0, 1, 2, 8))
