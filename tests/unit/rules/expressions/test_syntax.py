"""The notation of expressions: what is the same, and each refusal with its column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import Fault
from resolver.rules.codes import LINE_CODES
from resolver.rules.expressions.octets import EVERY, without_case
from resolver.rules.expressions.syntax import MAX_DEPTH, MAX_EXPRESSION, read_expression
from resolver.rules.expressions.tree import Assertion, Choice, Repeat, Series, Symbol

A, B = (Symbol(without_case(1 << ord(letter))) for letter in "ab")
ANY = Symbol(EVERY)

TREES = {
    "a": A,
    "A": A,
    "ab": Series((A, B)),
    "a|b": Choice((A, B)),
    "a|": Choice((A, Series(()))),
    ".": ANY,
    "^": Assertion("start"),
    r"\A": Assertion("start"),
    "$": Assertion("end"),
    r"\z": Assertion("end"),
    r"\Z": Assertion("end"),
    r"\b": Assertion("bound"),
    r"\B": Assertion("no-bound"),
    "(a)": A,
    "(?:a)": A,
    "(?i:a)": A,
    "(?P<n>a)": A,
    "(?<n>a)": A,
    "(?i)a": A,
    "(?#why)a": A,
    "()": Series(()),
    "(a|b)": Choice((A, B)),
    "a*": Repeat(A, 0, None),
    "a+": Repeat(A, 1, None),
    "a?": Repeat(A, 0, 1),
    "a*?": Repeat(A, 0, None),
    "a+?": Repeat(A, 1, None),
    "a??": Repeat(A, 0, 1),
    "a{3}": Repeat(A, 3, 3),
    "a{3,}": Repeat(A, 3, None),
    "a{3,5}": Repeat(A, 3, 5),
    "a{,5}": Repeat(A, 0, 5),
    "a{3,5}?": Repeat(A, 3, 5),
    "a{0}": Repeat(A, 0, 0),
    "(ab)*": Repeat(Series((A, B)), 0, None),
    "a(?#why)*": Repeat(A, 0, None),
}

# Ways to write the same.
SAME = [
    (r"\d", "[0-9]"),
    (r"\d", "[[:digit:]]"),
    (r"\D", "[^0-9]"),
    (r"\D", "[[:^digit:]]"),
    (r"\w", "[A-Za-z0-9_]"),
    (r"\w", "[a-z0-9_]"),
    (r"\w", "[[:alnum:]_]"),
    (r"[\w-]", r"[-\w]"),
    (r"\.", "[.]"),
    (r"\.", r"[\.]"),
    (r"\.", r"\x2e"),
    (r"\.", r"\x{2E}"),
    (r"\/", "/"),
    (r"\-", "-"),
    ("[a-c]", "[C-A]".replace("C-A", "cba")),
    ("[]a]", r"[a\]]"),
    ("[^]a]", r"[^a\]]"),
    ("[a-]", r"[a\-]"),
    ("[a-c-e]", r"[abce\-]"),
    ("[$^.*+?{}()|]", r"[\$\^\.\*\+\?\{\}\(\)\|]"),
    (r"[\x41-\x43]", "[abc]"),
    ("[[:upper:]]", "[[:alpha:]]"),
    ("[^A]", "[^a]"),
    ("}", r"\}"),
]

# Expression -> code and column (0: the whole).
FAULTS = {
    "": ("regex-empty", 0),
    "a" * (MAX_EXPRESSION + 1): ("regex-too-long", 0),
    "bü": ("regex-not-ascii", 0),
    "a\rb": ("regex-not-ascii", 0),
    "a(b": ("regex-brackets", 2),
    "a)b": ("regex-brackets", 2),
    "a[b": ("regex-brackets", 2),
    "[]": ("regex-brackets", 1),
    "[^]": ("regex-brackets", 1),
    "[a-": ("regex-brackets", 1),
    "*a": ("regex-nothing-to-repeat", 1),
    "a|*": ("regex-nothing-to-repeat", 3),
    "(*a)": ("regex-nothing-to-repeat", 2),
    "^*": ("regex-nothing-to-repeat", 2),
    "a**": ("regex-nothing-to-repeat", 3),
    "a{2}{3}": ("regex-nothing-to-repeat", 5),
    "a{x}": ("regex-repeat", 2),
    "a{": ("regex-repeat", 2),
    "a{}": ("regex-repeat", 2),
    "a{,}": ("regex-repeat", 2),
    "a{5,3}": ("regex-repeat", 2),
    "a*+": ("regex-possessive", 3),
    "a{2}+": ("regex-possessive", 5),
    r"(a)\1": ("regex-back-reference", 4),
    r"(?P<n>a)(?P=n)": ("regex-back-reference", 9),
    r"\k<n>": ("regex-back-reference", 1),
    "(?=a)": ("regex-look-around", 1),
    "b(?!a)": ("regex-look-around", 2),
    "(?<=a)": ("regex-look-around", 1),
    "(?<!a)": ("regex-look-around", 1),
    "(?>a)": ("regex-atomic", 1),
    "a{~1}": ("regex-approximate", 2),
    "a{+1-2}": ("regex-approximate", 2),
    "(?R)": ("regex-recursion", 1),
    "(?1)": ("regex-recursion", 1),
    "(?P>n)": ("regex-recursion", 1),
    "(?(1)a)": ("regex-group", 1),
    "(?": ("regex-group", 1),
    "(?s)a": ("regex-flags", 1),
    "a(?i)": ("regex-flags", 2),
    "(?-i:a)": ("regex-flags", 1),
    r"\q": ("regex-escape", 1),
    r"\p{L}": ("regex-escape", 1),
    r"a\<": ("regex-escape", 2),
    r"\x4": ("regex-escape", 1),
    "a\\": ("regex-escape", 2),
    "[z-a]": ("regex-class", 2),
    r"[a-\d]": ("regex-class", 2),
    "[[:none:]]": ("regex-class", 2),
    "[[=a=]]": ("regex-class", 2),
    "(" * (MAX_DEPTH + 1): ("regex-too-deep", MAX_DEPTH + 1),
    "(?:" * 300 + ")" * 90: ("regex-too-deep", 3 * MAX_DEPTH + 1),
    "a{2001}": ("regex-too-large", 2),
    "a{999999999}": ("regex-too-large", 2),
    "((a{50}){50}){50}": ("regex-too-large", 9),
    "(((){50}){50}){50}": ("regex-too-large", 10),
}


@pytest.mark.parametrize(("text", "node"), TREES.items(), ids=repr)
def test_tree(text: str, node: object) -> None:
    assert read_expression(text) == node


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_ways_to_write_the_same(one: str, other: str) -> None:
    node = read_expression(one)
    assert isinstance(node, Symbol) and node == read_expression(other)


@pytest.mark.parametrize(("text", "said"), FAULTS.items(), ids=lambda one: repr(one)[:40])
def test_fault(text: str, said: tuple[str, int]) -> None:
    code, column = said
    start = f"Column {column}: " if column else ""
    assert read_expression(text) == Fault(code, start + LINE_CODES[code])


def test_deepest_groups_are_read() -> None:
    assert read_expression("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH) == A


@given(st.one_of(st.text(max_size=50), st.text("ab(){}[]?*+|^$\\.:-,0123<>=!#P", max_size=50)))
def test_any_text_is_read_or_a_fault(text: str) -> None:
    found = read_expression(text)
    if isinstance(found, Fault):
        assert found.code in LINE_CODES
