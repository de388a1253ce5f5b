"""Fixtures of the command line's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resolver.cli import options
from tests.unit.cli.api import api

__all__ = ["api"]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither variables nor files of whoever runs the tests are taken for settings."""
    for name in list(os.environ):
        if name.startswith("BELISHA_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(options, "DEFAULT_FILES", (Path("belisha.toml"),))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
