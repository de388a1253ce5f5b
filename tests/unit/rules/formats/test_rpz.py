"""Policy zones: triggers, actions, local data, and whole zones as lists publish them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.rules.collector import Collector
from resolver.rules.formats.rpz import fast_is_right, make
from resolver.rules.formats.table import FORMATS
from resolver.rules.lines import Options
from resolver.rules.parse import parse_list
from resolver.rules.render import render_side
from tests.unit.rules.formats.told import told
from tests.unit.rules.shorthand import written

ACTIONS = {
    "a.example CNAME .": "|a.example^",
    "*.a.example CNAME .": "||*.a.example^",
    "* CNAME .": "*",
    "a.example CNAME *.": "|a.example^$dnsrewrite=NOERROR",
    "*.a.example CNAME *.": "||*.a.example^$dnsrewrite=NOERROR",
    "a.example CNAME rpz-passthru.": "@@|a.example^",
    "*.a.example CNAME RPZ-Passthru.": "@@||*.a.example^",
    "a.example CNAME A.example.": "@@|a.example^",  # the older form
    "a.example CNAME rpz-drop.": "|a.example^$drop",
    "a.example CNAME rpz-tcp-only.": "|a.example^$tcp-only",
    "a.example CNAME rpz-drop": "|a.example^$drop",  # its dot forgotten
    "a.example 60 IN CNAME .": "|a.example^",
    "a.example IN 1h cname . ; why": "|a.example^",
    r"a\.b.example CNAME .": r"|a\.b.example^",
    "bücher.example CNAME .": "|xn--bcher-kva.example^",
    "24.0.2.0.192.rpz-client-ip CNAME rpz-passthru.": "@@*$client=192.0.2.0/24",
    "32.7.2.0.192.rpz-client-ip CNAME rpz-drop.": "*$client=192.0.2.7/32,drop",
    "32.zz.db8.2001.rpz-ip CNAME .": "*$addresses=2001:db8::/32",
    "a.example A 0.0.0.0": "|a.example^",
    "*.a.example AAAA ::": "||*.a.example^",
    # not for us, not here, or not at all
    "@ SOA a. b. 1 2 3 4 5": "ignored zone-record",
    "@ NS localhost.": "ignored zone-record",
    "a.example NS ns.example.": "ignored zone-record",
    "@ A 192.0.2.1": "ignored zone-record",
    "a.example RRSIG A 8 2": "ignored zone-record",
    "$TTL 1h": "ignored zone-record",
    "$origin rpz.example.": "ignored zone-record",
    "localhost CNAME .": "ignored local-name",
    "; a.example CNAME .": "comment",
    "ns.example.rpz-nsdname CNAME .": "unenforceable rpz-nsdname",
    "32.1.2.0.192.rpz-nsip CNAME .": "unenforceable rpz-nsip",
    "$INCLUDE other": "unenforceable zone-directive",
    "$GENERATE 1-9 a$ CNAME .": "unenforceable zone-directive",
    "a.example CAA 0 issue x": "unenforceable record-type",
    "a.example A 192.0.2.1": "unenforceable rewrite-not-trusted",
    "a.example CNAME b.example.": "unenforceable rewrite-not-trusted",
    'a.example TXT "x"': "unenforceable rewrite-not-trusted",
    "a.example A 192.0.2": "invalid bad-record",
    "a.example CNAME b.example": "invalid target-relative",
    "a.example. CNAME .": "invalid owner-outside-zone",
    "a..example CNAME .": "invalid label-empty",
    "a.*.example CNAME .": "invalid wildcard-inside",
    "192.0.2.1 CNAME .": "invalid ip-address",
    "33.1.2.0.192.rpz-ip CNAME .": "invalid bad-rpz-network",
    " CNAME .": "invalid no-owner",
    "a.example CNAME": "invalid not-zone",
    "a.example": "invalid not-zone",
    "0.0.0.0 a.example": "invalid not-zone",
    "$TTL x": "invalid not-zone",
    "$ORIGIN": "invalid not-zone",
    "$ORIGIN a..b.": "invalid label-empty",
    "a.example TXT (x": "1: invalid unclosed-parenthesis",
}

TRUSTED = {
    "a.example A 192.0.2.1": "1: |a.example^$dnsrewrite=NOERROR;A;192.0.2.1",
    "*.a.example 60 A 192.0.2.1": "1: ||*.a.example^$ttl=60,dnsrewrite=NOERROR;A;192.0.2.1",
    "a.example 9w A 192.0.2.1": "1: |a.example^$ttl=86400,dnsrewrite=NOERROR;A;192.0.2.1",
    "a.example CNAME b.example.": "1: |a.example^$dnsrewrite=NOERROR;CNAME;b.example",
    "*.a.example CNAME *.garden.example.": "1: ||*.a.example^$dnsrewrite=NOERROR;CNAME;*.garden.example",
    "*.a.example CNAME *.a.example.": "1: ||*.a.example^$dnsrewrite=NOERROR;CNAME;*.a.example",
    "a.example MX 10 b.example.": "1: |a.example^$dnsrewrite=NOERROR;MX;10 b.example",
    "a.example HTTPS 1 . alpn=h3": "1: |a.example^$dnsrewrite=NOERROR;HTTPS;1 . alpn=h3",
    r"a.example TYPE65280 \# 1 ab": r"1: |a.example^$dnsrewrite=NOERROR;TYPE65280;\# 1 ab",
    "24.0.2.0.192.rpz-ip A 192.0.2.9": "1: *$addresses=192.0.2.0/24,dnsrewrite=NOERROR;A;192.0.2.9",
    "a.example A 0.0.0.0": "1: |a.example^",
    "a.example CNAME .": "|a.example^",
    "a.example CNAME rpz-passthru.": "@@|a.example^",
}

ZONES = {
    "as lists publish it": (
        "$TTL 300\n@ SOA localhost. root.localhost. (\n  1 ; serial\n  2 3 4 5 )\n\n  NS localhost.\n; why\n"
        "a.example CNAME .\n*.a.example CNAME .",
        ["ignored zone-record"] * 3 + ["comment", "|a.example^", "||*.a.example^"],
    ),
    "transferred": (
        "rpz.example. 300 IN SOA a. b. 1 2 3 4 5\na.example.rpz.example. 1 IN CNAME .\nb.example. CNAME .",
        ["ignored zone-record", "|a.example^", "invalid owner-outside-zone"],
    ),
    "as BIND writes it": (
        "$ORIGIN .\n$TTL 300\nrpz.example IN SOA a. b. 1 2 3 4 5\n\t\t\tNS a.\n$ORIGIN com.rpz.example.\n"
        "163 CNAME .\n$ORIGIN 163.com.rpz.example.\n* CNAME .",
        [*["ignored zone-record"] * 5, "|163.com^", "ignored zone-record", "||*.163.com^"],
    ),
    "the owner above": (
        "a.example CNAME rpz-passthru.\n; why\n\tCNAME .\nb.example CNAME .\n\n\tCNAME .",
        ["@@|a.example^", "comment", "|a.example^", "|b.example^", "invalid no-owner"],
    ),
    "a fault in the middle": (
        "a.example CNAME .\n) x\nb.example CNAME .",
        ["|a.example^", "invalid not-zone", "|b.example^"],
    ),
}


@pytest.mark.parametrize(("line", "means"), ACTIONS.items())
def test_line(line: str, means: str) -> None:
    assert told("rpz", line) == [means]


@pytest.mark.parametrize(("line", "means"), TRUSTED.items())
def test_line_of_a_list_that_may_rewrite(line: str, means: str) -> None:
    assert told("rpz", line, rewrites=True) == [means]


@pytest.mark.parametrize(("zone", "means"), ZONES.values(), ids=ZONES)
def test_zone(zone: str, means: list[str]) -> None:
    assert told("rpz", zone) == means


def test_records_of_one_owner_add_up() -> None:
    zone = (
        "$TTL 300\na.example A 192.0.2.1\n  60 AAAA 2001:db8::1\nb.example A 192.0.2.2\na.example A 192.0.2.3"
    )
    assert told("rpz", zone, rewrites=True)[1:] == [
        "2: |a.example^$ttl=60,dnsrewrite=NOERROR;A;192.0.2.1,dnsrewrite=NOERROR;A;192.0.2.3,"
        "dnsrewrite=NOERROR;AAAA;2001:db8::1",
        "4: |b.example^$ttl=300,dnsrewrite=NOERROR;A;192.0.2.2",
    ]


def test_an_alias_and_other_data_do_not() -> None:
    zone = "a.example CNAME b.example.\na.example A 192.0.2.1"
    assert told("rpz", zone, rewrites=True) == [
        "invalid cname-and-other-data",
        "1: |a.example^$dnsrewrite=NOERROR;CNAME;b.example",
    ]


# Through the collector: the fast patterns must not change what a zone says.

WHOLE = {
    "names": (
        b"a.example CNAME .\n*.a.example CNAME .\nb.example CNAME .\n",
        ["||a.example^", "|b.example^"],
    ),
    "capitals": (b"A.Example 60 in cname . ; x\r\n", ["|a.example^"]),
    "addresses are no names": (b"32.1.2.0.192.rpz-IP CNAME .\n", []),
    "a record for the owner above": (
        b"a.example CNAME rpz-passthru.\nb.example CNAME .\n TXT x\n",
        ["@@|a.example^", "|b.example^"],
    ),
    "another owner between": (
        b"a.example CNAME rpz-passthru.\nb.example CNAME .\n; x\n CNAME .\n",
        ["@@|a.example^", "|b.example^"],
    ),
    "an origin in the zone": (
        b"$ORIGIN rpz.example.\n$ORIGIN com.rpz.example.\nwww.a CNAME .\n",
        ["|www.a.com^"],
    ),
    "an origin behind a mark": (b"\xef\xbb\xbf$ORIGIN .\nrpz.example SOA a. b. 1 2 3 4 5\nx.y CNAME .\n", []),
    "an origin behind": (
        b"b.example CNAME .\n@ SOA a. b. 1 2 3 4 5\n$ORIGIN com\nwww.a CNAME .\n",
        ["|b.example^", "|www.a.com^"],
    ),
}


@pytest.mark.parametrize(("data", "names"), WHOLE.values(), ids=WHOLE)
def test_whole_list(data: bytes, names: list[str]) -> None:
    collector = Collector(FORMATS["rpz"], "auto", "block")
    collector.read(data, 3 if data.startswith(b"\xef") else 0)
    content = collector.content()
    assert content.ordered and written(content.names) == names


def test_a_blank_owner_across_pieces_of_the_list() -> None:
    data = b"a.example CNAME rpz-passthru.\n" + b"b.example CNAME .\n" * 100_000 + b" CNAME rpz-drop.\n"
    assert {render_side(rule) for rule in parse_list(data, format="rpz").content.sides} <= {
        "|b.example^$drop"
    }


ORIGINS = {
    b"a.example CNAME .\n": True,
    b"$ORIGIN rpz.example.\n@ SOA a. b. 1 2 3 4 5\n": True,
    b"$TTL 1\n$ORIGIN rpz.example.\n SOA a. b. 1 2 3 4 5\n": True,
    b"$ORIGIN rpz.example.\na.example CNAME .\n": True,
    b"$ORIGIN .\nrpz.example SOA a. b. 1 2 3 4 5\n": False,
    b"$ORIGIN example.\nrpz SOA a. b. 1 2 3 4 5\n": False,
    b"@ SOA a. b. 1 2 3 4 5\n$ORIGIN com\n": False,
    b"$ORIGIN rpz.example.\n$origin com\n": False,
}


@pytest.mark.parametrize(("data", "right"), ORIGINS.items())
def test_fast_patterns_are_not_used_where_an_origin_adds_to_names(data: bytes, right: bool) -> None:
    assert fast_is_right(data) == right


HOSTILE = {
    "long names": b"a" * 8000 + b" CNAME .\n",
    "many words": b"a " * 4000 + b"\n",
    "quotation marks": b'"' * 8000 + b"\n",
    "backslashes": b"\\" * 7999 + b"\n",
    "blanks": b"a" + b" " * 8000 + b"x\n",
    "digits": b"1" * 8000 + b" CNAME .\n",
    "parentheses": b"(" * 8000 + b"\n",
    "an SOA record without end": b"x" * 8000 + b"SOA",
    "origins": b"$ORIGIN " + b"a." * 4000 + b"\n",
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
def test_hostile_lines_are_read(line: bytes) -> None:
    # A pattern that is quadratic in the length of a line runs into the time limit of a test.
    parsed = parse_list(b"x.example CNAME .\n" + line * 100, format="rpz")
    assert written(parsed.content.names) == ["|x.example^"] and parsed.report.invalid_total


@given(st.lists(st.text('ab.*@ ";()\\$1\tACNAME', max_size=40), max_size=15), st.booleans())
def test_any_lines_are_read(lines: list[str], rewrites: bool) -> None:
    reader = make(Options(rewrites=rewrites))
    for number, line in enumerate(lines, 1):
        if line.strip():
            reader.read(line.rstrip(), number)
    list(reader.finish())
