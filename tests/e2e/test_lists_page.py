"""The examples of docs/lists.md: each command is run as it stands, and must print what stands there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.test_readme import ROOT, fits, steps


def test_the_page_prints_what_it_says(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = steps((ROOT / "docs" / "lists.md").read_text("utf-8"))
    assert len(ran) >= 4
    for command, expected in ran:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert fits(expected, done.stdout), f"$ {command}\n{done.stdout}"
