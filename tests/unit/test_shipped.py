"""The shipped lists are found in a checkout and in a wheel alike, and missed aloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.errors import SettingsError
from resolver.shipped import lists_folder


def test_this_installation_has_lists() -> None:
    assert any(path.suffix == ".txt" for path in lists_folder().iterdir())


def test_a_wheel_has_them_inside_the_package(tmp_path: Path) -> None:
    (tmp_path / "resolver" / "shipped_lists").mkdir(parents=True)
    (tmp_path / "lists").mkdir()  # somebody else's folder in site-packages
    assert lists_folder(tmp_path / "resolver") == tmp_path / "resolver" / "shipped_lists"


def test_a_checkout_has_them_beside_the_package(tmp_path: Path) -> None:
    (tmp_path / "resolver").mkdir()
    (tmp_path / "lists").mkdir()
    assert lists_folder(tmp_path / "resolver") == tmp_path / "lists"


def test_a_broken_installation_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the shipped lists are missing"):
        lists_folder(tmp_path / "resolver")
