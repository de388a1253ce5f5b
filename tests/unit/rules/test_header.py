"""What lists say of themselves."""

from __future__ import annotations

import pytest

from resolver.rules.header import read_header
from resolver.rules.report import MAX_SAMPLE_TEXT, Header

HEADERS = {
    "! Title: A list\n! Expires: 1 day\n": Header(title="A list", expires="1 day"),
    "# Version: 2026.1\n#Last modified: today\n": Header(version="2026.1", last_modified="today"),
    "; Number of entries: 12\n": Header(number_of_entries=12),
    "# Entries: 8,527\n": Header(number_of_entries=8527),
    "! Domains: 1.234.567\r\n": Header(number_of_entries=1_234_567),
    "#  |Title: boxed\n": Header(title="boxed"),
    "! title : small\n": Header(title="small"),
    "! Title: first\n! Title: second\n": Header(title="first"),
    "! Number of entries: many\n": Header(),
    "! Number of entries: 12 or so\n": Header(),
    "! Subtitle: no\n! My Title: no\n": Header(),
    "Title: no comment\n": Header(),
    "a.example # Title: inline\n": Header(),
    "! Title:\n! Expires: soon\n": Header(expires="soon"),
    "": Header(),
}


@pytest.mark.parametrize(("text", "header"), HEADERS.items(), ids=repr)
def test_header(text: str, header: Header) -> None:
    assert read_header(text.encode()) == header


def test_values_are_safe_to_print() -> None:
    title = read_header(b"! Title: \x1b[31m\xff" + b"x" * 900 + b"\n").title
    assert title is not None and title.isprintable() and len(title) == MAX_SAMPLE_TEXT


def test_only_the_beginning_is_looked_at() -> None:
    assert read_header(b"a.example\n" * 10_000 + b"! Title: late\n") == Header()
