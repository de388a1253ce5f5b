"""What is told to people: everything they need, the token exactly once."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

import msgspec
import pytest

from resolver.admin.tokens import FILE, Tokens
from resolver.generation.manifest import ListDescription, ListEntry, Manifest
from resolver.generation.store import FILE_NAME, Store
from resolver.settings import SNAPSHOT, Settings, snapshot
from resolver.supervisor.announcement import Announcement
from resolver.supervisor.banner import compose, first_token, main, read_manifest

WHERE = Announcement(["127.0.0.1:1053", "[::1]:1053"], "127.0.0.1:8053", workers=2, pid=7)


def manifest(**lists: ListEntry) -> Manifest:
    return Manifest(3, None, "2026-01-02T03:04:05Z", "anna", "why", lists=lists)


def test_everything_in_one_look() -> None:
    text = compose(
        WHERE,
        manifest(
            games=ListEntry(ListDescription(enabled=False), entries=9),
            needed=ListEntry(ListDescription(kind="allow", title="Learning"), entries=1),
            adult=ListEntry(ListDescription(title="\x1b[2Jx"), entries=1234567),
        ),
        "bel_x",
    )
    lines = text.splitlines()
    assert re.fullmatch(r"Belisha \S+ is up\.", lines[0])
    assert lines[1:] == [
        "  DNS        127.0.0.1:1053, [::1]:1053 (UDP and TCP, 2 workers)",
        "  Admin API  http://127.0.0.1:8053",
        "  Lists      generation 3, 3 lists in force:",
        "             adult: blocks, 1,234,567 entries ([2Jx)",
        "             games: switched off, 9 entries",
        "             needed: allows, 1 entry (Learning)",
        "",
        "  The first admin token. It is shown this once and kept nowhere; keep it safe:",
        "  bel_x",
    ]


def test_nothing_in_force() -> None:
    text = compose(msgspec.structs.replace(WHERE, workers=1), None, None)
    assert "1 worker)" in text
    assert "none in force: nothing is blocked" in text
    assert "token" not in text


def test_many_lists_do_not_fill_the_screen() -> None:
    lists = {f"list-{n:03}": ListEntry(ListDescription(), entries=n) for n in range(100)}
    text = compose(WHERE, manifest(**lists), None)
    assert "generation 3, 100 lists in force:" in text
    assert "and 80 more" in text
    assert len(text.splitlines()) < 30


def test_no_list_at_all() -> None:
    assert "generation 3, 0 lists in force\n" in compose(WHERE, manifest(), None)


def test_the_first_token_is_made_once(tmp_path: Path) -> None:
    token = first_token(tmp_path)
    assert token is not None
    kept = Tokens(tmp_path / FILE)
    caller = kept.check(token, time.time())
    kept.close()
    assert caller is not None
    assert caller.is_admin
    assert first_token(tmp_path) is None


def test_somebody_who_has_a_token_gets_no_second(tmp_path: Path) -> None:
    kept = Tokens(tmp_path / FILE)
    kept.create("nightly", ["lists:push:*"])
    kept.close()
    assert first_token(tmp_path) is None


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(os.environ, SNAPSHOT, snapshot(Settings(data_dir=str(tmp_path)))[SNAPSHOT])
    store = Store(tmp_path / FILE_NAME)
    store.commit(Manifest(1, None, "2026-01-02T03:04:05Z", "first start", "why"))
    store.close()
    return tmp_path


def words(token: str) -> list[str]:
    return [msgspec.json.encode(WHERE).decode(), token]


def test_the_process_tells_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words("first-token")) == 0
    assert "generation 1, 0 lists in force" in (shown := capsys.readouterr().out)
    assert re.search(r"^  bel_\S+$", shown, re.MULTILINE)
    assert main(words("first-token")) == 0
    assert "bel_" not in capsys.readouterr().out


def test_a_log_file_gets_no_token(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words("no-token")) == 0
    assert "bel_" not in capsys.readouterr().out
    assert not (data / FILE).exists()


def test_a_terminal_gets_one(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(words("no-token")) == 0
    assert "bel_" in capsys.readouterr().out


def test_a_store_that_fails_is_told_in_a_sentence(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in data.glob(f"{FILE_NAME}*"):
        path.unlink()
    (data / FILE_NAME).mkdir()
    assert main(words("no-token")) == 1
    assert capsys.readouterr().err.startswith("belisha: the lists in force cannot be shown: ")


def test_the_manifest_in_force_is_read(data: Path) -> None:
    found = read_manifest(data)
    assert found is not None
    assert found.number == 1


def test_the_words_are_what_the_supervisor_writes() -> None:
    assert json.loads(words("no-token")[0]).keys() == {"dns", "admin", "workers", "pid"}
