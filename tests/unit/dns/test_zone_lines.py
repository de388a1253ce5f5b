"""The grammar of zone files: which words an entry has, and where it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import Fault
from resolver.dns.zone_lines import (
    MAX_CONTINUED,
    MAX_WORDS,
    Entry,
    Record,
    ZoneLines,
    is_type,
    read_record,
    read_ttl,
)

ENTRIES = {
    "a CNAME .": ["a", "CNAME", "."],
    "a\tCNAME\t. ; why": ["a", "CNAME", "."],
    "a CNAME .;why": ["a", "CNAME", "."],
    'a TXT "b c;d" e': ["a", "TXT", '"b c;d', "e"],
    'a TXT ""': ["a", "TXT", '"'],
    r'a TXT "b\"c" d\;e': ["a", "TXT", r'"b\"c', r"d\;e"],
    r"a\ b CNAME .": [r"a\ b", "CNAME", "."],
    'a HTTPS 1 . alpn="h2 ;" b': ["a", "HTTPS", "1", ".", 'alpn="h2 ;"', "b"],
    'a b"c"': ["a", "b", '"c'],
    "a SOA ( b c ) d": ["a", "SOA", "b", "c", "d"],
    "a SOA (b)c": ["a", "SOA", "b", "c"],
    "a TXT ((b)c)": ["a", "TXT", "b", "c"],
}

# Lines, and what each of them gives: an entry, a fault, or "…" as long as it goes on.
SEVERAL = {
    "an SOA record": (
        ["@ SOA a b (", "1 ; serial", "; only a comment", "2 3)"],
        ["…", "…", "…", "@ SOA a b 1 2 3"],
    ),
    "two entries": (["a (", ") b", "c d"], ["…", "a b", "c d"]),
    "a stray end": (["a ) b", "c d"], ["not-zone", "c d"]),
    "a quotation mark without its end": (["a (", 'b "c', "d e"], ["…", "not-zone", "d e"]),
    "a comment": (["; a (", "a b"], ["", "a b"]),
    "nothing in parentheses": (["(", ")"], ["…", ""]),
}

TTLS = {
    "0": 0,
    "300": 300,
    "1h": 3600,
    "1H30m": 5400,
    "1w2d": 777_600,
    "99999999999": None,
    "h": None,
    "": None,
}
TTLS |= {"86401": 86_401, "-1": None, "1x": None, "1h30": 3630, "٣": None}

RECORDS = {
    "a CNAME .": Record("a", None, "CNAME", (".",)),
    "a 60 CNAME .": Record("a", 60, "CNAME", (".",)),
    "a IN 1m cname .": Record("a", 60, "CNAME", (".",)),
    "a 60 ch CNAME .": Record("a", 60, "CNAME", (".",), "CH"),
    "a 60 in CNAME .": Record("a", 60, "CNAME", (".",)),
    "  60 IN CNAME .": Record(None, 60, "CNAME", (".",)),
    " A 192.0.2.1": Record(None, None, "A", ("192.0.2.1",)),
    "300 CNAME .": Record("300", None, "CNAME", (".",)),
    "A A 192.0.2.1": Record("A", None, "A", ("192.0.2.1",)),
    "NS localhost.": None,  # an owner without a type
    "a TYPE65280 \\# 0": Record("a", None, "TYPE65280", ("\\#", "0")),
    "a CNAME": None,
    "a": None,
    "a b c": None,
    "a 60 60 CNAME .": None,
    "a IN IN CNAME .": None,
    "0.0.0.0 a.example": None,
}


def taken(lines: ZoneLines, line: str, number: int = 1) -> str:
    found = lines.take(line, number)
    if isinstance(found, Fault):
        return found.code
    return "…" if found is None else " ".join(found.words)


def entry(line: str) -> Entry:
    found = ZoneLines().take(line, 1)
    assert isinstance(found, Entry)
    return found


def unclosed(lines: ZoneLines) -> list[int]:
    """The lines whose parenthesis has no end."""
    faults = list(lines.finish())
    assert all(fault.code == "unclosed-parenthesis" for _, fault in faults)
    return [line for line, _ in faults]


@pytest.mark.parametrize(("line", "words"), ENTRIES.items())
def test_entry(line: str, words: list[str]) -> None:
    assert entry(line) == Entry(1, False, tuple(words))
    assert entry(f"  {line}") == Entry(1, True, tuple(words))


@pytest.mark.parametrize(("text", "expected"), SEVERAL.values(), ids=SEVERAL)
def test_several_lines(text: list[str], expected: list[str]) -> None:
    lines = ZoneLines()
    assert [taken(lines, line, number) for number, line in enumerate(text, 1)] == expected
    assert not list(lines.finish())


def test_entry_has_the_line_it_begins_on() -> None:
    lines = ZoneLines()
    lines.take("  a (", 7)
    assert lines.take("b )", 9) == Entry(7, True, ("a", "b"))


def test_parenthesis_open_at_the_end_is_a_fault_of_its_line() -> None:
    lines = ZoneLines()
    lines.take("a b", 1)
    lines.take("@ SOA (", 2)
    assert unclosed(lines) == [2]


def test_parenthesis_that_is_never_closed_swallows_few_lines() -> None:
    lines = ZoneLines()
    told = [taken(lines, "@ SOA (" if number == 1 else "a CNAME .", number) for number in range(1, 1001)]
    assert told.count("…") == MAX_CONTINUED and told[-1] == "a CNAME ."
    assert unclosed(lines) == [1]


def test_lines_that_the_reader_never_saw_end_a_parenthesis_too() -> None:
    lines = ZoneLines()
    lines.take("@ SOA (", 1)
    assert taken(lines, "a b", 100_000) == "a b"


def test_a_hundred_thousand_parentheses() -> None:
    lines = ZoneLines()
    for number in range(1, 101):
        assert lines.take("(" * 1000, number) is None
    assert [line for line, _ in lines.finish()] == [1]


def test_a_million_lines_that_go_on() -> None:
    lines = ZoneLines()
    for number in range(1, 1_000_001):
        assert lines.take("(", number) is None
    assert len(list(lines.finish())) == 1_000_000 // MAX_CONTINUED


def test_an_entry_of_too_many_words() -> None:
    lines = ZoneLines()
    assert taken(lines, "( " + "a " * MAX_WORDS, 1) == "…"
    assert taken(lines, "a", 2) == "…"
    assert taken(lines, "b c", 3) == "b c"
    assert unclosed(lines) == [1]


@pytest.mark.parametrize(("word", "seconds"), TTLS.items())
def test_ttl(word: str, seconds: int | None) -> None:
    assert read_ttl(word) == seconds


@pytest.mark.parametrize(("line", "record"), RECORDS.items())
def test_record(line: str, record: Record | None) -> None:
    assert read_record(entry(line)) == record


@pytest.mark.parametrize(
    ("word", "known"), [("a", True), ("CAA", True), ("type1", True), ("TYPE65536", False), ("x.", False)]
)
def test_types(word: str, known: bool) -> None:
    assert is_type(word) == known


@given(st.lists(st.text('ab "\\();\t.@$1AIN', max_size=30), max_size=20))
def test_any_lines_are_read(lines: list[str]) -> None:
    zone = ZoneLines()
    for number, line in enumerate(lines, 1):
        found = zone.take(line, number)
        if isinstance(found, Entry):
            assert found.line <= number
            read_record(found)
    assert len(list(zone.finish())) <= 1
