"""The data folder: its rights, its owner, its lock."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from resolver.errors import SettingsError
from resolver.supervisor.folder import give_to, lock, make_data_folder
from resolver.supervisor.privileges import Account

NOBODY = pwd.getpwnam("nobody")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


def test_a_new_folder_is_closed_to_others(tmp_path: Path) -> None:
    make_data_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o027 == 0


def test_an_existing_folder_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    make_data_folder(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o770


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingsError, match=r"data_dir: .*/data cannot be created: File exists"):
        make_data_folder(tmp_path / "data")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SettingsError, match="cannot be written by this account"):
        make_data_folder(tmp_path)


HOLD = """
import sys, pathlib
from resolver.supervisor.folder import lock
lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_supervisor_at_a_time(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        message = rf"another `belisha serve` uses .* \(process {other.pid}\); stop it"
        with pytest.raises(SettingsError, match=message):
            lock(tmp_path, patience=1000)  # told at once, or this test runs out of time
        other.kill()
    os.close(lock(tmp_path, patience=0))


def test_what_is_left_of_a_dead_run_is_waited_for(tmp_path: Path) -> None:
    """The supervisor was killed, and its admin process still holds the lock for a moment."""
    held = lock(tmp_path)
    (tmp_path / "supervisor.lock").write_text(str(dead_process()))
    with pytest.raises(SettingsError, match="is still in use; stop it"):
        lock(tmp_path, patience=0.1)
    threading.Timer(0.2, os.close, [held]).start()
    os.close(lock(tmp_path))
    assert (tmp_path / "supervisor.lock").read_text() == f"{os.getpid()}\n"


def dead_process() -> int:
    with subprocess.Popen(["/bin/true"]) as process:
        return process.pid


@pytest.mark.parametrize("text", ["", "nonsense", "-1", "9" * 30])
def test_a_lock_file_that_says_nothing_useful(tmp_path: Path, text: str) -> None:
    held = lock(tmp_path)
    (tmp_path / "supervisor.lock").write_text(text)
    with pytest.raises(SettingsError, match="is still in use"):
        lock(tmp_path, patience=0)
    os.close(held)
    os.close(lock(tmp_path, patience=0))


def test_the_lock_does_not_pass_to_children(tmp_path: Path) -> None:
    held = lock(tmp_path)
    assert not os.get_inheritable(held)
    os.close(held)


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "supervisor.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="cannot be opened"):
        lock(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@as_root
def test_everything_in_it_is_given_away_but_what_has_a_second_name(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "blobs").mkdir(parents=True)
    for path in (data / "store", data / "blobs" / "one", outside):
        path.write_text("")
    (data / "second-name").hardlink_to(outside)
    (data / "link").symlink_to(outside)
    give_to(data, Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid))
    for path in (data, data / "store", data / "blobs", data / "blobs" / "one"):
        assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
    assert outside.stat().st_uid == 0


@pytest.mark.skipif(os.getuid() == 0, reason="root may give everything away")
def test_giving_away_what_one_may_not(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be given to root"):
        give_to(tmp_path, Account("root", 0, 0))
