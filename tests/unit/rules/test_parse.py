"""`parse_list` as its callers see it: rules and report, or one refusal that says what to do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import ListRefused
from resolver.rules.compile import canonical_keys
from resolver.rules.model import Format, Kind, Match
from resolver.rules.parse import parse_list
from resolver.rules.report import BadLine, Header, Report, RuleCounts
from tests.unit.rules.shorthand import key, written

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
    assert written(parsed.content.names) == ["|a.example^", "|b.example^", "|c.example^"]
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
        assert written(parsed.content.names) == expected
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
    "only a top-level domain": (b"com\n", "auto", "list-all-invalid"),
    "only the root": (b'local-zone: "." static\n', "auto", "list-all-invalid"),
}


@pytest.mark.parametrize(("data", "format", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refusal_of_the_whole_list(data: bytes, format: Format, code: str) -> None:
    with pytest.raises(ListRefused) as refused:
        parse_list(data, format=format)
    assert refused.value.code == code
    assert refused.value.detail.endswith(".")
    msgspec.json.encode(refused.value.extra)


HELD: dict[str, tuple[bytes, list[tuple[int, str, str]]]] = {
    "a top-level domain": (b"a.example\ncom\n", [(2, "|com^", "covers-top-level")]),
    "a wide suffix": (b"||a.example^\n||com^\n", [(2, "||com^", "covers-top-level")]),
    "a wide exception": (b"||a.example^\n@@||com^\n", [(2, "@@||com^", "covers-top-level")]),
    "a wide hosts line": (b"0.0.0.0 a.example\n0.0.0.0 com\n", [(2, "|com^", "covers-top-level")]),
    "two at a time": (
        b"*.net\n*.a.example\n*.com\n",
        [(1, "||net^", "covers-top-level"), (3, "||com^", "covers-top-level")],
    ),
}


@pytest.mark.parametrize(("data", "held"), HELD.values(), ids=HELD.keys())
def test_what_reaches_too_far_is_held_back_and_the_rest_goes_into_force(
    data: bytes, held: list[tuple[int, str, str]]
) -> None:
    parsed = parse_list(data)
    assert list(parsed.content.names) == [key("a.example")]
    assert [(line.number, line.text, line.code) for line in parsed.report.held_lines] == held
    assert (parsed.report.held, parsed.report.entries, parsed.report.duplicates) == (len(held), 1, 0)
    assert parsed.report.held_by_code == {"covers-top-level": len(held)}
    assert parsed.report.warnings == [
        f"Rules held back because they cover too much: {len(held)}. They are not in force."
    ]


WIDE: dict[str, tuple[bytes, Format]] = {
    "the root": (b"a.example\n.\n", "domains"),
    "everything": (b"||a.example^\n*\n", "adblock"),
    "a wide dnsmasq line": (b"address=/a.example/#\naddress=/#/\n", "dnsmasq"),
    "a wide zone": (b'local-zone: "a.example" static\nlocal-zone: "." static\n', "unbound"),
}


@pytest.mark.parametrize(("data", "format"), WIDE.values(), ids=WIDE.keys())
def test_no_notation_blocks_every_name(data: bytes, format: Format) -> None:
    parsed = parse_list(data, format=format)
    assert parsed.content.sides == () and list(parsed.content.names) == [key("a.example")]
    assert parsed.report.held_by_code == {"covers-root": 1} and parsed.report.held_lines[0].number == 2


def test_many_wide_rules_are_counted_and_a_hundred_named() -> None:
    report = parse_list(b"".join(b"x%d\n" % n for n in range(500)) + b"a.example", format="domains").report
    assert (report.held, report.entries, report.duplicates) == (500, 1, 0)
    assert [line.number for line in report.held_lines] == list(range(1, 101))


def test_list_of_nothing_but_wide_rules_is_refused_and_says_which() -> None:
    with pytest.raises(ListRefused, match="Line 1: ") as refused:
        parse_list(b"com\nnet\n", format="domains")
    errors = msgspec.convert(refused.value.extra["errors"], list[BadLine])
    assert [(line.number, line.code) for line in errors] == [(1, "covers-top-level"), (2, "covers-top-level")]


def test_keys_that_are_handed_on_are_those_of_the_content() -> None:
    parsed = parse_list(b"b.example\ncom\na.example\n", format="domains")
    assert list(parsed.keys) == canonical_keys(parsed.content.names) and len(parsed.keys) == 2


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
    assert written(parsed.content.names) == ["|a.example^", "|b.example^"]
    assert (parsed.report.lines, parsed.report.blanks, parsed.report.comments) == (4, 1, 1)


@given(
    st.lists(
        st.sampled_from([b"a.example", b"b.example", b"# x", b"", b"x..y", b"localhost", b"c/d", b"com"])
    )
)
def test_every_line_is_counted_once(lines: list[bytes]) -> None:
    try:
        report = parse_list(b"\n".join(lines), format="domains").report
    except ListRefused as refused:
        if "report" not in refused.extra:
            return
        report = msgspec.convert(refused.extra["report"], Report)
    aside = report.blanks + report.comments + report.ignored + report.not_dns + report.invalid_total
    assert report.lines == aside + report.entries + report.duplicates + report.held
