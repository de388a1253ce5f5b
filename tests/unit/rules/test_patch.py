"""Single names in and out: all or nothing, and only what was said."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import ListRefused
from resolver.rules.codes import MAX_LINE
from resolver.rules.model import ALLOW_BOTH, BLOCK_APEX, BLOCK_BOTH, LINE_SHIFT, Content, Format, Rules
from resolver.rules.patch import patch_rules
from resolver.rules.report import BadLine
from resolver.rules.side import ALLOW, BLOCK, SideRule, canonical
from tests.unit.rules.shorthand import NAMES, RULES, key, rules_of, written

STANDING = {**rules_of("a.example", "b.example"), key("c.example"): BLOCK_APEX | ALLOW_BOTH}
"""||a.example^ ||b.example^ |c.example^ @@||c.example^"""

CHANGES: dict[str, tuple[list[str], list[str], Format, list[str]]] = {
    "add": (["d.example"], [], "auto", ["||a.", "||b.", "|c.", "@@||c.", "|d."]),
    "add a suffix": (["||d.example^"], [], "auto", ["||a.", "||b.", "|c.", "@@||c.", "||d."]),
    "add hosts": (
        ["0.0.0.0 d.example e.example"],
        [],
        "hosts",
        ["||a.", "||b.", "|c.", "@@||c.", "|d.", "|e."],
    ),
    "add dnsmasq": (["address=/d.example/#"], [], "dnsmasq", ["||a.", "||b.", "|c.", "@@||c.", "||d."]),
    "widen": (["||c.example^"], [], "adblock", ["||a.", "||b.", "||c.", "@@||c."]),
    "remove": ([], ["a.example"], "auto", ["||b.", "|c.", "@@||c."]),
    "remove, other case and reach": ([], ["|A.Example^"], "adblock", ["||b.", "|c.", "@@||c."]),
    "remove the block, keep the exception": ([], ["c.example"], "auto", ["||a.", "||b.", "@@||c."]),
    "remove the exception, keep the block": ([], ["@@||c.example^"], "auto", ["||a.", "||b.", "|c."]),
    "remove, then add": (["a.example"], ["a.example"], "domains", ["||b.", "|c.", "@@||c.", "|a."]),
    "nothing": ([], [], "auto", ["||a.", "||b.", "|c.", "@@||c."]),
}


@pytest.mark.parametrize(("add", "remove", "format", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_change(add: list[str], remove: list[str], format: Format, expected: list[str]) -> None:
    before = dict(STANDING)
    patched = patch_rules(Content(STANDING), add, remove, format=format)
    assert written(patched.content.names) == [f"{form}example^" for form in expected]
    assert patched.not_found == [] and before == STANDING
    assert patched.report.entries == len(patched.content.names)
    assert patched.report.lines == len(add) + len(remove)


def test_lines_of_several_looks_are_read_as_the_list_was() -> None:
    """Half of these lines look like Pi-hole's, to which the others would be expressions that find nothing."""
    rule = SideRule(action=BLOCK, key=key("z.example"), important=True)
    removed, other = "||z.example^$important", "^p3[.];querytype=A"
    patched = patch_rules(Content({}, (rule,)), ["/^ads[0-9]/"], [removed], known="adblock")
    assert (patched.not_found, patched.report.format) == ([], "adblock")
    with pytest.raises(ListRefused) as refused:
        patch_rules(Content({}, (rule,)), [other], [removed], known="adblock")
    assert "in the format `adblock`" in str(refused.value)
    assert patch_rules(Content({}, (rule,)), [other], [], known="adblock").report.format == "pihole-regex"
    assert patch_rules(Content({}, (rule,)), [other], [removed]).not_found == [removed]


def test_settings_of_the_list_count() -> None:
    assert written(patch_rules(Content({}), ["d.example"], [], match="suffix").content.names) == [
        "||d.example^"
    ]
    allowed = patch_rules(Content({}), ["d.example"], [], kind="allow")
    assert written(allowed.content.names) == ["@@|d.example^"]
    assert patch_rules(allowed.content, [], ["d.example"], kind="allow").content == Content({})


def test_lines_stay_and_added_names_have_none() -> None:
    patched = patch_rules(Content(STANDING), ["d.example", "a.example"], [])
    assert (
        patched.content.names[key("a.example")] == STANDING[key("a.example")] == BLOCK_BOTH | 1 << LINE_SHIFT
    )
    assert patched.content.names[key("d.example")] == BLOCK_APEX
    assert patched.report.duplicates == 1


def test_what_was_not_there_is_told() -> None:
    patched = patch_rules(
        Content(STANDING), [], ["x.example", "@@||a.example^", "a.example", "a.example"], format="adblock"
    )
    assert patched.not_found == ["x.example", "@@||a.example^", "a.example"]
    assert key("a.example") not in patched.content.names and key("x.example") not in patched.content.names


