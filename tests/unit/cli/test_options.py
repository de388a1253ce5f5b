"""Where the settings file is looked for."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from resolver.cli import options
from resolver.cli.options import config_option, find_config, json_option, reason_option


def test_the_file_that_is_named() -> None:
    assert find_config(Path("other.toml")) == Path("other.toml")


def test_the_first_of_the_usual_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    near, far = tmp_path / "belisha.toml", tmp_path / "etc.toml"
    monkeypatch.setattr(options, "DEFAULT_FILES", (near, far))
    assert find_config(None) is None
    far.write_text("")
    assert find_config(None) == far
    near.write_text("")
    assert find_config(None) == near


def test_options_reach_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Path | None, bool, str]] = []

    @click.command()
    @config_option
    @json_option
    @reason_option
    def verb(config: Path | None, as_json: bool, reason: str) -> None:
        seen.append((config, as_json, reason))

    CliRunner().invoke(verb, ["--config", "a.toml", "--json", "--reason", "why"])
    CliRunner(env={"BELISHA_CONFIG": "b.toml"}).invoke(verb, [])
    assert seen == [(Path("a.toml"), True, "why"), (Path("b.toml"), False, "")]
