"""`belisha convert`: the same rules in another notation, or nothing and the reasons."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from resolver.cli import main
from resolver.rules.model import FLAGS_MASK
from resolver.rules.parse import parse_list
from resolver.rules.writers.table import WRITERS


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["convert", *arguments], input=stdin, catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.txt"
    path.write_text("# Title: Adverts\n0.0.0.0 a.example\n0.0.0.0 b.example\n")
    return path


def test_the_result_says_what_it_is(file: Path) -> None:
    result = run(str(file), "--to", "domains")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == ["# Title: Adverts", "# Number of entries: 2"]
    assert lines[2].startswith("# Converted from hosts by Belisha ")
    assert lines[3:] == ["a.example", "b.example"]
    assert result.stderr == ""
    assert not parse_list(result.stdout.encode()).report.warnings


CHAINS = [
    ("hosts", ["domains", "wildcard", "adblock", "rpz", "hosts"]),
    ("adblock", ["dnsmasq", "unbound", "rpz", "adblock"]),
]


@pytest.mark.parametrize(("start", "chain"), CHAINS)
def test_round_trips(tmp_path: Path, start: str, chain: list[str]) -> None:
    first = tmp_path / "first"
    lines = {"hosts": "0.0.0.0 a.example\n0.0.0.0 x.a.example\n",
             "adblock": "||a.example^\n@@||x.a.example^\n||y.x.b.example^\n"}  # fmt: skip
    first.write_text(lines[start])
    path = first
    for step, notation in enumerate(chain):
        target = tmp_path / f"{step}.{notation}"
        assert run(str(path), "--to", notation, "-o", str(target)).exit_code == 0
        path = target
    before, after = (parse_list(one.read_bytes()).content.names for one in (first, path))
    assert {key: value & FLAGS_MASK for key, value in before.items()} == {
        key: value & FLAGS_MASK for key, value in after.items()
    }


def test_what_would_be_lost_is_named_and_nothing_is_written(file: Path, tmp_path: Path) -> None:
    file.write_text("||a.example^\n@@|b.a.example^\n" + "".join(f"||c{n}.example^\n" for n in range(30)))
    target = tmp_path / "out"
    target.write_text("as before")
    result = run(str(file), "--to", "hosts", "-o", str(target))
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[:3] == [
        "belisha: 32 rules would not be the same in hosts; nothing was written.",
        "  31 rules: The notation speaks of a name alone, not of the names below it.",
        "    line 1: ||a.example^",
    ]
    assert "    and 21 more" in lines
    assert "    line 2: @@|b.a.example^" in lines
    assert target.read_text() == "as before"
    assert {path.name for path in tmp_path.iterdir()} == {"hosts.txt", "out"}


REFUSED = [
    ("allow above block", "@@||a.example^\n||x.a.example^\n", "rpz", "wins"),
    ("allow above block", "@@||a.example^\n||x.a.example^\n", "dnsmasq", "wins"),
    ("allow above block", "@@||a.example^\n||x.a.example^\n", "unbound", "wins"),
    ("important", "||a.example^$important\n", "rpz", "conditions"),
    ("exact", "|a.example^\n", "dnsmasq", "without what is below it"),
    ("an address", "192.0.2.7 a.example\n", "domains", "answers"),
]


@pytest.mark.parametrize(("what", "text", "to", "reason"), REFUSED)
def test_refusals(file: Path, what: str, text: str, to: str, reason: str) -> None:
    file.write_text(text)
    result = run(str(file), "--to", to)
    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr, what


def test_the_order_of_a_zone_is_kept_or_the_conversion_is_refused(file: Path) -> None:
    zone = "$TTL 300\n@ SOA localhost. h.localhost. 1 1 1 1 1\n@ NS localhost.\n"
    file.write_text(zone + "*.a.example CNAME rpz-passthru.\nx.a.example CNAME .\n")
    assert run(str(file), "--to", "adblock", "--from", "rpz").exit_code == 1
    assert run(str(file), "--to", "rpz", "--from", "rpz").exit_code == 0
    file.write_text(zone + "*.a.example CNAME .\nx.a.example CNAME rpz-passthru.\n")
    assert run(str(file), "--to", "adblock", "--from", "rpz").stdout.splitlines()[-2:] == [
        "||*.a.example^",
        "@@|x.a.example^",
    ]


def test_an_address_is_kept_where_it_can_be_said(file: Path) -> None:
    file.write_text("192.0.2.7 a.example\n2001:db8::7 a.example\n0.0.0.0 b.example\n")
    assert run(str(file), "--to", "hosts").stdout.splitlines()[-3:] == [
        "0.0.0.0 b.example", "192.0.2.7 a.example", "2001:db8::7 a.example",
    ]  # fmt: skip


def test_lines_that_are_no_rules_are_counted_on_standard_error(file: Path) -> None:
    file.write_text("||a.example^\nexample.org##.ad\n||b..example^\n||com^\n")
    result = run(str(file), "--to", "dnsmasq")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == [
        "local=/a.example/",
        "local=/com/",
    ]  # no guard: nothing is obeyed
    assert "1 line is invalid, and not in the result" in result.stderr
    assert "line 3: ||b..example^" in result.stderr
    assert "1 line is for browsers" in result.stderr


def test_a_file_is_replaced_in_one_step(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("before")
    target.chmod(0o640)
    assert run(str(file), "--to", "domains", "-o", str(target)).exit_code == 0
    assert target.read_text().endswith("b.example\n")
    assert target.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"hosts.txt", "out.txt"}


def test_a_new_file_has_the_rights_that_the_account_gives(file: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert run(str(file), "--to", "domains", "-o", str(tmp_path / "new")).exit_code == 0
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_where_nothing_can_be_written(file: Path, tmp_path: Path) -> None:
    result = run(str(file), "--to", "domains", "-o", str(tmp_path / "missing" / "out"))
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_a_list_that_is_refused(file: Path) -> None:
    file.write_text("<html>")
    result = run(str(file), "--to", "domains")
    assert result.exit_code == 1
    assert result.stderr.startswith("belisha: This is a web page, not a list")


@pytest.mark.parametrize("arguments", [("FILE",), ("FILE", "--to", "excel"), ("missing", "--to", "hosts")])
def test_a_wrong_command_line(file: Path, arguments: tuple[str, ...]) -> None:
    assert run(*(str(file) if word == "FILE" else word for word in arguments)).exit_code == 2


@given(st.binary(max_size=200), st.sampled_from(sorted(WRITERS)))
def test_no_octets_are_a_traceback(octets: bytes, to: str) -> None:
    """Whatever a file holds, the outcome is a list or a sentence."""
    result = run("-", "--to", to, stdin=b"||a.example^\n" + octets)
    assert result.exit_code in (0, 1)
    assert result.exit_code == 0 or result.stderr.startswith("belisha: ")


def test_as_a_process_in_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "resolver", "convert", "-", "--to", "wildcard"],
        input=b"||a.example^\n",
        capture_output=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == b"*.a.example"
