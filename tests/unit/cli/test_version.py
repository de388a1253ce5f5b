"""`belisha version`: one line that a report of a fault can begin with."""

from __future__ import annotations

import re

from click.testing import CliRunner

from resolver import __version__
from resolver.cli import main


def test_the_version() -> None:
    result = CliRunner().invoke(main, ["version"])
    assert result.exit_code == 0
    assert re.fullmatch(rf"belisha {re.escape(__version__)} \(\w+ \d+\.\d+\.\d+\S*\)\n", result.output)
