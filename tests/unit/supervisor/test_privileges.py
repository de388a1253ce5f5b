"""From root to an account, for good. What changes the whole process runs in a process of its own."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from resolver.errors import SettingsError
from resolver.supervisor import privileges
from resolver.supervisor.privileges import Account, find_account, require_interpreter
from tests.unit.supervisor.fakes import ROOT

NOBODY = pwd.getpwnam("nobody")

DROP = """
import json, os, sys
from resolver.supervisor.privileges import drop_to, Account
drop_to(Account("nobody", int(sys.argv[1]), int(sys.argv[2])))
lines = open("/proc/self/status").read().splitlines()
status = dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
print(json.dumps({"users": os.getresuid(), "groups": os.getresgid(), "status": status}))
try:
    os.setuid(0)
except PermissionError:
    print("no way back")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change to another account")
def test_nothing_of_root_is_left() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DROP, str(NOBODY.pw_uid), str(NOBODY.pw_gid)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    first, second = done.stdout.decode().splitlines()
    found = json.loads(first)
    assert found["users"] == [NOBODY.pw_uid] * 3
    assert found["groups"] == [NOBODY.pw_gid] * 3
    assert int(found["status"]["CapEff"], 16) == int(found["status"]["CapPrm"], 16) == 0
    assert found["status"]["NoNewPrivs"] == "1"
    assert "0" not in found["status"]["Groups"].split()
    assert second == "no way back"


def test_nothing_to_change_to() -> None:
    assert find_account("") is None


def test_the_account_we_are_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY.pw_uid)
    assert find_account("nobody") is None


def test_root_finds_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert find_account("nobody") == Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-account", "there is no account `no-such-account`; create it"),
        ("nul\0byte", "there is no account"),
        ("root", "changing to root changes nothing"),
        ("nobody", "only root can change to `nobody`"),
    ],
)
def test_accounts_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    with pytest.raises(SettingsError) as caught:
        find_account(name)
    assert str(caught.value).startswith("user: ")
    assert message in str(caught.value)


def test_an_account_that_cannot_run_python_is_told_at_once(tmp_path: Path) -> None:
    account = Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid)
    require_interpreter(account)
    with pytest.raises(SettingsError, match="`nobody` cannot run"):
        require_interpreter(account, str(tmp_path / "python"))


def test_a_kernel_that_lies_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = SimpleNamespace(
        **{name: lambda *_: None for name in ("setgroups", "setresgid", "setresuid", "setuid")}
    )
    calls.getgrouplist = lambda *_: []
    monkeypatch.setattr(privileges, "os", calls)
    with pytest.raises(RuntimeError, match="had no effect"):
        privileges.drop_to(Account("nobody", 1, 1))
