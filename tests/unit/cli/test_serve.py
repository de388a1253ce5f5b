"""`belisha serve`: hands its options on, and ends with one sentence when it cannot start."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from resolver.cli import main
from resolver.cli import serve as serve_file
from resolver.supervisor.start import Options


def test_options_are_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Options] = []
    monkeypatch.setattr(serve_file, "run", seen.append)
    path = tmp_path / "belisha.toml"
    path.write_text("")
    arguments = ["serve", "--config", str(path), "--first-token", "--port-file", str(tmp_path / "ports")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    [options] = seen
    assert (options.config, options.first_token, options.port_file) == (path, True, tmp_path / "ports")


def test_a_busy_port_is_exit_code_2_and_one_sentence(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        path = tmp_path / "belisha.toml"
        path.write_text(f'[dns]\nlisten = ["{address}"]\n[admin]\nlisten = "127.0.0.1:0"')
        done = subprocess.run(
            [sys.executable, "-m", "resolver", "serve", "--config", str(path)],
            capture_output=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stdout == b""
    [line] = done.stderr.decode().splitlines()
    assert line.startswith(f"belisha: dns.listen: {address} (UDP) cannot be used: another program has it;")
