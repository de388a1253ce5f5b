"""unbound local zones and local data: the type decides, trust decides, and tags say for whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.formats.unbound import ALLOW_TYPES, BLOCK_TYPES, ONE_TYPE, OTHER_TYPES, fast_is_right
from resolver.rules.lines import Options
from resolver.rules.parse import parse_list
from resolver.rules.render import render_side
from tests.unit.rules.formats.told import told
from tests.unit.rules.shorthand import written

TYPES = {
    **dict.fromkeys(sorted(BLOCK_TYPES), "||a.example^"),
    **dict.fromkeys(sorted(ALLOW_TYPES), "@@||a.example^"),
    **dict.fromkeys(sorted(OTHER_TYPES), "ignored other-option"),
    "block_a": "||a.example^$dnstype=A",
    "block_aaaa": "||a.example^$dnstype=AAAA",
    "always_never": "invalid unknown-zone-type",
}

LINES = {
    'local-zone: "a.example" always_nxdomain': ["||a.example^"],
    "local-zone: a.example. static": ["||a.example^"],
    "local-zone: 'A.Example.' 'always_null'": ["||a.example^"],
    'local-zone:"a.example."   REFUSE # why': ["||a.example^"],
    "local-zone : a.example refuse": ["||a.example^"],
    "server:": ["ignored other-option"],
    "interface: 127.0.0.1": ["ignored other-option"],
    'define-tag: "a b"': ["ignored other-option"],
    'local-data-ptr: "192.0.2.1 a.example"': ["ignored other-option"],
    "rpz: # x": ["ignored other-option"],
    'include: "x': ["ignored other-option"],
    "# local-zone: x": ["comment"],
    'local-zone: "localhost." static': ["ignored local-name"],
    'local-zone: "." refuse': ["||.^"],
    'local-zone: "com." refuse': ["||com^"],
    'local-zone: "com." transparent': ["@@||com^"],
    'local-zone: "com." block_a': ["||com^$dnstype=A"],
    'local-zone-override: "a.example." 192.0.2.0/24 refuse': ["unenforceable zone-override"],
    'access-control-tag-action: 192.0.2.0/24 "a" refuse': ["unenforceable zone-override"],
    'local-zone: "a..example." static': ["invalid label-empty"],
    'local-zone: "a..example." block_a': ["invalid label-empty"],
    'local-zone: "a.example."': ["invalid not-unbound"],
    'local-zone: "a.example. static': ["invalid not-unbound"],
    'local-zone: "a.example."static': ["invalid not-unbound"],
    "local-zone: a.example static refuse": ["invalid not-unbound"],
    "local-zone:": ["invalid not-unbound"],
    'server: local-zone: "a.example." static': ["||a.example^"],
    'view: local-zone: "a.example." static': ["unenforceable view-clause"],
    "server: server: server:": ["invalid not-unbound"],
    "server: static": ["invalid not-unbound"],
    'server: "': ["invalid not-unbound"],
    "local-zone: a.example static local-zone: b.example static": ["invalid not-unbound"],
    "a.example": ["invalid not-unbound"],
    "address=/a.example/#": ["invalid not-unbound"],
    # local data
    'local-data: "a.example. A 0.0.0.0"': ["|a.example^"],
    "local-data: 'A.Example 60 IN AAAA ::1'": ["|a.example^"],
    'local-data: "a.example. A 192.0.2.1"': ["|a.example^", "note foreign-address"],
    'local-data: "localhost. A 127.0.0.1"': ["ignored local-name"],
    'local-data: "a.example. CNAME b.example."': ["unenforceable rewrite-not-trusted"],
    "local-data: 'a.example TXT \"a # b\"'": ["unenforceable rewrite-not-trusted"],
    'local-data: "a.example. CAA 0 issue x"': ["unenforceable record-type"],
    'local-data: "a.example. A 192.0.2"': ["invalid bad-record"],
    'local-data: "a..example. A 192.0.2.1"': ["invalid label-empty"],
    'local-data: "a.example."': ["invalid not-unbound"],
    'local-data: " A 192.0.2.1"': ["invalid not-unbound"],
    'local-data: "a.example. TXT (x"': ["invalid not-unbound"],
    "local-data: a.example A 0.0.0.0": ["invalid not-unbound"],
}

TRUSTED = {
    "alone": ('local-data: "a.example. A 192.0.2.1"', ["1: |a.example^$dnsrewrite=NOERROR;A;192.0.2.1"]),
    "nowhere": ('local-data: "a.example. A 0.0.0.0"', ["1: |a.example^"]),
    "several": (
        'local-data: "a.example. 60 A 192.0.2.1"\nlocal-data: "a.example. AAAA 2001:db8::1"',
        ["1: |a.example^$ttl=60,dnsrewrite=NOERROR;A;192.0.2.1,dnsrewrite=NOERROR;AAAA;2001:db8::1"],
    ),
    "in a static zone": (
        'local-zone: "a.example" static\nlocal-data: "a.example A 192.0.2.1"\n'
        'local-data: "b.a.example A 192.0.2.2"',
        [
            "||a.example^",
            "2: |a.example^$dnsrewrite=NOERROR;A;192.0.2.1",
            "3: |b.a.example^$dnsrewrite=NOERROR;A;192.0.2.2",
        ],
    ),
    "in a redirect zone, whatever comes first": (
        'local-data: "a.example A 192.0.2.1"\nlocal-zone: "a.example" redirect',
        ["||a.example^", "1: ||a.example^$dnsrewrite=NOERROR;A;192.0.2.1"],
    ),
    "a redirect to nowhere": (
        'local-zone: "a.example" redirect\nlocal-data: "a.example A 0.0.0.0"',
        ["||a.example^", "2: ||a.example^"],
    ),
    "an alias and other data": (
        'local-data: "a.example CNAME b.example"\nlocal-data: "a.example A 192.0.2.1"',
        ["invalid cname-and-other-data", "1: |a.example^$dnsrewrite=NOERROR;CNAME;b.example"],
    ),
}

VIEW = """server:
local-zone: "a.example." refuse
view:
  name: "guests"
  local-zone: "b.example." refuse
  local-data: "c.example. A 0.0.0.0"
