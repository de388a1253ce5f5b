"""A report in words: everything that was counted, harmless, and the worst last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from resolver.cli.findings import LINES_SHOWN, beside_each_other, describe, has_errors, offenders, refused
from resolver.errors import ListRefused, RequestError
from resolver.rules.overlap import Comparison, Overlap
from resolver.rules.report import BadLine, Header, Report, RuleCounts, SideCounts

FULL = Report(
    format="adblock",
    detected="hosts",
    confidence=0.75,
    lines=1300,
    blanks=20,
    comments=1,
    entries=1234,
    rules=RuleCounts(block_suffix=1200, block_exact=30, allow_below=1),
    side_rules=SideCounts(block=3, important=1, expressions=2, by_type=1),
    duplicates=60,
    ignored=2,
    ignored_by_code={"local-name": 2},
    not_dns=4,
    not_dns_by_code={"cosmetic": 3, "path": 1},
    invalid_total=101,
    invalid_by_code={"bad-character": 101},
    invalid=[BadLine(n, f"bad{n}\x1b", "bad-character", "A name is made of letters.") for n in range(1, 101)],
    unenforceable=1,
    unenforceable_lines=[BadLine(8, "x A 192.0.2.1", "rewrite-not-trusted", "It would redirect a name.")],
    held=1,
    held_lines=[BadLine(9, "||com^", "covers-top-level", "A whole top-level domain.")],
    ordered=True,
    notes={"foreign-address": 5},
    header=Header("A list", "1 day", "7", None, 1300),
    comparison=Comparison(shadowed=7, shadowed_sample=[f"||a{n}.test^" for n in range(7)]),
    warnings=["It may not be whole."],
)

WORDS = """adult.txt: 1,234 rules
        format  adblock (the content looks like hosts: 75%)
         title  A list
       version  7
       expires  1 day
      promised  1,300 entries
         lines  1,300 (20 blank, 1 comment)
         order  of the rules that speak of a name only the most specific counts
         1,200  block a name and all below it
            30  block a name alone
             1  allow all below a name
             3  block under a condition
                of the last: 2 with an expression, 1 important, 1 for some query types
            60  say again what was said before
             2  nothing to do here
                  2 local-name: A name of the machine itself, as every hosts file has it.
             4  for browsers, not for DNS
                  3 cosmetic: Hides a part of a page.
                  1 path: Speaks of a path; DNS sees only names.
             5  obeyed, with a remark
                  5 foreign-address: The name is blocked; it is not redirected to the address the line gives.
             7  idle, because an allow rule always beats them
                  ||a0.test^, ||a1.test^, ||a2.test^, ||a3.test^, ||a4.test^, ...
             1  held back, because they reach too far
    line 9: ||com^: A whole top-level domain. [covers-top-level]
             1  cannot be obeyed
    line 8: x A 192.0.2.1: It would redirect a name. [rewrite-not-trusted]
           101  invalid""".splitlines()


def test_everything_is_said() -> None:
    lines = [finding.text for finding in describe("adult.txt", FULL)]
    assert lines[: len(WORDS)] == WORDS
    rest = lines[len(WORDS) :]
    assert rest[0] == "    line 1: bad1\N{REPLACEMENT CHARACTER}: A name is made of letters. [bad-character]"
    assert rest[LINES_SHOWN:] == [
        "    and 81 more",
        "  warning: It may not be whole.",
        "  101 invalid lines, 1 rule held back",
    ]


def test_a_clean_list_is_short() -> None:
    report = Report("hosts", "hosts", 1.0, lines=1, entries=1, rules=RuleCounts(block_exact=1))
    findings = list(describe("x", report))
    assert [finding.text for finding in findings] == [
        "x: 1 rule",
        "        format  hosts (the content looks like it: 100%)",
        "         lines  1 (0 blank, 0 comments)",
        "             1  block a name alone",
        "  no errors",
    ]
    assert findings[-1].tone == "good"


def test_what_is_an_error() -> None:
    clean = Report("hosts", "hosts", 1.0)
    assert not has_errors(clean)
    assert has_errors(Report("hosts", "hosts", 1.0, invalid_total=1))
    assert has_errors(Report("hosts", "hosts", 1.0, held=1))
    assert not has_errors(Report("hosts", "hosts", 1.0, unenforceable=1, warnings=["x"]))


def test_a_refused_list_says_why_and_where() -> None:
    report = Report(
        "hosts", "hosts", 1.0, invalid_total=1, invalid=[BadLine(3, "b\x07", "ip-address", "No.")]
    )

    error = ListRefused("list-all-invalid", "No line is a rule", "Check it.", {"report": to_builtins(report)})
    assert [finding.text for finding in refused("x", error)] == [
        "x: refused",
        "  No line is a rule (list-all-invalid)",
        "  Check it.",
        "    line 3: b\N{REPLACEMENT CHARACTER}: No. [ip-address]",
    ]
    assert len(list(refused("x", RequestError(422, "a", "b", "c")))) == 3


def test_lists_beside_each_other() -> None:
    compared = {
        "a": Comparison([Overlap("b", same=3, covered=1)], 1, ["||x.test^"]),
        "b": Comparison([Overlap("a")]),
    }
    assert [finding.text for finding in beside_each_other(compared)] == [
        "Beside each other",
        "  a",
        "             3  also in b",
        "             1  covered by wider rules of b",
        "             1  idle, because an allow rule always beats them",
        "                  ||x.test^",
        "  b",
        "             0  in common with the others",
    ]


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=50))
def test_hostile_text_is_shown_and_not_obeyed(name: str, text: str, title: str) -> None:
    report = Report(
        "hosts", "hosts", 1.0, invalid_total=1, invalid=[BadLine(1, text, "x", text)],
        header=Header(title=title), warnings=[text],
    )  # fmt: skip
    assert all(finding.text.isprintable() for finding in describe(name, report))


def test_a_line_without_a_number_or_a_text() -> None:
    [finding] = offenders([BadLine(0, "", "x", "Something.")], 1)
    assert finding.text == "    no line: Something. [x]"
