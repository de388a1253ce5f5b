"""The table of formats: every fast pattern says what its reader says, only sooner."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.names import from_host
from resolver.rules.collector import Collector
from resolver.rules.formats.table import FORMATS
from resolver.rules.lines import Rule
from resolver.rules.model import Format
from tests.unit.rules.shorthand import read

TYPICAL = {
    "hosts": b"0.0.0.0 a.b-c.example\n",
    "domains": b"a.b-c.example\r\n",
    "wildcard": b"*.a.b-c.example # why\n",
    "adblock": b"||a.b-c.example^\n",
    "dnsmasq": b"address=/a.b-c.example/0.0.0.0\n",
    "rpz": b"a.b-c.example 300 IN CNAME . ; why\n",
    "unbound": b'local-zone: "a.b-c.example." always_null\n',
}

# Pieces that lines are made of: what the patterns look for, and what must stop them.
PIECES = st.sampled_from(
    "0.0.0.0 |127.0.0.1\t|@@|^|*.|*|=|address=/|local=/|server=/|/|#| # x|0.0.0.0|192.0.2.1|::".split("|")
    + 'local-zone: "|" static|" always_null|."|local-data: "| A 0.0.0.0"'.split("|")
    + " CNAME .| 60 IN cname .|.rpz-ip|a.example|A.b-c.Example|localhost.localdomain".split("|")
    + "LOCALHOST.localdomain|com|_x.y.1|a..b|.| |\t|$important|$x|!|;|ü.example|x.123|-".split("|")
    + ["|", "||", "a" * 64 + ".example"]
)
LINES = st.lists(PIECES, max_size=6).map("".join)


def test_every_format_of_the_model_is_read() -> None:
    assert {"auto", *FORMATS} == set(get_args(Format))
    assert all(name == entry.name for name, entry in FORMATS.items())


@pytest.mark.parametrize("name", [name for name, entry in FORMATS.items() if entry.fast])
def test_fast_pattern_takes_the_typical_line(name: str) -> None:
    found = [re.fullmatch(pattern, TYPICAL[name]) for pattern, _ in FORMATS[name].fast]
    assert [one[1] for one in found if one] == [b"a.b-c.example"]


@pytest.mark.parametrize("name", FORMATS)
@given(line=LINES)
def test_fast_pattern_agrees_with_the_reader(name: str, line: str) -> None:
    for pattern, flags in FORMATS[name].fast:
        if found := re.fullmatch(pattern, line.encode() + b"\n"):
            assert read(name, line.strip()) == [Rule(from_host(found[1].decode()), flags)]


@pytest.mark.parametrize("name", FORMATS)
@given(lines=st.lists(LINES, max_size=8))
def test_a_list_means_the_same_without_fast_patterns(name: str, lines: list[str]) -> None:
    contents = []
    for entry in (FORMATS[name], FORMATS[name]._replace(fast=())):
        collector = Collector(entry, "auto", "block")
        collector.read("\n".join(lines).encode())
        contents.append((collector.content(), collector.lines, collector.counts))
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", FORMATS)
@given(line=st.one_of(LINES, st.text(min_size=1, max_size=60)))
def test_reader_takes_any_line(name: str, line: str) -> None:
    if line.strip():
        assert read(name, line.strip())
