"""`belisha check-config`: what would be in force, or what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from resolver.cli import main


def test_a_good_file_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "belisha.toml"
    path.write_text("[dns]\nworkers = 3\nallow = []")
    result = CliRunner().invoke(main, ["check-config", "--config", str(path)])
    assert result.exit_code == 0
    assert result.output.startswith(f"{path} is right:\n")
    assert "workers    3\n" in result.output
    assert "served     nobody\n" in result.output
    assert not (tmp_path / "var").exists()


def test_the_defaults_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    # The machine may have a settings file of its own where the command looks for one.
    monkeypatch.setattr("resolver.cli.options.DEFAULT_FILES", ())
    result = CliRunner().invoke(main, ["check-config"])
    assert result.output.startswith("No settings file; the defaults are:\n")
    assert "127.0.0.1:1053, [::1]:1053" in result.output


def test_a_bad_file(tmp_path: Path) -> None:
    path = tmp_path / "belisha.toml"
    path.write_text("[dns]\nworkers = 0")
    result = CliRunner().invoke(main, ["check-config", "--config", str(path)])
    assert result.exit_code == 2
    assert result.stderr == f"belisha: {path}: dns.workers: expected `int` >= 1\n"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check-config", "--config", str(tmp_path / "absent.toml")])
    assert result.exit_code == 2
    assert "cannot be read: No such file" in result.stderr