forward-zone:
  name: "."
server:
local-zone: "d.example." refuse
"""


@pytest.mark.parametrize(("zone_type", "means"), TYPES.items())
def test_type(zone_type: str, means: str) -> None:
    assert told("unbound", f'local-zone: "a.example." {zone_type}') == [means]


def test_every_type_of_one_table_is_in_no_other() -> None:
    tables = [BLOCK_TYPES, ALLOW_TYPES, OTHER_TYPES, frozenset(ONE_TYPE)]
    assert len(frozenset().union(*tables)) == sum(map(len, tables)) == len(TYPES) - 1


@pytest.mark.parametrize(("line", "means"), LINES.items(), ids=repr)
def test_line(line: str, means: list[str]) -> None:
    assert told("unbound", line) == means


@pytest.mark.parametrize(("text", "means"), TRUSTED.values(), ids=TRUSTED)
def test_data_of_a_list_that_may_rewrite(text: str, means: list[str]) -> None:
    assert told("unbound", text, rewrites=True) == means


@pytest.mark.parametrize("rewrites", [False, True])
def test_a_view_is_for_nobody_here(rewrites: bool) -> None:
    parsed = parse_list(VIEW.encode(), format="unbound", options=Options(rewrites=rewrites))
    assert written(parsed.content.names) == ["||a.example^", "||d.example^"]
    assert parsed.report.unenforceable_by_code == {"view-clause": 2}


def test_fast_lines_with_data() -> None:
    data = b'local-data: "a.example. A 0.0.0.0"\nlocal-data: "b.example 60 IN AAAA ::"\n'
    assert written(parse_list(data, format="unbound").content.names) == ["|a.example^", "|b.example^"]


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (b'server:\nlocal-zone: "a.example" static\naccess-control-tag: 192.0.2.0/24 "a"\n', True),
        (b'local-zone: "a.example" static # local-zone-tag\n', True),
        (b'server: view: local-zone: "a.example" static\n', False),
        (b'local-zone: "a.example" static\n  local-zone-tag: "a.example" "a"\n', False),
        (b"view :\n", False),
    ],
)
def test_fast_patterns_are_not_used_where_zones_are_for_some(data: bytes, right: bool) -> None:
    assert fast_is_right(data) == right


def test_a_clause_inside_another_line_counts() -> None:
    data = b'server: view:\nlocal-zone: "a.example." static\nserver:\nlocal-zone: "b.example." static\n'
    assert written(parse_list(data, format="unbound").content.names) == ["||b.example^"]


@pytest.mark.parametrize("word", ["server: ", "view:", "a ", '"', "'a' ", "local-data: ", "# "])
def test_hostile_lines_are_read(word: str) -> None:
    # What is quadratic in the length of a line runs into the time limit of a test.
    for option in ("", "local-zone: ", "local-data: '", "local-zone-tag: a.example '"):
        line = (option + word * 8000)[:8000]
        for _ in range(20):
            assert told("unbound", line)


OPTIONS = st.sampled_from(
    ["local-zone", "local-data", "local-zone-tag", "access-control-tag", "view", "server", "x"]
)


@given(st.lists(st.tuples(OPTIONS, st.text("a.x \"'#:AN1()", max_size=30)), max_size=12), st.booleans())
def test_any_options_are_read(options: list[tuple[str, str]], rewrites: bool) -> None:
    told("unbound", "\n".join(f"{name}: {value}" for name, value in options), rewrites=rewrites)


def test_a_tagged_zone_is_for_the_networks_with_its_tag() -> None:
    data = b"""
local-zone: "a.example." always_null
local-zone: "b.example." always_null
local-zone-tag: "a.example." "kids"
access-control-tag: 192.0.2.0/24 "kids"
"""
    content = parse_list(data, format="unbound").content
    assert written(content.names) == ["||b.example^"]
    assert [render_side(rule) for rule in content.sides] == ["||a.example^$client=192.0.2.0/24"]
