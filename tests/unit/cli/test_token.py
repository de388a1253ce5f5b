"""`belisha token`: on a real file, also before the first start."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from resolver.admin import tokens
from resolver.cli import main
from resolver.cli.token import Period


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "belisha.toml"
    path.write_text('data_dir = "state"')
    return path


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["token", *arguments, "--config", str(config)], catch_exceptions=False)


def kept(config: Path) -> tokens.Tokens:
    return tokens.Tokens(config.parent / "state" / tokens.FILE)


def test_a_token_is_printed_alone_and_works(config: Path) -> None:
    result = run(config, "create", "anna", "--scope", "admin")
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"bel_\S+\n", result.stdout)
    store = kept(config)
    caller = store.check(result.stdout.strip(), time.time())
    store.close()
    assert caller is not None
    assert (caller.name, caller.scopes) == ("anna", ("admin",))


def test_it_works_before_the_first_start_and_closes_the_folder(config: Path) -> None:
    run(config, "create", "anna", "--scope", "admin")
    assert (config.parent / "state").stat().st_mode & 0o027 == 0
    assert (config.parent / "state" / tokens.FILE).stat().st_mode & 0o077 == 0


def test_scopes_and_an_end(config: Path) -> None:
    run(config, "create", "nightly", "--scope", "lists:push:adult", "--scope", "read", "--expires", "90d")
    [row] = json.loads(run(config, "list", "--json").output)
    assert (row["name"], row["scopes"]) == ("nightly", ["lists:push:adult", "read"])
    store = kept(config)
    [found] = store.list()
    store.close()
    assert found.expires is not None
    assert found.expires - found.created == pytest.approx(90 * 86_400, abs=5)


def test_tokens_are_listed_without_their_secret(config: Path) -> None:
    made = run(config, "create", "anna", "--scope", "admin").stdout.strip()
    shown = run(config, "list").output
    assert "anna" in shown
    assert "never" in shown
    assert made not in shown


def test_one_that_is_over_is_marked(config: Path) -> None:
    run(config, "create", "anna", "--scope", "admin")
    store = kept(config)
    store.create("old", ["read"], 1000.0)
    store.close()
    assert "1970-01-01T00:16:40Z (over)" in run(config, "list").output


def test_none_yet(config: Path) -> None:
    assert run(config, "list").output.startswith("There is no token yet. `belisha token create")
    assert json.loads(run(config, "list", "--json").output) == []


def test_a_revoked_token_is_gone(config: Path) -> None:
    run(config, "create", "anna", "--scope", "admin")
    assert run(config, "revoke", "anna").output == "anna is revoked.\n"
    assert json.loads(run(config, "list", "--json").output) == []
    again = run(config, "revoke", "anna")
    assert (again.exit_code, again.stderr) == (1, "belisha: Nothing revoked: there is no token `anna`\n")


REFUSED = [
    (("create", "anna", "--scope", "everything"), 1, "`everything` is not a scope"),
    (("create", "two words", "--scope", "read"), 1, "The name cannot be used"),
    (("create", "anna"), 2, "Missing option '--scope'"),
    (("create", "anna", "--scope", "read", "--expires", "soon"), 2, "`soon` is not a period such as 12h"),
]


@pytest.mark.parametrize(("arguments", "code", "text"), REFUSED)
def test_what_cannot_be_made(config: Path, arguments: tuple[str, ...], code: int, text: str) -> None:
    result = run(config, *arguments)
    assert result.exit_code == code
    assert text in result.stderr
    assert result.stdout == ""


def test_a_name_is_taken_once(config: Path) -> None:
    run(config, "create", "anna", "--scope", "admin")
    result = run(config, "create", "anna", "--scope", "admin")
    assert result.exit_code == 1
    assert "`anna` exists" in result.stderr


PERIODS = [("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("2w", 1_209_600), ("1y", 31_536_000)]


@pytest.mark.parametrize(("text", "seconds"), PERIODS)
def test_periods(text: str, seconds: int) -> None:
    assert Period().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1", "d", "1.5h", "1d1h", "9999999d", "1D"])
def test_no_period(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Period().convert(text, None, None)
