"""The port file: whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resolver.supervisor.announcement import Announcement, write_port_file

ANNOUNCEMENT = Announcement(["127.0.0.1:1053", "[::1]:1053"], "127.0.0.1:8053", workers=2, pid=7)


def test_it_is_json(tmp_path: Path) -> None:
    write_port_file(tmp_path / "ports.json", ANNOUNCEMENT)
    assert json.loads((tmp_path / "ports.json").read_text()) == {
        "dns": ["127.0.0.1:1053", "[::1]:1053"],
        "admin": "127.0.0.1:8053",
        "workers": 2,
        "pid": 7,
    }


def test_it_replaces_an_old_one_and_leaves_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("old")
    write_port_file(tmp_path / "ports.json", ANNOUNCEMENT)
    assert [path.name for path in tmp_path.iterdir()] == ["ports.json"]
    assert "old" not in (tmp_path / "ports.json").read_text()


def test_a_folder_that_is_not_there_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_port_file(tmp_path / "absent" / "ports.json", ANNOUNCEMENT)
    assert '"event":"the port file cannot be written"' in capsys.readouterr().err
