"""Side rules among each other and among plain names: every pair of levels, conditions, zones, answers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from resolver.policy.decide import (
    ALLOW,
    ANSWERED,
    BLOCK,
    LEFT_ALONE,
    NONE,
    VERDICT_NAMES,
    PolicyList,
    RuleMatch,
    Ruleset,
    Ruling,
)
from resolver.rules import side
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BOTH,
    ALLOWED,
    BLOCK_BELOW,
    BLOCK_BOTH,
    BLOCKED,
    key_of,
)
from resolver.rules.side import Answer, Record, SideRule
from tests.support.rules import compiled, wire

# Side rules: the precedence, level against level

QNAME = "x.ads.example.org"
SINK = Answer(rcode=3)

LEVELS: dict[str, tuple[int, bool, int]] = {
    # highest first: action, important, verdict
    "important allow": (side.ALLOW, True, ALLOWED),
    "important answer": (side.ANSWER, True, ANSWERED),
    "important block": (side.BLOCK, True, BLOCKED),
    "allow": (side.ALLOW, False, ALLOWED),
    "answer": (side.ANSWER, False, ANSWERED),
    "block": (side.BLOCK, False, BLOCKED),
}
PAIRS = list(itertools.combinations(LEVELS, 2))


def at(name: str, action: int, **more: Any) -> SideRule:
    """A side rule at a name and all below; one that answers says NXDOMAIN unless it is told otherwise."""
    answer = SINK if action == side.ANSWER else None
    return SideRule(**{"action": action, "key": key_of(wire(name)), "answer": answer, **more})


def of_level(level: str, name: str) -> SideRule:
    action, important, _ = LEVELS[level]
    return at(name, action, important=important)


@pytest.mark.parametrize(("higher", "lower"), PAIRS)
def test_each_level_beats_each_below_it(higher: str, lower: str) -> None:
    """Whichever is the more specific, in one list or in two, in either order."""
    verdict = LEVELS[higher][2]
    for one, other in itertools.product(("example.org", "ads.example.org", QNAME), repeat=2):
        rules = [of_level(higher, one), of_level(lower, other)]
        apart = [PolicyList(str(place), compiled({}, rule)) for place, rule in enumerate(rules)]
        for lists in ([PolicyList("both", compiled({}, *rules))], apart, apart[::-1]):
            ruleset = Ruleset(lists)
            found = ruleset.explain(wire(QNAME))
            assert ruleset.rule(wire(QNAME), 1).verdict == verdict
            assert (found.verdict, found.answer) == (
                VERDICT_NAMES[verdict],
                SINK if verdict == ANSWERED else None,
            )
            assert found.deciding is not None and found.deciding.side == rules[0]
            assert {match.side for match in found.matches} == set(rules)


@pytest.mark.parametrize("other", LEVELS)
@pytest.mark.parametrize("important", [False, True])
def test_coming_again_by_tcp_opens_nothing(other: str, important: bool) -> None:
    """Over TCP it says nothing, so a rule of any other kind is obeyed before it."""
    again = at(QNAME, side.ANSWER, answer=Answer(by_tcp=True), important=important)
    alone = Ruleset([PolicyList("one", compiled({}, again))]).rule(wire(QNAME), 1)
    assert (alone.verdict, alone.answer) == (ANSWERED, Answer(by_tcp=True))
    both = Ruleset([PolicyList("both", compiled({}, again, of_level(other, "example.org")))])
    assert both.rule(wire(QNAME), 1).verdict == LEVELS[other][2]
    assert both.explain(wire(QNAME)).answer == (SINK if LEVELS[other][2] == ANSWERED else None)


@pytest.mark.parametrize(("flags", "level"), [(BLOCK_BOTH, "block"), (ALLOW_BOTH, "allow")])
@pytest.mark.parametrize("other", LEVELS)
def test_plain_names_take_their_place_among_them(flags: int, level: str, other: str) -> None:
    order = list(LEVELS)
    higher = min(level, other, key=order.index)
    for name, place in itertools.product(("example.org", QNAME), repeat=2):
        plain, aside = compiled({name: flags}), compiled({}, of_level(other, place))
        for lists in ((plain, aside), (aside, plain), (compiled({name: flags}, of_level(other, place)),)):
            ruleset = Ruleset([PolicyList(str(number), one) for number, one in enumerate(lists)])
            assert ruleset.rule(wire(QNAME), 1).verdict == LEVELS[higher][2]
            assert ruleset.explain(wire(QNAME)).verdict == VERDICT_NAMES[LEVELS[higher][2]]


def one_list(*rules: SideRule, names: dict[str, int] | None = None, ordered: bool = False) -> Ruleset:
    return Ruleset([PolicyList("one", compiled(names or {}, *rules, ordered=ordered))])


CANCELLED: list[tuple[str, list[SideRule], int]] = [
    # what, the rules beside an answer of NXDOMAIN at ads.example.org, the verdict
    ("nothing", [], ANSWERED),
    ("all of them", [at("example.org", side.CANCEL)], NONE),
    ("this one", [at(QNAME, side.CANCEL, answer=SINK)], NONE),
    ("another one", [at(QNAME, side.CANCEL, answer=Answer(rcode=5))], ANSWERED),
    ("at another name", [at("example.net", side.CANCEL)], ANSWERED),
    ("for another type", [at(QNAME, side.CANCEL, types=(28,))], ANSWERED),
    ("and what is blocked stays blocked", [at(QNAME, side.CANCEL), at(QNAME, side.BLOCK)], BLOCKED),
    (
        "another answer is left",
        [at(QNAME, side.CANCEL, answer=SINK), at(QNAME, side.ANSWER, answer=Answer())],
        ANSWERED,
    ),
]


@pytest.mark.parametrize(
    ("rules", "verdict"), [row[1:] for row in CANCELLED], ids=[row[0] for row in CANCELLED]
)
def test_answers_are_taken_back(rules: list[SideRule], verdict: int) -> None:
    ruleset = one_list(at("ads.example.org", side.ANSWER), *rules)
    assert ruleset.verdict(wire(QNAME)) == verdict


@pytest.mark.parametrize(("rule", "cancel", "verdict"), [
    (False, False, NONE), (False, True, NONE), (True, False, ANSWERED), (True, True, NONE),
])  # fmt: skip
def test_what_is_important_is_taken_back_by_what_is_important(rule: bool, cancel: bool, verdict: int) -> None:
    """As AdGuard Home does (urlfilter, dnsrewrite.go)."""
    ruleset = one_list(
        at("example.org", side.ANSWER, important=rule), at("example.org", side.CANCEL, important=cancel)
    )
    assert ruleset.verdict(wire(QNAME)) == verdict


def test_answers_of_one_list_add_up_and_those_of_the_next_do_not() -> None:
    one, two, six = (Record(1, bytes([192, 0, 2, n])) for n in (1, 2, 3))
    first = [at("example.org", side.ANSWER, answer=Answer(records=(record,))) for record in (one, two)]
    near = at(QNAME, side.ANSWER, answer=Answer(records=(six,)))
    lists = [PolicyList("a", compiled({}, *first)), PolicyList("b", compiled({}, near))]
    assert Ruleset(lists[:1]).rule(wire(QNAME), 1).answer == Answer(records=(one, two))
    assert Ruleset(lists).rule(wire(QNAME), 1).answer == Answer(records=(six,))  # the closest name leads
    assert Ruleset(lists).rule(wire("example.org"), 1).answer == Answer(records=(one, two))


# Conditions as `rule` sees them

ASKED: list[tuple[str, SideRule, tuple[str, int, str], int]] = [
    # what, the rule, the question (name, type, client), the verdict
    ("its name", at("example.org", side.BLOCK, reach=1), ("example.org", 1, ""), BLOCKED),
    ("not below", at("example.org", side.BLOCK, reach=1), ("a.example.org", 1, ""), NONE),
    ("below", at("example.org", side.BLOCK, reach=2), ("a.example.org", 1, ""), BLOCKED),
    ("not its name", at("example.org", side.BLOCK, reach=2), ("example.org", 1, ""), NONE),
    ("the type", at("example.org", side.BLOCK, types=(28,)), ("example.org", 28, ""), BLOCKED),
    ("another type", at("example.org", side.BLOCK, types=(28,)), ("example.org", 1, ""), NONE),
    (
        "the client",
        at("example.org", side.BLOCK, clients=("192.0.2.0/24",)),
        ("example.org", 1, "192.0.2.7"),
        BLOCKED,
    ),
    (
        "another",
        at("example.org", side.BLOCK, clients=("192.0.2.0/24",)),
        ("example.org", 1, "198.51.100.7"),
        NONE,
    ),
    (
        "apart",
        at("example.org", side.BLOCK, outside=(key_of(wire("a.example.org")),)),
        ("x.a.example.org", 1, ""),
        NONE,
    ),
    (
        "every name",
        SideRule(action=side.BLOCK, clients=("192.0.2.7/32",)),
        ("example.net", 1, "192.0.2.7"),
        BLOCKED,
    ),
    ("the root alone", SideRule(action=side.BLOCK, reach=1), ("example.net", 1, ""), NONE),
    ("the root", SideRule(action=side.BLOCK, reach=1), (".", 1, ""), BLOCKED),
    ("found", SideRule(action=side.BLOCK, expression="^ads?[0-9]"), ("ad7.example", 1, ""), BLOCKED),
    ("not found", SideRule(action=side.BLOCK, expression="^ads?[0-9]"), ("ads.example", 1, ""), NONE),
    ("inverted", SideRule(action=side.BLOCK, expression="example$", invert=True), ("a.test", 1, ""), BLOCKED),
    (
        "inverted, and found",
        SideRule(action=side.BLOCK, expression="example$", invert=True),
        ("a.example", 1, ""),
        NONE,
    ),
    (
        "found, another type",
        SideRule(action=side.BLOCK, expression="^a", types=(28,)),
        ("a.example", 1, ""),
        NONE,
    ),
]


@pytest.mark.parametrize(
    ("rule", "question", "verdict"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
def test_condition_of_a_rule(rule: SideRule, question: tuple[str, int, str], verdict: int) -> None:
    name, qtype, client = question
    assert one_list(rule).rule(wire(name), qtype, client).verdict == verdict
    allowed = one_list(rule, names={name: ALLOW_BOTH}) if name != "." else one_list()
    assert allowed.rule(wire(name), qtype, client).verdict == (ALLOWED if name != "." else NONE)


# Common and private rulings

PRIVATE = at("example.org", side.BLOCK, clients=("192.0.2.7/32",))


def test_ruling_that_depends_on_who_asks_is_nobody_elses() -> None:
    rules = one_list(PRIVATE, names={"example.net": BLOCK_BOTH})
    assert rules.rule(wire("example.org"), 1, "192.0.2.7") == Ruling(BLOCKED, common=False)
    assert rules.rule(wire("example.org"), 1, "192.0.2.8") == Ruling(NONE, common=False)
    assert rules.rule(wire("example.net"), 1, "192.0.2.7") is BLOCK
    assert rules.rule(wire("a.test"), 1, "192.0.2.7") is LEFT_ALONE


def test_rule_for_a_client_on_every_name_makes_every_ruling_private() -> None:
    rules = one_list(
        SideRule(action=side.ALLOW, clients=("192.0.2.7/32",)), names={"example.net": BLOCK_BOTH}
    )
    assert rules.rule(wire("example.net"), 1, "192.0.2.7") == Ruling(ALLOWED, common=False)
    assert rules.rule(wire("example.net"), 1, "192.0.2.8") == Ruling(BLOCKED, common=False)
    assert rules.rule(wire("a.test"), 1, "192.0.2.8") == Ruling(NONE, common=False)


def test_common_rulings_of_the_slow_road_are_the_same_objects() -> None:
    """So that whoever remembers rulings may compare by identity."""
    rules = one_list(
        at("a.example", side.BLOCK, types=(1,)),
        at("b.example", side.ALLOW, types=(1,)),
        SideRule(action=side.BLOCK, expression="zzz"),
        names={"c.example": BLOCK_BOTH},
    )
    expected = {"a.example": BLOCK, "b.example": ALLOW, "c.example": BLOCK, "d.example": LEFT_ALONE}
    for name, ruling in expected.items():
        assert rules.rule(wire(name), 1) is ruling
    assert rules.rule(wire("a.example"), 28) is LEFT_ALONE


# Ordered lists

ZONE: list[tuple[str, list[SideRule], dict[str, int], int]] = [
    # what, side rules, plain names, the verdict for x.ads.example.org asked by 192.0.2.7
    ("the closest plain name", [], {"example.org": ALLOW_BOTH, "ads.example.org": BLOCK_BOTH}, BLOCKED),
    ("the closest passes", [], {"ads.example.org": BLOCK_BOTH, QNAME: ALLOW_BOTH}, ALLOWED),
    ("exact before wildcard", [], {"ads.example.org": BLOCK_BELOW, QNAME: ALLOW_APEX}, ALLOWED),
    ("a side rule nearer", [at(QNAME, side.ANSWER)], {"example.org": ALLOW_BOTH}, ANSWERED),
    ("a plain name nearer", [at("example.org", side.ANSWER)], {QNAME: BLOCK_BOTH}, BLOCKED),
    (
        "importance counts for nothing",
        [at("example.org", side.ALLOW, important=True)],
        {QNAME: BLOCK_BOTH},
        BLOCKED,
    ),
    (
        "the client before any name",
        [SideRule(action=side.ALLOW, clients=("192.0.2.0/24",))],
        {QNAME: BLOCK_BOTH},
        ALLOWED,
    ),
    (
        "the longest prefix of the client",
        [
            SideRule(action=side.ALLOW, clients=("192.0.2.0/24",)),
            SideRule(action=side.BLOCK, clients=("192.0.2.7/32",)),
        ],
        {QNAME: ALLOW_BOTH},
        BLOCKED,
    ),
    (
        "another client counts for nothing",
        [SideRule(action=side.ALLOW, clients=("198.51.100.0/24",))],
        {QNAME: BLOCK_BOTH},
        BLOCKED,
    ),
    (
        "what does not apply is passed over",
        [at(QNAME, side.ALLOW, types=(28,))],
        {"example.org": BLOCK_BOTH},
        BLOCKED,
    ),
]


@pytest.mark.parametrize(
    ("rules", "names", "verdict"), [row[1:] for row in ZONE], ids=[row[0] for row in ZONE]
)
def test_of_an_ordered_list_the_most_specific_rule_counts(
    rules: list[SideRule], names: dict[str, int], verdict: int
) -> None:
    ruleset = one_list(*rules, names=names, ordered=True)
    assert ruleset.rule(wire(QNAME), 1, "192.0.2.7").verdict == verdict


def test_winner_of_an_ordered_list_takes_part_like_a_rule_of_any_list() -> None:
    zone = PolicyList("zone", compiled({"example.org": ALLOW_BOTH, QNAME: BLOCK_BOTH}, ordered=True))
    other = PolicyList("other", compiled({"example.org": BLOCK_BOTH}))
    passes = PolicyList("passes", compiled({"ads.example.org": ALLOW_BOTH}))
    for lists in itertools.permutations((zone, other)):
        assert Ruleset(lists).verdict(wire(QNAME)) == BLOCKED
        assert Ruleset(lists).verdict(wire("ads.example.org")) == ALLOWED
    for lists in itertools.permutations((zone, other, passes)):
        assert Ruleset(lists).verdict(wire(QNAME)) == ALLOWED


# Answers that hold addresses

BAD = SideRule(action=side.BLOCK, addresses=("192.0.2.0/24",), line=3)


def test_addresses_of_an_answer() -> None:
    rules = one_list(BAD, at("b.example", side.ANSWER, types=(28,)))
    assert rules.watches_addresses and rules.rule(wire("a.example"), 1) is LEFT_ALONE
    assert rules.rule_answer(wire("a.example"), 1, "", [b"\xcb\0\x71\1", b"\xc0\0\2\1"]) is BLOCK
    assert rules.rule_answer(wire("a.example"), 1, "", [b"\xcb\0\x71\1"]) is LEFT_ALONE
    assert rules.rule_answer(wire("a.example"), 1, "", []) is LEFT_ALONE
    assert not one_list(names={"a.example": BLOCK_BOTH}).watches_addresses
    assert one_list().rule_answer(wire("a.example"), 1, "", [b"\xc0\0\2\1"]) is LEFT_ALONE


def test_longest_prefix_of_an_answer_counts_in_an_ordered_list() -> None:
    near = SideRule(action=side.ALLOW, addresses=("192.0.2.1/32",))
    answer = [b"\xc0\0\2\1"]
    assert one_list(BAD, near, ordered=True).rule_answer(wire("a.example"), 1, "", answer) is ALLOW
    late = SideRule(action=side.BLOCK, addresses=("192.0.2.1/32",))
    wide = SideRule(action=side.ALLOW, addresses=("192.0.2.0/24",))
    assert one_list(wide, late, ordered=True).rule_answer(wire("a.example"), 1, "", answer) is BLOCK


def test_explanation_of_a_side_rule_names_its_list_and_line() -> None:
    rule = at("example.org", side.BLOCK, line=12)
    everywhere = SideRule(action=side.BLOCK, expression="^x", line=7)
    found = one_list(rule, everywhere).explain(wire(QNAME))
    assert found.deciding == RuleMatch("one", wire("example.org"), 0, 12, rule)
    assert found.matches == (found.deciding, RuleMatch("one", b"", 0, 7, everywhere))
    assert found.deciding.blocks and not (found.deciding.allows or found.deciding.answers)
