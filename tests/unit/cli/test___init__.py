"""The command as a whole: fast help, one sentence for every error, no traceback."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import resolver.cli
from resolver.cli import VERBS, CommandLine, main
from resolver.errors import BelishaError, ListRefused, ProcessError, SettingsError, StoreError

HEAVY = (
    "rich",
    "http.client",
    "msgspec._core.nothing",
    "aiohttp",
    "sqlite3",
    "structlog",
    "resolver.settings",
)


def test_help_shows_every_verb() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name, verb in VERBS.items():
        assert f"  {name} " in result.output
        assert verb.help in result.output


@pytest.mark.parametrize("name", VERBS)
def test_the_table_says_what_the_verb_says(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").partition("\n")[0] == VERBS[name].help


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_worth_reading(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 6
    command = main.get_command(click.Context(main), name)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts} has no help"


def test_help_loads_no_verb() -> None:
    program = (
        "import sys\nfrom resolver.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = done.stderr.decode().split()
    assert not [name for name in loaded if name in HEAVY or name.startswith("resolver.cli.")]


def test_a_verb_that_is_not_there() -> None:
    result = CliRunner().invoke(main, ["frobnicate"])
    assert result.exit_code == 2
    assert "No such command 'frobnicate'" in result.output


ERRORS: list[tuple[BelishaError, int, str]] = [
    (SettingsError("belisha.toml: dns.workers: wrong"), 2, "belisha: belisha.toml: dns.workers: wrong\n"),
    (ProcessError("the compiler did not answer"), 1, "belisha: the compiler did not answer\n"),
    (StoreError("the disk is full"), 1, "belisha: the disk is full\n"),
    (
        ListRefused("empty", "The list is empty", "push it again"),
        1,
        "belisha: The list is empty: push it again\n",
    ),
]


@pytest.mark.parametrize(("error", "code", "text"), ERRORS, ids=[type(row[0]).__name__ for row in ERRORS])
def test_an_error_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: BelishaError, code: int, text: str
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(CommandLine, "get_command", lambda self, ctx, name: failing)
    result = CliRunner().invoke(main, ["failing"])
    assert result.exit_code == code
    assert result.stderr == text
    assert result.stdout == ""


def test_it_is_a_module_and_a_console_script() -> None:
    done = subprocess.run([sys.executable, "-m", "resolver", "version"], capture_output=True, check=True)
    assert done.stdout.startswith(b"belisha ")
    assert resolver.cli.main is main
