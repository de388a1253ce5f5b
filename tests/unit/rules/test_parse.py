"""`parse_list` as its callers see it: rules and report, or one refusal that says what to do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import ListRefused
from resolver.rules.model import Format, Kind, Match
from resolver.rules.parse import parse_list
from resolver.rules.report import BadLine, Header, Report, RuleCounts
from tests.unit.rules.shorthand import written

HOSTS = b"""# Title: A list
# Number of entries: 3
127.0.0.1 localhost

0.0.0.0 a.example
0.0.0.0 b.example A.example # again
0.0.0.0 b..example
192.0.2.7 c.example
"""


def test_whole_report() -> None:
    parsed = parse_list(HOSTS)
    assert written(parsed.rules) == ["|a.example^", "|b.example^", "|c.example^"]
    assert parsed.report == Report(
        format="hosts",
        detected="hosts",
        confidence=1.0,
        lines=8,
        blanks=1,
        comments=2,
        entries=3,
        rules=RuleCounts(block_exact=3),
        duplicates=1,
        ignored=1,
        ignored_by_code={"local-name": 1},
        invalid_total=1,
        invalid_by_code={"label-empty": 1},
        invalid=[
            BadLine(
                7, "0.0.0.0 b..example", "label-empty", "Two dots stand side by side, or a dot stands first."
            )
        ],
        notes={"foreign-address": 1},
        header=Header(title="A list", number_of_entries=3),
        warnings=["Lines with an address to redirect to: 1. Their names are blocked."],
    )


# The same list with two rules in every format that is read.
SAME: dict[Format, bytes] = {
    "hosts": b"0.0.0.0 a.example\n0.0.0.0 b.example\n",
    "domains": b"a.example\nb.example\n",
    "wildcard": b"*.a.example\n*.b.example\n",
    "adblock": b"||a.example^\n||b.example^\n",
    "dnsmasq": b"address=/a.example/#\nlocal=/b.example/\n",
    "unbound": b'local-zone: "a.example." static\nlocal-zone: "b.example." always_null\n',
}
EXACT = ("hosts", "domains")

# The divergence of list-formats 2.1: settings -> what a line then means.
REACH: list[tuple[Match, Kind, str, str]] = [
    ("auto", "block", "|a.example^", "||a.example^"),
    ("exact", "block", "|a.example^", "|a.example^"),
    ("suffix", "block", "||a.example^", "||a.example^"),
    ("auto", "allow", "@@|a.example^", "@@||a.example^"),
    ("exact", "allow", "@@|a.example^", "@@|a.example^"),
    ("suffix", "allow", "@@||a.example^", "@@||a.example^"),
]


@pytest.mark.parametrize(("match", "kind", "exact", "suffix"), REACH)
@pytest.mark.parametrize("format", SAME)
def test_reach_is_a_property_of_the_list(
    format: Format, match: Match, kind: Kind, exact: str, suffix: str
) -> None:
    form = exact if format in EXACT else suffix
    expected = [form, form.replace("a.example", "b.example")]
    for declared in (format, "auto"):
        parsed = parse_list(SAME[format], format=declared, match=match, kind=kind)
        assert written(parsed.rules) == expected
        assert parsed.report.format == parsed.report.detected == format


REFUSED: dict[str, tuple[bytes, Format, str]] = {
    "empty": (b"", "auto", "list-empty"),
    "comments only": (b"# x\n\n! y\n", "auto", "list-empty"),
    "html": (b"<html>a.example</html>", "hosts", "list-is-html"),
    "no rule": (b"a b\nc d\n", "domains", "list-all-invalid"),
    "only the machine's names": (b"127.0.0.1 localhost\n", "hosts", "list-all-invalid"),
    "only addresses": (b"192.0.2.1\n192.0.2.2\n", "auto", "list-all-invalid"),
    "another format": (b"||a.example^\n", "unbound", "list-all-invalid"),
    "csv": (b"url,category\nhttps://a.example/,NEWS\n", "auto", "list-all-invalid"),
    "declared rpz": (b"a.example CNAME .\n", "rpz", "format-not-supported"),
    "declared regex": (b"a\n", "regex", "format-not-supported"),
    "declared pihole-regex": (b"a\n", "pihole-regex", "format-not-supported"),
    "found rpz": (b"$TTL 300\n@ SOA a. b. 1 2 3 4 5\na.example CNAME .\n", "auto", "format-not-supported"),
    "found regex": (b"^ads[0-9]+\\.\n(^|\\.)track\\.\n", "auto", "format-not-supported"),
    "a top-level domain": (b"a.example\ncom\n", "auto", "rule-too-wide"),
    "the root": (b"a.example\n.\n", "auto", "rule-too-wide"),
    "everything": (b"||a.example^\n*\n", "auto", "rule-too-wide"),
    "a wide suffix": (b"||a.example^\n||com^\n", "auto", "rule-too-wide"),
    "a wide exception": (b"||a.example^\n@@||com^\n", "auto", "rule-too-wide"),
    "a wide hosts line": (b"0.0.0.0 a.example\n0.0.0.0 com\n", "auto", "rule-too-wide"),
    "a wide dnsmasq line": (b"address=/a.example/#\naddress=/#/\n", "auto", "rule-too-wide"),
    "a wide zone": (b'local-zone: "." static\n', "auto", "rule-too-wide"),
}


@pytest.mark.parametrize(("data", "format", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refusal_of_the_whole_list(data: bytes, format: Format, code: str) -> None:
    with pytest.raises(ListRefused) as refused:
        parse_list(data, format=format)
    assert refused.value.code == code
    assert refused.value.detail.endswith(".")
    msgspec.json.encode(refused.value.extra)


def test_wide_rules_are_named_with_their_lines() -> None:
    with pytest.raises(ListRefused, match=r"2 of the rules .*line 2, 4") as refused:
        parse_list(b"a.example\ncom\nb..example\n*.net\n", kind="allow")
    report = msgspec.convert(refused.value.extra["report"], Report)
    errors = msgspec.convert(refused.value.extra["errors"], list[BadLine])
    assert (report.refused, report.entries, report.invalid_total) == (2, 1, 1)
    assert [(e.number, e.text, e.code) for e in errors] == [
        (2, "com", "rule-too-wide"),
        (4, "*.net", "rule-too-wide"),
    ]


def test_many_wide_rules_are_counted_and_a_hundred_named() -> None:
    with pytest.raises(ListRefused, match=r"500 of the rules .*line 1, 2, 3, 4, 5, …") as refused:
        parse_list(b"".join(b"x%d\n" % n for n in range(500)), format="domains")
    assert len(msgspec.convert(refused.value.extra["errors"], list[BadLine])) == 100


def test_invalid_lines_never_stop_the_rest() -> None:
    report = parse_list(b"x..y\n" * 1000 + b"a.example\n", format="domains").report
    assert (report.entries, report.invalid_total, len(report.invalid)) == (1, 1000, 100)
    assert report.warnings == ["More lines are invalid (1000) than are rules (1)."]


WARNINGS: dict[str, tuple[bytes, Format, list[str]]] = {
    "whole": (b"# Number of entries: 2\na.example\nb.example\n", "auto", []),
    "counted with duplicates": (b"# Entries: 2\na.example\na.example\n", "auto", []),
    "cut short": (
        b"! Number of entries: 3\n||a.example^\n",
        "auto",
        ["The list says it has 3 entries; 1 were read. It may not be whole."],
    ),
    "important": (
        b"||a.example^$important\n",
        "auto",
        ["Rules that say $important: 1. An allow rule still beats them."],
    ),
    "wrong format": (
        b"address=/a.example/#\n" * 20 + b"a.example\n",
        "domains",
        ["The list is read as domains, but its lines look like dnsmasq."],
    ),
}


@pytest.mark.parametrize(("data", "format", "warnings"), WARNINGS.values(), ids=WARNINGS.keys())
def test_warnings(data: bytes, format: Format, warnings: list[str]) -> None:
    assert parse_list(data, format=format).report.warnings == warnings


def test_mark_blanks_and_windows_lines_are_forgiven() -> None:
    parsed = parse_list("\ufeff  a.example  \r\n\tb.example\r\n\r\n# bücher\r\n".encode())
    assert written(parsed.rules) == ["|a.example^", "|b.example^"]
    assert (parsed.report.lines, parsed.report.blanks, parsed.report.comments) == (4, 1, 1)


@given(st.lists(st.sampled_from([b"a.example", b"b.example", b"# x", b"", b"x..y", b"localhost", b"c/d"])))
def test_every_line_is_counted_once(lines: list[bytes]) -> None:
    try:
        report = parse_list(b"\n".join(lines), format="domains").report
    except ListRefused as refused:
        if "report" not in refused.extra:
            return
        report = msgspec.convert(refused.extra["report"], Report)
    aside = report.blanks + report.comments + report.ignored + report.not_dns + report.invalid_total
    assert report.lines == aside + report.entries + report.duplicates
