"""The loop over lines: numbers, duplicates, settings of the list, pieces and long lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules import collector as module
from resolver.rules.codes import MAX_LINE
from resolver.rules.collector import Collector, flag_table
from resolver.rules.formats.table import FORMATS
from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    LINE_SHIFT,
    Kind,
    Match,
)
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
    text = b"a.example\nb..example\n" + b"*x\n" * 150
    found = collected(text)
    assert found.counts["invalid"] == {"label-empty": 1, "unsupported-pattern": 150}
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
