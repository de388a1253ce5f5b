"""What is rendered reads back as the same rules."""

from __future__ import annotations

import pytest
from hypothesis import given

from resolver.rules.model import FLAGS_MASK, Rules
from resolver.rules.parse import parse_list
from resolver.rules.render import render
from tests.unit.rules.shorthand import RULES, key

FORMS = {
    1: ["|a.example^"],
    2: ["||*.a.example^"],
    3: ["||a.example^"],
    4: ["@@|a.example^"],
    8: ["@@||*.a.example^"],
    12: ["@@||a.example^"],
    3 | 4: ["||a.example^", "@@|a.example^"],
    2 | 4: ["||*.a.example^", "@@|a.example^"],
    15: ["||a.example^", "@@||a.example^"],
}


@pytest.mark.parametrize(("flags", "lines"), FORMS.items())
def test_forms(flags: int, lines: list[str]) -> None:
    assert list(render({key("a.example"): flags})) == lines


def read_back(rules: Rules) -> Rules:
    text = "\n".join(render(rules)).encode()
    return {k: value & FLAGS_MASK for k, value in parse_list(text, format="adblock").content.names.items()}


@pytest.mark.parametrize("flags", range(1, FLAGS_MASK + 1))
def test_every_combination_of_flags_reads_back(flags: int) -> None:
    rules = {key("a.example"): flags, key("x--y.a.example"): flags}
    assert read_back(rules) == rules


@given(RULES.filter(bool))
def test_rules_read_back(rules: Rules) -> None:
    assert read_back(rules) == {k: value & FLAGS_MASK for k, value in rules.items()}


def test_nothing_renders_as_nothing() -> None:
    assert list(render({})) == []
