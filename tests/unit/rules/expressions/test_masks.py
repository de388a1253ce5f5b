"""Masks: the expressions they become, and what they then find."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import Fault
from resolver.rules.expressions.automaton import Matcher, build, check
from resolver.rules.expressions.masks import from_adblock, from_glob

GLOBS = {
    "ads.*": r"^ads\.",
    "ADS.*": r"^ads\.",
    "*sex*": "sex",
    "**sex*": "^.*sex.*$",
    "ads.*.example": r"^ads\..*\.example$",
    "*.ads.*": r"\.ads\.",
    "*x": "x$",
    "x": "^x$",
    "ad?.example": r"^ad.\.example$",
    "ad[0-9].example": r"^ad[0-9]\.example$",
    "ad[^0-9]*": "^ad[^0-9].*$",
}

ADBLOCK = {
    "||ads.": r"(^|\.)ads\.",
    "||ads.^": r"(^|\.)ads\.$",
    "||ads*.example^": r"(^|\.)ads.*\.example$",
    "||ads**.example^|": r"(^|\.)ads.*\.example$",
    "|ads": "^ads",
    "|ads*example|": "^ads.*example$",
    "ads^": "ads$",
    "-ads-": "-ads-",
    "*ads*": "ads",
    ".ADS.": r"\.ads\.",
    "||*ads": "ads",
    "|*ads*|": "ads",
    "||ads*^": r"(^|\.)ads",
}

FAULTS = [
    (from_glob, "**", "name-empty"),
    (from_glob, "ad*ü", "bad-character"),
    (from_glob, r"ad\*x", "bad-character"),
    (from_glob, "ad[x", "regex-class"),
    (from_glob, "ad]x", "regex-class"),
    (from_glob, "a" * 254, "name-too-long"),
    (from_adblock, "||^", "name-empty"),
    (from_adblock, "||*^", "name-empty"),
    (from_adblock, "ads|x", "bad-character"),
    (from_adblock, "ads^x", "bad-character"),
    (from_adblock, "ads?x", "bad-character"),
]


@pytest.mark.parametrize(("mask", "expression"), GLOBS.items(), ids=repr)
def test_glob(mask: str, expression: str) -> None:
    assert from_glob(mask) == expression


@pytest.mark.parametrize(("mask", "expression"), ADBLOCK.items(), ids=repr)
def test_adblock(mask: str, expression: str) -> None:
    assert from_adblock(mask) == expression


@pytest.mark.parametrize(("read", "mask", "code"), FAULTS)
def test_fault(read: object, mask: str, code: str) -> None:
    assert callable(read)
    found = read(mask)
    assert isinstance(found, Fault) and found.code == code


MASKS = st.text("ab.*-", min_size=1, max_size=10)
NAMES = st.text("ab.-", min_size=1, max_size=12)


@given(MASKS.filter(lambda mask: mask.strip("*") != ""), NAMES)
def test_glob_finds_what_a_shell_would(mask: str, name: str) -> None:
    expression = from_glob(mask)
    assert isinstance(expression, str) and check(expression) is None
    # A star at the end alone is a beginning, at the start alone an end: as for a shell.
    theirs = re.compile(re.escape(mask).replace(r"\*", ".*"))
    assert bool(Matcher(build([expression])).find(name.encode())) == bool(theirs.fullmatch(name))


@given(st.text("ab.*-|^?[]0ü", max_size=12))
def test_any_mask_is_usable_or_a_fault(mask: str) -> None:
    for read in (from_glob, from_adblock):
        found = read(mask)
        if isinstance(found, str):
            fault = check(found)
            assert fault is None or fault.code == "regex-class"
