"""The loop over lines: numbers, duplicates, settings of the list, pieces and long lines."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import from_host
from resolver.rules import collector as module
from resolver.rules.codes import MAX_LINE
from resolver.rules.collector import Collector, flag_table
from resolver.rules.formats.table import FORMATS, ListFormat
from resolver.rules.lines import FAST_END, FAST_NAME, Item, Rule, Skip, Void
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    LINE_SHIFT,
    Content,
    Kind,
    Match,
)
from resolver.rules.side import ALLOW, ANSWER, BLOCK, Answer, SideRule, canonical
from tests.unit.rules.shorthand import key, said, written


def collected(text: bytes, name: str = "domains", match: Match = "auto", kind: Kind = "block") -> Collector:
    collector = Collector(FORMATS[name], match, kind)
    collector.read(text)
    return collector


SETTINGS: list[tuple[Match, Kind, int, int]] = [
    ("auto", "block", BLOCK_APEX, BLOCK_APEX),
    ("auto", "block", BLOCK_BELOW | ALLOW_APEX, BLOCK_BELOW | ALLOW_APEX),
    ("exact", "block", BLOCK_BOTH, BLOCK_APEX),
    ("exact", "block", BLOCK_BELOW, BLOCK_APEX),
    ("exact", "block", ALLOW_BOTH, ALLOW_APEX),
    ("suffix", "block", BLOCK_APEX, BLOCK_BOTH),
    ("suffix", "block", BLOCK_BELOW | ALLOW_APEX, BLOCK_BOTH | ALLOW_BOTH),
    ("auto", "allow", BLOCK_APEX, ALLOW_APEX),
    ("auto", "allow", BLOCK_BELOW | ALLOW_APEX, ALLOW_BOTH),
    ("auto", "allow", ALLOW_BELOW, ALLOW_BELOW),
    ("exact", "allow", BLOCK_BOTH, ALLOW_APEX),
    ("suffix", "allow", BLOCK_APEX, ALLOW_BOTH),
]


@pytest.mark.parametrize(("match", "kind", "line", "rule"), SETTINGS)
def test_settings_of_the_list_decide_reach_and_action(match: Match, kind: Kind, line: int, rule: int) -> None:
    assert flag_table(match, kind)[line] == rule


@pytest.mark.parametrize("match", ["auto", "exact", "suffix"])
def test_no_rule_stays_none_and_an_allow_list_blocks_nothing(match: Match) -> None:
    assert flag_table(match, "block")[0] == flag_table(match, "allow")[0] == 0
    assert all(not flags & BLOCK_BOTH and flags for flags in flag_table(match, "allow")[1:])


def test_first_line_that_names_a_name_is_kept() -> None:
    found = collected(b"a.example\n\nb.example\nA.example\n*.a.example\na.example.\n")
    assert found.rules == {key("a.example"): 1 << LINE_SHIFT | 3, key("b.example"): 3 << LINE_SHIFT | 1}
    assert (found.found, found.lines, found.blanks) == (5, 6, 1)


def test_a_name_twice_on_one_line_is_a_duplicate() -> None:
    found = collected(b"0.0.0.0 a.example a.example # x\n", "hosts")
    assert (found.found, len(found.rules)) == (2, 1)


def test_faults_carry_their_line_and_the_samples_end() -> None:
    text = b"a.example\nb..example\n" + b"*..x\n" * 150
    found = collected(text)
    assert found.counts["invalid"] == {"label-empty": 151}
    invalid = found.samples["invalid"]
    assert len(invalid) == 100
    assert (invalid[0].number, invalid[0].text) == (2, "b..example")
    assert invalid[1].number == 3


@pytest.mark.parametrize("length", [MAX_LINE + 1, 300_000, 600_000])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_long_line_is_one_fault(length: int, end: bytes) -> None:
    found = collected(b"a.example\n" + b"x" * length + b"\nb.example" + end)
    assert written(found.rules) == ["|a.example^", "|b.example^"]
    assert found.counts["invalid"] == {"line-too-long": 1}
    first = found.samples["invalid"][0]
    assert (found.lines, first.number, len(first.text)) == (3, 2, 200)


def test_name_that_is_too_long_for_the_fast_road_is_a_fault() -> None:
    found = collected(b"||" + b"a." * 126 + b"example^\n||b.example^\n", "adblock")
    assert found.counts["invalid"] == {"name-too-long": 1}
    assert found.rules == {key("b.example"): 2 << LINE_SHIFT | BLOCK_BOTH}


LINES = st.lists(
    st.sampled_from(
        [*b"a.example|b.example|C.example.|# x||com|x..y|*.d.example|\xff.example".split(b"|"), b"z" * 300]
    ),
    max_size=30,
)


@given(lines=LINES, piece=st.integers(min_value=1, max_value=100), end=st.sampled_from([b"\n", b"\r\n"]))
def test_where_pieces_are_cut_changes_nothing(lines: list[bytes], piece: int, end: bytes) -> None:
    text = end.join(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_LINE", 200)
        whole = collected(text)
        patch.setattr(module, "_PIECE", piece)
        cut = collected(text)
    assert cut.lines == whole.lines == len(text.removesuffix(b"\n").split(b"\n")) * bool(text)
    assert (cut.rules, cut.counts, cut.samples) == (whole.rules, whole.counts, whole.samples)
    assert (cut.blanks, cut.found) == (whole.blanks, whole.found)


LONELY = {
    "a.example": (["|a.example^"], ""),
    "  a.example\n": (["|a.example^"], ""),
    "a.example\nb.example": ([], "several-words"),
    "a.example\u2028b.example": ([], "several-words"),
    "": ([], "name-empty"),
    " \n": ([], "name-empty"),
    "x" * (MAX_LINE + 1): ([], "line-too-long"),
    "localhost": ([], "local-name"),
    "com": (["|com^"], ""),  # whether that is too wide is for the guard to say
}


@pytest.mark.parametrize(("text", "expected"), LONELY.items(), ids=lambda value: repr(value)[:30])
def test_line_that_comes_alone(text: str, expected: tuple[list[str], str]) -> None:
    collector = Collector(FORMATS["domains"], "auto", "block")
    rules = collector.read_line(text)
    assert (said(rules), collector.last_skip.code) == expected
    assert collector.rules == {} and collector.lines == 1


# Side rules and rules that take others back

A, B = key("a.example"), key("b.example")


class Said:
    """A reader that says what it was told: `word` -> items at once, `end` -> items at the end."""

    def __init__(self, words: dict[str, list[Item]], end: Sequence[tuple[int, Item]] = ()) -> None:
        self._words, self._end = words, end

    def read(self, line: str, number: int) -> list[Item]:
        return self._words[line]

    def finish(self) -> Sequence[tuple[int, Item]]:
        return self._end


def told(
    lines: str,
    words: dict[str, list[Item]],
    end: Sequence[tuple[int, Item]] = (),
    match: Match = "auto",
    kind: Kind = "block",
    ordered: bool = False,
) -> Collector:
    """The collector after these words, one on each line."""
    made = ListFormat("said", (), lambda _: Said(words, end), ordered)
    collector = Collector(made, match, kind)
    collector.read(lines.replace(" ", "\n").encode())
    return collector


PLAIN = Rule(from_host("a.example"), BLOCK_BOTH)
CLIENT = SideRule(action=BLOCK, key=A, clients=("192.0.2.7/32",))
REWRITE = SideRule(action=ANSWER, key=B, answer=Answer(rcode=3))


def test_side_rule_gets_its_line_and_stands_once() -> None:
    found = told("x y x", {"x": [CLIENT], "y": [REWRITE, PLAIN]})
    assert found.content() == Content(
        {A: 2 << LINE_SHIFT | BLOCK_BOTH},
        canonical([msgspec.structs.replace(CLIENT, line=1), msgspec.structs.replace(REWRITE, line=2)]),
    )
    assert found.found == 4


@pytest.mark.parametrize("ordered", [False, True])
def test_order_is_that_of_the_format(ordered: bool) -> None:
    assert told("x", {"x": [PLAIN]}, ordered=ordered).content().ordered == ordered


def test_end_of_the_list_says_the_rest() -> None:
    found = told("x", {"x": []}, [(1, PLAIN), (1, CLIENT), (1, Skip("invalid", "label-empty"))])
    assert found.content().sides == (msgspec.structs.replace(CLIENT, line=1),)
    assert found.rules == {A: 1 << LINE_SHIFT | BLOCK_BOTH} and found.counts["invalid"] == {"label-empty": 1}


VOIDS: list[tuple[str, str, list[str], int, int]] = [
    # what, the lines, plain rules left, side rules left, rules found
    ("a plain rule", "x -x", [], 0, 0),
    ("before it stands there", "-x x", [], 0, 0),
    ("whatever else stands there", "x w -x", ["@@||a.example^"], 0, 1),
    ("what is not there", "w -x", ["@@||a.example^"], 0, 1),
    ("a side rule", "y -y", [], 0, 0),
    ("a side rule before it stands there", "-y y", [], 0, 0),
    ("each of equal ones", "y y -y", [], 0, 0),
    ("not another one", "y z -y", [], 1, 1),
    ("not the plain one beside it", "x y -y", ["||a.example^"], 0, 1),
]


@pytest.mark.parametrize(
    ("lines", "plain", "sides", "count"), [row[1:] for row in VOIDS], ids=[row[0] for row in VOIDS]
)
def test_rule_that_another_line_takes_back(lines: str, plain: list[str], sides: int, count: int) -> None:
    allowed = Rule(from_host("a.example"), ALLOW_BOTH)
    words: dict[str, list[Item]] = {"x": [PLAIN], "y": [CLIENT], "z": [REWRITE], "w": [allowed]}
    found = told(lines, words | {"-x": [Void(PLAIN)], "-y": [Void(CLIENT)]})
    assert written(found.rules) == plain and len(found.sides) == sides
    assert found.found == count


SHAPES: list[tuple[str, Item, Match, Kind, Item]] = [
    ("as it is", CLIENT, "auto", "block", CLIENT),
    ("the name alone", CLIENT, "exact", "block", msgspec.structs.replace(CLIENT, reach=1)),
    ("and below", msgspec.structs.replace(CLIENT, reach=1), "suffix", "block", CLIENT),
    ("allowed", CLIENT, "auto", "allow", msgspec.structs.replace(CLIENT, action=ALLOW)),
    ("no answer", REWRITE, "auto", "allow", Skip("unenforceable", "answer-in-allow-list")),
    (
        "every name",
        SideRule(action=BLOCK, clients=("a",)),
        "exact",
        "block",
        SideRule(action=BLOCK, clients=("a",)),
    ),
    ("the root", Rule(b"\0", BLOCK_BOTH), "auto", "block", SideRule(action=BLOCK)),
    ("the root alone", Rule(b"\0", BLOCK_APEX), "auto", "block", SideRule(action=BLOCK, reach=1)),
    ("the root as the list has it", Rule(b"\0", BLOCK_APEX), "suffix", "block", SideRule(action=BLOCK)),
    (
        "the root alone as the list has it",
        Rule(b"\0", BLOCK_BOTH),
        "exact",
        "block",
        SideRule(action=BLOCK, reach=1),
    ),
    ("the root passes", Rule(b"\0", ALLOW_BELOW), "auto", "block", SideRule(action=ALLOW, reach=2)),
    ("the root in an allow list", Rule(b"\0", BLOCK_BOTH), "auto", "allow", SideRule(action=ALLOW)),
]


@pytest.mark.parametrize(
    ("item", "match", "kind", "expected"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES]
)
def test_settings_of_the_list_shape_side_rules(item: Item, match: Match, kind: Kind, expected: Item) -> None:
    found = told("x", {"x": [item]}, match=match, kind=kind)
    if isinstance(expected, Skip):
        assert found.counts["unenforceable"] == {expected.code: 1} and found.sides == []
    else:
        assert isinstance(expected, SideRule)
        assert found.sides == [msgspec.structs.replace(expected, line=1)]
    assert found.rules == {}


def test_void_is_shaped_as_the_rule_it_takes_back() -> None:
    words: dict[str, list[Item]] = {"x": [PLAIN, CLIENT], "-x": [Void(PLAIN), Void(CLIENT), Void(REWRITE)]}
    found = told("x -x", words, match="exact", kind="allow")
    assert found.content() == Content({}) and found.counts["unenforceable"] == {"answer-in-allow-list": 1}


def test_side_rules_and_what_takes_them_back_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SIDES", 3)
    found = told("x " * 9 + "-x " * 9, {"x": [CLIENT], "-x": [Void(REWRITE)]})
    assert (len(found.sides), found.found) == (3, 3)
    assert found.counts["unenforceable"] == {"too-many-side-rules": 12}
    assert [line.number for line in found.samples["unenforceable"]][:7] == [4, 5, 6, 7, 8, 9, 13]


@pytest.mark.parametrize(("rule", "kept"), [(CLIENT, 2), (SideRule(action=BLOCK, clients=("a",)), 3)])
def test_side_rules_that_one_question_must_ask_are_bounded(
    monkeypatch: pytest.MonkeyPatch, rule: SideRule, kept: int
) -> None:
    monkeypatch.setattr(module, "MAX_AT_NAME", 2)
    monkeypatch.setattr(module, "MAX_EVERYWHERE", 3)
    rules: dict[str, list[Item]] = {f"x{n}": [msgspec.structs.replace(rule, types=(n,))] for n in range(5)}
    found = told(
        " ".join([*rules, "y", "z"]),
        {**rules, "y": [REWRITE], "z": [SideRule(action=BLOCK, expression="^a")]},
    )
    assert [rule.line for rule in found.sides] == [*range(1, kept + 1), 6, 7]
    assert found.counts["unenforceable"] == {"too-many-side-rules": 5 - kept}


def test_lonely_line_that_takes_back_says_nothing() -> None:
    made = ListFormat("said", (), lambda _: Said({"-x": [Void(PLAIN)], "x": [CLIENT, PLAIN]}))
    collector = Collector(made, "auto", "block")
    assert collector.read_line("-x") == [] and collector.last_skip == Skip("invalid", "nothing-to-void")
    assert collector.read_line("x") == [CLIENT, PLAIN]


def test_two_fast_patterns_each_with_its_flags() -> None:
    fast = ((rb"\+" + FAST_NAME + FAST_END, BLOCK_BOTH), (rb"-" + FAST_NAME + FAST_END, ALLOW_APEX))
    collector = Collector(ListFormat("two", fast, lambda _: Said({"?": [Skip("comment")]})), "auto", "block")
    collector.read(b"+a.example\n-b.example\n?\n-a.example # x\n+b.example\n")
    assert written(collector.rules) == [
        "||a.example^", "@@|a.example^", "||b.example^", "@@|b.example^",
    ]  # fmt: skip
    assert [value >> LINE_SHIFT for value in collector.rules.values()] == [1, 2] and collector.found == 4
