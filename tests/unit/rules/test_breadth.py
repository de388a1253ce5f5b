"""How much an expression finds: tables of what is too much and what is not, some from lists in use."""

from __future__ import annotations

import pytest

from resolver.rules.breadth import MOST, ORDINARY, UNLIKE, Breadth, breadths
from resolver.rules.side import BLOCK, SideRule
from tests.unit.rules.shorthand import key

SUFFIXES = {key(name) for name in ("com", "zip", "uk", "co.uk", "example", "pages.example")}
PROTECTED = {key("help.example"), key("line.example")}
BELOW = {key("line.example")}


def breadth(expression: str, *, invert: bool = False) -> Breadth:
    rule = SideRule(action=BLOCK, expression=expression, invert=invert)
    return breadths([rule], SUFFIXES, PROTECTED, BELOW)[0]


TOO_MUCH = [
    r".*",
    r".",
    r"^",
    r"$",
    r"^[a-z]",
    r"[0-9]",
    r"^www\.",
    r"e",
    r"\.",
    r"^.{1,3}\.",
    r"com$|net$|org$|de$|fr$",
]


@pytest.mark.parametrize("expression", TOO_MUCH)
def test_too_much(expression: str) -> None:
    assert breadth(expression).too_much


# The second half is written as people write them for Pi-hole.
FINE = [
    r"^ads\.", r"ads", r"^[0-9]", r"-", r"^xn--", r"[0-9]{6}", r"casino", r"^m\.", r"\.example$",
    r"^(.+[_.-])?telemetry[_.-]", r"^(.+[_.-])?adse?rv(er?|ice)?s?[0-9]*[_.-]", r"^pixel?[-.]",
    r"^ad([sxv]?[0-9]*|system)[_.-]([^.]+\.){1,}|[_.-]ad([sxv]?[0-9]*|system)[_.-]",
]  # fmt: skip


@pytest.mark.parametrize("expression", FINE)
def test_not_too_much(expression: str) -> None:
    assert not breadth(expression).too_much


SUFFIX = [
    (r"\.zip$", "zip"), (r"^[^.]+\.zip$", "zip"), (r"(^|\.)zip$", "zip"), (r"\.(zip|mov)$", "zip"),
    (r"\.co\.uk$", "co.uk"), (r"\.uk$", "uk"), (r"\.pages\.example$", "pages.example"),
    (r"com", "com"),
    (r"co\.uk", "co.uk"),
    (r"pages\.", ""),
    (r"(^|\.)pages\.", ""),
    (r"pages\.example", ""),
    (r"ads\.zip$", ""), (r"^[a-z]+\.zip$", ""), (r"shop\.co\.uk$", ""), (r"zip", ""),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "suffix"), SUFFIX)
def test_a_suffix_and_all_below(expression: str, suffix: str) -> None:
    found = breadth(expression).suffix
    assert found == (key(suffix) if suffix else None)


NAMED = [
    (r"help", "help.example"),
    (r"^help\.example$", "help.example"),
    (r"^www\.help", ""),
    (r"^www\.line", "line.example"),
    (r"line", "line.example"),
    (r"helper", ""),
]


@pytest.mark.parametrize(("expression", "name"), NAMED)
def test_protected_names(expression: str, name: str) -> None:
    assert breadth(expression).protected == (key(name) if name else None)


def test_inverted_expressions() -> None:
    assert breadth(r"^ads\.", invert=True).too_much
    assert breadth(r"^ads\.", invert=True).protected
    assert breadth(r".*", invert=True) == Breadth()


def test_places_are_kept() -> None:
    rules = [SideRule(action=BLOCK, expression=text) for text in (r"^ads\.", r".*", r"\.zip$", r"help")]
    found = breadths(rules, SUFFIXES, PROTECTED, BELOW)
    assert [one.too_much for one in found] == [False, True, False, False]
    assert [one.suffix for one in found[2:]] == [key("zip"), None]
    assert found[3].protected == key("help.example")
    assert breadths([], SUFFIXES, PROTECTED, BELOW) == []


def test_the_sample_is_one_of_unlike_names() -> None:
    assert len(set(ORDINARY)) == len(ORDINARY) == 8 * MOST
    # No octet stands in half of the labels: what finds them all asks for none.
    assert all(sum(octet in label for label in UNLIKE) < len(UNLIKE) // 2 for octet in range(256))
