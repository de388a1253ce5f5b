"""Expressions of a list: found as the standard library finds them, within bounds whatever they are."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resolver.dns.names import Fault
from resolver.rules.expressions import automaton
from resolver.rules.expressions.automaton import Allowance, Matcher, build, check
from resolver.rules.expressions.syntax import read_expression
from tests.unit.rules.expressions.shapes import EXPRESSIONS, NAMES, SUBJECTS, TYPICAL


def theirs(text: str) -> re.Pattern[str]:
    """The same for the standard library: `$` is the very end, and POSIX classes are spelt out."""
    text = text.replace("$", r"\Z").replace("[:space:]", r"\s")
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def places(texts: list[str], subject: str) -> tuple[int, ...]:
    return tuple(place for place, text in enumerate(texts) if theirs(text).search(subject))


@given(st.lists(EXPRESSIONS, min_size=1, max_size=5), st.lists(SUBJECTS, min_size=1, max_size=8))
def test_finds_what_the_standard_library_finds(texts: list[str], subjects: list[str]) -> None:
    assume(not any(isinstance(read_expression(text), Fault) for text in texts))
    matcher = Matcher(build(texts))
    for subject in subjects:
        assert matcher.find(subject.encode()) == places(texts, subject)


@pytest.mark.parametrize("name", NAMES)
def test_typical_expressions_together(name: str) -> None:
    texts = [*TYPICAL, ".*", *TYPICAL, "a^"]
    assert Matcher(build(texts)).find(name.encode()) == places(texts, name)


@pytest.mark.parametrize("text", TYPICAL)
def test_typical_expression_alone(text: str) -> None:
    assert check(text) is None
    matcher = Matcher(build([text]))
    assert [matcher.find(name.encode()) for name in NAMES] == [places([text], name) for name in NAMES]
    assert any(map(matcher.find, map(str.encode, NAMES)))


def test_capitals_are_found_like_small_letters() -> None:
    assert Matcher(build(["ads", "[^A-Z]x"])).find(b"ADS") == (0,)


def test_any_octet_may_stand_in_a_name() -> None:
    matcher = Matcher(build([r"a.b", r"a\xffb", r"a[^.]b", r"\x00"]))
    assert matcher.find(b"a\xffb") == (0, 1, 2)
    assert matcher.find(b"\0") == (3,)


def test_no_expressions_find_nothing() -> None:
    assert Matcher(build([])).find(b"a.example") == ()
    assert Matcher(b"").find(b"a.example") == ()


def test_equal_sources_make_equal_tables() -> None:
    assert build(TYPICAL) == build(TYPICAL)


def test_many_expressions_share_few_automata() -> None:
    texts = [f"^(.+[_.-])?word{n}[0-9]*[_.-]" for n in range(200)] + [f"word{n}.*end{n}" for n in range(200)]
    matcher = Matcher(build(texts))
    assert matcher.find(b"x-word77.example") == (7, 77)
    assert matcher.find(b"word7a.end7b.example") == (207,)
    assert len(matcher._automata) == 1


def test_expressions_that_multiply_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "_ALL_STATES", 100)
    texts = [f"{a}.*{b}" for a, b in zip("abcdefghij", "klmnopqrst", strict=True)]
    matcher = Matcher(build(texts))
    assert 1 < len(matcher._automata) < len(texts)
    assert matcher.find(b"kalxexcxbxm-l") == (1, 2)


def test_what_was_not_checked_is_not_built() -> None:
    with pytest.raises(ValueError, match="Column 1"):
        build(["ads", "(ads"])


# Each ends soon, with an answer or a refusal.
HOSTILE = {
    "(a+)+$": None,
    "(a|a)*b": None,
    "(a*)*b": None,
    "(x+x+)+y": None,
    "(.*a){20}": None,
    "^(([a-z])+.)+[A-Z]([a-z])+$": None,
    "((a{1,50}){1,50}){1,50}": "regex-too-large",
    "(" * 500 + ")" * 500: "regex-too-deep",
    "(a|b)*a(a|b){20}": "regex-too-complex",
    "^(a?){500}a{500}$": "regex-too-complex",
    "[ab]{500}[bc]{500}": "regex-too-complex",
    "(.?){1999}": "regex-too-complex",
    "(?:()?){1500}a": None,
    "(?:a?|b?){300}c": "regex-too-complex",
}


@pytest.mark.parametrize(("text", "code"), HOSTILE.items(), ids=lambda one: str(one)[:30])
def test_hostile_expression(text: str, code: str | None) -> None:
    fault = check(text)
    assert (fault and fault.code) == code
    if fault is None:
        assert Matcher(build([text])).find(b"a" * 253) in ((), (0,))


def test_allowance_counts_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "MAX_EXPRESSIONS", 3)
    allowance = Allowance()
    assert [allowance.check(text) for text in ("a", "b", "c")] == [None] * 3
    fault = allowance.check("d")
    assert fault is not None and fault.code == "regex-too-many"


def test_allowance_ends_hard_ones_that_are_refused() -> None:
    allowance, codes = Allowance(), []
    for _ in range(300):
        fault = allowance.check("(a|b)*a(a|b){20}")
        codes.append(fault.code if fault else "")
    assert codes[0] == "regex-too-complex" and codes[-1] == "regex-too-many"


def test_allowance_counts_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "_MAX_SPENT", 100)
    allowance = Allowance()
    codes = [fault.code if (fault := allowance.check("^[a-z]{40}$")) else "" for _ in range(4)]
    assert codes == ["", "", "", "regex-too-many"]
