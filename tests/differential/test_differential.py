"""Belisha answers as Unbound and dnsmasq do, but for what `tests.differential.rules` explains.

The full run of ten thousand questions is `python -m tests.differential`.
"""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest

from tests.differential.compare import Difference, differences
from tests.differential.questions import Question, questions
from tests.differential.rules import RULES, explanation
from tests.differential.run import run
from tests.differential.servers import missing
from tests.differential.world import behaviour
from tests.support.behaviours import Seen
from tests.support.client import rdatas

COUNT = 1_200


@pytest.mark.slow
def test_every_difference_is_explained() -> None:
    if len(missing()) == 2:
        pytest.skip("neither unbound nor dnsmasq is installed")
    report = run(COUNT, seed=20)
    assert not report.unexplained, "\n".join(map(str, report.unexplained[:10]))
    assert report.equal > COUNT * (2 - len(missing())) // 2, "most replies are equal in every field"


def answer(question: Question) -> dns.message.Message:
    """What the world says to a question, over TCP so that nothing is cut."""
    (reply,) = behaviour(question.name, question.qtype)(Seen(question.octets, "tcp", ("127.0.0.1", 1), 0.0))
    assert reply.octets is not None
    return dns.message.from_wire(reply.octets)


def test_the_same_seed_asks_the_same() -> None:
    first = questions(300)
    assert first == questions(300) and first != questions(300, seed=2)
    assert {"blocked", "escaped", "link", "long", "special"} <= {one.kind for one in first}
    assert any(one.tcp for one in first) and any(one.dnssec for one in first) and str(first[0])


def test_the_world_answers_everything() -> None:
    for question in questions(500, seed=3):
        reply = answer(question)
        assert reply.question == dns.message.from_wire(question.octets).question
        if question.kind == "host" and question.qtype == "A":
            assert len(rdatas(reply)) == 2
        if question.kind == "link" and question.qtype == "A":
            assert rdatas(reply, "CNAME") and rdatas(reply)


def test_no_rule_explains_what_matters_most() -> None:
    """A host that has other records than the others' is never explained away."""
    question = next(one for one in questions(200) if one.kind == "host" and one.flags & 0x100)
    ours, theirs = answer(question).to_wire(), answer(question)
    theirs.set_rcode(dns.rcode.SERVFAIL)
    found = differences(question, "dnsmasq", ours, theirs.to_wire())
    assert [one.field for one in found] == ["rcode"] and explanation(found[0]) is None
    assert "rcode" in str(found[0]) and differences(question, "unbound", ours, None)[0].field == "reply"


def test_every_rule_says_why() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(len(rule.why) > 30 and rule.fields for rule in RULES)


def test_equal_replies_do_not_differ() -> None:
    question = questions(1)[0]
    octets = answer(question).to_wire()
    found: list[Difference] = differences(question, "unbound", octets, octets)
    assert not found
