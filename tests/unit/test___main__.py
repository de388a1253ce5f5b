"""`python -m resolver` is `belisha`."""

from __future__ import annotations

import subprocess
import sys


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "resolver", "--help"], capture_output=True, check=True)
    assert done.stdout.startswith(b"Usage: belisha [OPTIONS] COMMAND")
