"""Whatever octets are pushed, `parse_list` returns rules or raises ListRefused. Nothing else, ever.

Invariants, for every input and every setting:
  - the only exception is ListRefused, with a code of the table and JSON-ready members;
  - rules that come out are well-formed: keys of names with two labels or more, flags and actions that fit
    the settings, side rules in their one order;
  - what comes out compiles, renders and reads back;
  - memory and time stay in proportion to the input.
"""

from __future__ import annotations

import contextlib
import random
import tracemalloc
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import fold, labels, to_text
from resolver.errors import ListRefused
from resolver.rules.codes import REFUSALS
from resolver.rules.compile import canonical_keys, compile_content
from resolver.rules.compiled import CompiledList
from resolver.rules.model import ALLOW_BOTH, BLOCK_BOTH, FLAGS_MASK, Content, Format, Kind, Match, name_of
from resolver.rules.parse import parse_list
from resolver.rules.patch import patch_rules
from resolver.rules.render import render, render_side
from resolver.rules.side import ALLOW, ANSWER, BLOCK, BOTH, CANCEL, SideRule, canonical
from tests.fuzz.seeds import SEEDS, mutated

FORMATS: tuple[Format, ...] = get_args(Format)
MATCHES: tuple[Match, ...] = get_args(Match)
KINDS: tuple[Kind, ...] = get_args(Kind)

SETTINGS = st.tuples(st.sampled_from(FORMATS), st.sampled_from(MATCHES), st.sampled_from(KINDS))
LONG = 8000


def push(data: bytes, format: Format, match: Match, kind: Kind) -> Content | None:
    """The content, or None when the list was refused as it should be."""
    try:
        parsed = parse_list(data, format=format, match=match, kind=kind)
    except ListRefused as refused:
        assert refused.code in REFUSALS and refused.title == REFUSALS[refused.code]
        msgspec.json.encode(refused.extra)
        return None
    msgspec.json.encode(parsed.report)
    assert parsed.content.entries == parsed.report.entries > 0
    assert list(parsed.keys) == canonical_keys(parsed.content.names)
    return parsed.content


def check(content: Content, kind: Kind) -> None:
    """What must hold of all rules, wherever they came from."""
    allowed = ALLOW_BOTH if kind == "allow" else ALLOW_BOTH | BLOCK_BOTH
    for key, value in content.names.items():
        check_key(key)
        assert value & FLAGS_MASK and not value & FLAGS_MASK & ~allowed
    for rule in content.sides:
        check_side(rule, kind)
    assert content.sides == canonical(content.sides)
    assert CompiledList(compile_content(content), verify=True).content() == content
    if content.names:
        again = parse_list("\n".join(render(Content(content.names))).encode(), format="adblock").content
        assert again.names.keys() == content.names.keys()


def check_key(key: bytes) -> None:
    """The key of a name with two labels or more."""
    name = name_of(key)
    assert len(name) <= 255 and fold(name) == name and len(labels(name)) >= 2
    assert b"".join(bytes([len(part)]) + part for part in labels(name)) + b"\0" == name
    assert to_text(name).isprintable()


def check_side(rule: SideRule, kind: Kind) -> None:
    """A side rule that says what it may, and that survives its way through the file."""
    if rule.key:
        check_key(rule.key)
    assert rule.reach & BOTH == rule.reach > 0 and rule.line >= 0
    assert rule.action == ALLOW if kind == "allow" else rule.action in (BLOCK, ALLOW, ANSWER, CANCEL)
    assert not (rule.expression and rule.key)
    assert (rule.answer is not None) if rule.action == ANSWER else True
    assert render_side(rule).isprintable()


@given(data=st.binary(max_size=400), settings=SETTINGS)
def test_any_octets(data: bytes, settings: tuple[Format, Match, Kind]) -> None:
    rules = push(data, *settings)
    if rules is not None:
        check(rules, settings[2])


@given(text=st.text(max_size=200), settings=SETTINGS)
def test_any_text(text: str, settings: tuple[Format, Match, Kind]) -> None:
    rules = push(text.encode("utf-8", "surrogatepass"), *settings)
    if rules is not None:
        check(rules, settings[2])


@given(seed=st.integers(min_value=0, max_value=1 << 32), settings=SETTINGS)
def test_mutated_lists(seed: int, settings: tuple[Format, Match, Kind]) -> None:
    rules = push(mutated(random.Random(seed)), *settings)
    if rules is not None:
        check(rules, settings[2])


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("seed", SEEDS, ids=range(len(SEEDS)))
def test_lists_cut_off_anywhere(seed: bytes, format: Format) -> None:
    for size in range(len(seed)):
        push(seed[:size], format, "auto", "block")


@given(lines=st.lists(st.text(max_size=40), max_size=4), settings=SETTINGS)
def test_any_patch(lines: list[str], settings: tuple[Format, Match, Kind]) -> None:
    format, match, kind = settings
    with contextlib.suppress(ListRefused):
        patched = patch_rules(Content({}), lines[:2], lines[2:], format=format, match=match, kind=kind)
        check(patched.content, kind)


# Lines built to make a careless pattern try every way to match. Few of them are rules.
COSTLY = {
    "colons": b":" * LONG + b"z",
    "dots": b"a." * (LONG // 2) + b"!",
    "hashes": b"x" + b"##" * (LONG // 2),
    "pipes": b"|" * LONG + b"x",
    "stars": b"*." * (LONG // 2),
    "blanks": b"0.0.0.0" + b" " * LONG + b"!",
    "slashes": b"address=" + b"/" * LONG + b"!",
    "quotes": b"local-zone: " + b'"' * LONG,
    "dollars": b"||a.example^" + b"$" * LONG,
    "columns": b"x " + b"1 " * (LONG // 2) + b"CNAME",
    "carets": b"^" * LONG + b"x",
    "wide letters": ("\ufdfa" * (LONG // 3)).encode(),
    "marks": ("\u0344." * (LONG // 4)).encode(),
    "parentheses": b"(" * LONG,
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("line", COSTLY.values(), ids=COSTLY.keys())
def test_costly_lines_cost_what_their_length_costs(line: bytes, format: Format) -> None:
    """A pattern that backtracks badly would need minutes for this; the limit on a test is the judge."""
    push((line + b"\n") * 20, format, "auto", "block")


@pytest.mark.parametrize("format", FORMATS)
def test_hundred_megabytes_without_a_newline(format: Format) -> None:
    data = b"x" * 100_000_000
    tracemalloc.start()
    try:
        assert push(data, format, "auto", "block") is None
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
