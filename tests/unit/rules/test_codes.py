"""The tables of codes: complete, distinct, and written as sentences."""

from __future__ import annotations

import re

import pytest

from resolver.rules.codes import ASIDE_CODES, LINE_CODES, REFUSALS, SENTENCES, refusal


def test_tables_do_not_overlap_and_codes_are_words() -> None:
    codes = [*LINE_CODES, *ASIDE_CODES, *REFUSALS]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) for code in codes)


@pytest.mark.parametrize("sentence", SENTENCES.values())
def test_sentences(sentence: str) -> None:
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 120


@pytest.mark.parametrize("code", REFUSALS)
def test_refusal_carries_code_title_and_extra(code: str) -> None:
    error = refusal(code, "Why.", {"report": {}})
    assert (error.status, error.code, error.title, error.detail) == (422, code, REFUSALS[code], "Why.")
    assert error.extra == {"report": {}} and not error.title.endswith(".")
