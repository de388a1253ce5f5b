"""The first generation: made once, from the lists that ship or a folder of one's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from resolver import shipped
from resolver.generation.store import FILE_NAME, Store
from resolver.settings import SNAPSHOT, Settings, snapshot
from resolver.supervisor import first
from resolver.supervisor.first import has_generation, main


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    use(monkeypatch, Settings(data_dir=str(folder)))
    return folder


def use(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setitem(os.environ, SNAPSHOT, snapshot(settings)[SNAPSHOT])


def in_force(data: Path) -> dict[str, int]:
    """Lists and their entries."""
    store = Store(data / FILE_NAME, read_only=True)
    number = store.current()
    assert number is not None
    lists = {name: entry.entries for name, entry in store.manifest(number)[0].lists.items()}
    store.close()
    return lists


def test_the_shipped_lists_are_put_in_force(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not has_generation(data)
    assert main() == 0
    assert has_generation(data)
    assert in_force(data).keys() == {path.stem for path in shipped.lists_folder().glob("*.txt")}
    assert '"event":"first generation made","generation":1' in capsys.readouterr().err


def test_a_folder_of_ones_own(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "mine.txt").write_text("one.example\ntwo.example\n")
    use(monkeypatch, Settings(data_dir=str(data), lists_dir=str(lists)))
    assert main() == 0
    assert in_force(data) == {"mine": 2}


def test_it_is_done_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main() == 0
    before = in_force(data)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "mine.txt").write_text("one.example\n")
    use(monkeypatch, Settings(data_dir=str(data), lists_dir=str(lists)))
    assert main() == 0
    assert in_force(data) == before


def test_a_store_without_a_generation_is_no_first_start_done(data: Path) -> None:
    """Killed between making the file and committing: the next start tries again."""
    Store(data / FILE_NAME).close()
    assert not has_generation(data)


def test_a_store_that_cannot_be_read_is_left_alone(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (data / FILE_NAME).write_bytes(b"this is no database, but somebody may mend it" * 100)
    assert has_generation(data)
    assert '"event":"the store cannot be read"' in capfd.readouterr().err
    assert (data / FILE_NAME).read_bytes().startswith(b"this is no database")


def test_what_fails_is_one_event(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / FILE_NAME).mkdir()
    assert main() == 1
    assert '"event":"the shipped lists cannot be put in force"' in capsys.readouterr().err


def test_the_question_loads_nothing_into_this_process(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("resolver.generation")]:
        monkeypatch.delitem(sys.modules, name)
    has_generation(data)
    assert "resolver.generation.store" not in sys.modules


def test_a_copy_that_fails_returns_into_nobodys_stack(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(data: Path) -> bool:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(first, "_read_pointer", broken)
    assert has_generation(data)
    assert "RuntimeError: unforeseen" in capfd.readouterr().err
