"""The secret of a run: one for all who inherit it, and nobody can change it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from resolver.inherited import SECRET_OCTETS
from resolver.supervisor.secret import make_secret


@pytest.fixture
def secret() -> Iterator[int]:
    descriptor = make_secret()
    yield descriptor
    os.close(descriptor)


def read(descriptor: int) -> bytes:
    return os.pread(descriptor, 2 * SECRET_OCTETS, 0)


def test_it_is_read_again_and_again(secret: int) -> None:
    found = read(secret)
    assert len(found) == SECRET_OCTETS
    assert read(secret) == found


def test_every_run_has_its_own(secret: int) -> None:
    other = make_secret()
    try:
        assert read(other) != read(secret)
    finally:
        os.close(other)


def test_a_child_reads_what_it_inherits(secret: int) -> None:
    program = f"import os, sys; sys.stdout.write(os.pread({secret}, 64, 0).hex())"
    for _ in range(2):  # a child that is started again reads it again
        done = subprocess.run(
            [sys.executable, "-c", program], pass_fds=[secret], capture_output=True, check=True
        )
        assert bytes.fromhex(done.stdout.decode()) == read(secret)


def test_nobody_else_inherits_it(secret: int) -> None:
    program = f"import os; os.pread({secret}, 64, 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 1 and b"OSError" in done.stderr


def test_nobody_can_change_it(secret: int) -> None:
    found = read(secret)
    with pytest.raises(PermissionError):
        os.pwrite(secret, b"\0" * SECRET_OCTETS, 0)
    with pytest.raises(PermissionError):
        os.ftruncate(secret, 0)
    assert read(secret) == found


def test_no_memory_to_be_had_is_no_reason_not_to_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str, flags: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "memfd_create", refuse)
    assert make_secret() == -1
    assert "workers have no secret in common" in capsys.readouterr().err
