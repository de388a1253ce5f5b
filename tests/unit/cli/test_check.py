"""`belisha check`: what is shown, for people and for programs, and the exit status."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from resolver.cli import main
from resolver.cli.listfile import LONG
from resolver.rules.report import Report

CLEAN = "0.0.0.0 a.example\n0.0.0.0 b.example\n"


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["check", *arguments], input=stdin, catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "adult.txt"
    path.write_text(CLEAN)
    return path


def test_a_clean_list(file: Path) -> None:
    result = run(str(file))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{file}: 2 rules",
        "        format  hosts (the content looks like it: 100%)",
        "         lines  2 (0 blank, 0 comments)",
        "             2  block a name alone",
        "  no errors",
    ]
    assert result.stderr == ""


ERRORS = {
    "an invalid line": (CLEAN + "0.0.0.0 a..example\n", "1 invalid line"),
    "a top-level domain": (CLEAN + "0.0.0.0 com\n", "1 rule held back"),
    "a public suffix, and all below": ("||co.uk^\n||a.example^\n", "1 rule held back"),
    "a web page": ("<!doctype html><html></html>", "list-is-html"),
    "nothing": ("", "list-empty"),
    "nothing but faults": ("0.0.0.0 a..example\n", "list-all-invalid"),
}


@pytest.mark.parametrize("what", ERRORS)
def test_errors_are_status_1(file: Path, what: str) -> None:
    text, shown = ERRORS[what]
    file.write_text(text)
    result = run(str(file))
    assert result.exit_code == 1
    assert shown in result.stdout


def test_an_invalid_line_is_shown_with_its_number(file: Path) -> None:
    file.write_text(CLEAN + "0.0.0.0 a..\u009b31m\u202eexample\n")
    result = run(str(file))
    assert "    line 3: 0.0.0.0 a..\ufffd31m\ufffdexample: " in result.stdout
    assert not {"\u009b", "\u202e"} & set(result.stdout)


@pytest.mark.parametrize(
    "arguments",
    [(), ("missing.txt",), ("--format", "excel", "FILE"), ("--unguarded", "a..b", "FILE"),
     ("--nonsense", "FILE")],
)  # fmt: skip
def test_a_wrong_command_line_is_status_2(file: Path, arguments: tuple[str, ...]) -> None:
    assert run(*(str(file) if word == "FILE" else word for word in arguments)).exit_code == 2


def test_options_describe_the_list(file: Path) -> None:
    file.write_text("com\na.example\n192.0.2.7 b.example\n")
    assert "2  allow a name alone" in run(str(file), "--kind", "allow", "--format", "hosts").stdout
    assert (
        "2  block a name and all below it" in run(str(file), "--match", "suffix", "--format", "hosts").stdout
    )
    assert "1  answer in their own way" in run(str(file), "--rewrites", "--format", "hosts").stdout
    assert run(str(file), "--format", "hosts").exit_code == 1
    assert run(str(file), "--format", "hosts", "--unguarded", "com").exit_code == 0


def test_standard_input_and_packed_files(file: Path) -> None:
    packed = file.with_suffix(".gz")
    packed.write_bytes(gzip.compress(CLEAN.encode()))
    assert run(str(packed)).stdout.startswith(f"{packed}: 2 rules")
    assert run("-", stdin=gzip.compress(CLEAN.encode())).stdout.startswith("-: 2 rules")
    packed.write_bytes(gzip.compress(CLEAN.encode())[:-6])
    result = run(str(packed), str(file))
    assert result.exit_code == 1
    assert "ends too early" in result.stdout
    assert f"{file}: 2 rules" in result.stdout  # one bad file does not hide the others


def test_several_files_are_compared(file: Path) -> None:
    other = file.with_name("other.txt")
    other.write_text("||a.example^\n||c.example^\n")
    result = run(str(file), str(other))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    at = lines.index("Beside each other")
    assert lines[at + 1 : at + 3] == [f"  {file}", f"             1  also in {other}"]


OCTETS = st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))


@given(OCTETS, st.sampled_from(["auto", "rpz", "adblock", "pihole-regex", "unbound"]))
def test_no_octets_are_a_traceback(octets: bytes, notation: str) -> None:
    """Whatever a file holds, the outcome is a report or a refusal."""
    for shape in ((), ("--json",)):
        result = run("-", "--format", notation, *shape, stdin=octets)
        assert result.exit_code in (0, 1)
        assert set(result.stdout) <= {"\n"} | {letter for letter in result.stdout if letter.isprintable()}


def test_json_is_one_document_with_the_report_of_the_api(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text("<html>")
    result = run(str(file), str(page), "--json")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert set(first) == {"file", "report"}
    assert first["file"] == str(file)
    assert set(first["report"]) == set(Report.__struct_fields__)
    assert first["report"]["entries"] == 2
    assert second["file"] == str(page)
    assert second["refusal"]["code"] == "list-is-html"
    assert second["refusal"]["title"] and second["refusal"]["detail"]


def test_json_of_several_files_has_what_they_share(file: Path) -> None:
    other = file.with_name("other.txt")
    other.write_text("a.example\n")
    documents = json.loads(run(str(file), str(other), "--json").stdout)
    assert [one["report"]["comparison"]["overlaps"] for one in documents] == [
        [{"list": str(other), "same": 1, "covered": 0}],
        [{"list": str(file), "same": 1, "covered": 0}],
    ]


def shown_on_a_terminal(arguments: list[str], **environment: str) -> str:
    """What the command prints where somebody watches."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "resolver", "check", *arguments],
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm", **environment},
    )  # fmt: skip
    os.close(theirs)
    found = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says EIO when the other end is closed
            break
        if not piece:
            break
        found += piece
    os.close(ours)
    child.wait(30)
    return found.decode()


def test_colours_only_where_somebody_wants_them(file: Path) -> None:
    file.write_text(CLEAN + "0.0.0.0 [bold]a..example[/bold]\n")
    coloured = shown_on_a_terminal([str(file)])
    assert "\x1b[" in coloured
    assert "[bold]a..example[/bold]" in coloured  # no markup of somebody else's is obeyed
    assert "\x1b" not in shown_on_a_terminal([str(file), "--no-color"])
    assert "\x1b[3" not in shown_on_a_terminal([str(file)], NO_COLOR="1")
    assert "\x1b" not in run(str(file)).stdout


def test_a_long_list_shows_a_bar_on_a_terminal(file: Path) -> None:
    file.write_bytes(b"".join(b"0.0.0.0 name%d.example\n" % n for n in range(120_000)))
    assert file.stat().st_size > LONG
    assert "reading" in shown_on_a_terminal([str(file)])


def test_as_a_process_in_a_pipe(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "resolver", "check", "-", str(file)],
        input=b"a.example\nb..example\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith(b"-: 1 rule\n")
    assert done.stderr == b""