REFUSED: dict[str, tuple[list[str], Format, str, str]] = {
    "no name": (["a..example"], "auto", "line-invalid", "label-empty"),
    "empty": ([""], "auto", "line-invalid", "name-empty"),
    "a comment": (["# a.example"], "auto", "line-invalid", "name-empty"),
    "two lines in one": (["a.example\nb.example"], "auto", "line-invalid", "several-words"),
    "hosts, two lines in one": (["0.0.0.0 a.example\nb.example"], "hosts", "line-invalid", "several-words"),
    "localhost": (["localhost"], "auto", "line-invalid", "local-name"),
    "a URL": (["https://a.example/"], "domains", "line-invalid", "scheme"),
    "a modifier": (["||a.example^$rotten"], "adblock", "line-invalid", "unknown-modifier"),
    "another format": (["||a.example^"], "dnsmasq", "line-invalid", "not-dnsmasq"),
    "too long": (["x" * (MAX_LINE + 1)], "domains", "line-invalid", "line-too-long"),
    "control characters": (["a\0.example"], "domains", "line-invalid", "bad-character"),
    "lone surrogate": (["\ud800.example"], "domains", "line-invalid", "bad-unicode"),
}


@pytest.mark.parametrize("which", ["add", "remove"])
@pytest.mark.parametrize(("lines", "format", "code", "line_code"), REFUSED.values(), ids=REFUSED.keys())
def test_one_bad_line_refuses_the_change(
    which: str, lines: list[str], format: Format, code: str, line_code: str
) -> None:
    good = {"domains": "ok.example", "auto": "ok.example", "adblock": "ok.example"}.get(format)
    both = [*([good] if good else []), *lines]
    add, remove = (both, []) if which == "add" else ([], both)
    with pytest.raises(ListRefused) as refused:
        patch_rules(Content(STANDING), add, remove, format=format)
    errors = msgspec.convert(refused.value.extra["errors"], list[BadLine])
    assert refused.value.code == code
    assert [(error.number, error.code) for error in errors] == [(len(both), line_code)]
    msgspec.json.encode(refused.value.extra)


WIDE = {"com": "covers-top-level", ".": "covers-root", "||net^": "covers-top-level"}


@pytest.mark.parametrize(("line", "code"), WIDE.items())
def test_a_rule_that_reaches_too_far_refuses_the_change(line: str, code: str) -> None:
    with pytest.raises(ListRefused) as refused:
        patch_rules(
            Content(STANDING), ["ok.example", line], [], format="adblock" if "|" in line else "domains"
        )
    errors = msgspec.convert(refused.value.extra["errors"], list[BadLine])
    assert refused.value.code == "rule-too-wide" and [error.code for error in errors] == [code]
    assert errors[0].text in refused.value.detail


def test_a_wide_rule_that_stands_there_can_be_taken_out() -> None:
    """A list may have come in while another guard was in force."""
    patched = patch_rules(Content({**STANDING, key("com"): BLOCK_BOTH}), [], ["com"], format="domains")
    assert patched.content.names == STANDING and patched.not_found == []


@given(rules=RULES, names=st.lists(NAMES, unique=True))
def test_adding_and_removing_undo_each_other(rules: Rules, names: list[str]) -> None:
    fresh = [name for name in names if key(name) not in rules]
    added = patch_rules(Content(rules), fresh, [], format="domains").content
    assert len(added.names) == len(rules) + len(fresh)
    assert patch_rules(added, [], fresh, format="domains").content.names == rules


# Side rules

SIDES = canonical(
    [
        SideRule(action=BLOCK, key=key("s.example"), types=(28,), line=4),
        SideRule(action=ALLOW, key=key("a.example"), important=True, line=9),
    ]
)
MIXED = Content(STANDING, SIDES)


def test_line_that_is_a_side_rule_adds_it_without_a_line() -> None:
    patched = patch_rules(MIXED, ["||t.example^$dnstype=AAAA"], [], format="adblock")
    added = SideRule(action=BLOCK, key=key("t.example"), types=(28,))
    assert patched.content == Content(STANDING, canonical([*SIDES, added]))
    assert (patched.report.entries, patched.report.side_rules.by_type) == (len(STANDING) + 3, 2)


def test_line_that_is_a_side_rule_removes_the_one_that_means_the_same() -> None:
    removed = patch_rules(
        MIXED, [], ["||s.example^$dnstype=AAAA", "||a.example^$important"], format="adblock"
    )
    assert removed.content == Content(STANDING, canonical([SIDES[0] if SIDES[0].important else SIDES[1]]))
    assert removed.not_found == ["||a.example^$important"]


def test_side_rule_that_stands_there_keeps_its_line_and_is_a_duplicate() -> None:
    again = patch_rules(MIXED, ["||s.example^$dnstype=AAAA"], [], format="adblock")
    assert again.content == MIXED and again.report.duplicates == 1


def test_plain_names_and_side_rules_leave_each_other_alone() -> None:
    patched = patch_rules(MIXED, ["||s.example^"], ["||a.example^"], format="adblock").content
    assert patched.sides == SIDES and key("a.example") not in patched.names
    assert patched.names[key("s.example")] == BLOCK_BOTH


@pytest.mark.parametrize("ordered", [False, True])
def test_notation_of_a_change_leaves_the_order_of_a_list_alone(ordered: bool) -> None:
    standing = Content(STANDING, (), ordered)
    for format, line in (("rpz", "d.example CNAME ."), ("domains", "d.example")):
        assert patch_rules(standing, [line], [], format=format).content.ordered == ordered  # type: ignore[arg-type]
    assert patch_rules(Content({}), ["d.example CNAME ."], [], format="rpz").content.ordered


def test_wide_side_rule_refuses_the_change() -> None:
    with pytest.raises(ListRefused) as refused:
        patch_rules(MIXED, ["||com^$dnstype=AAAA"], [], format="adblock")
    assert refused.value.code == "rule-too-wide"
