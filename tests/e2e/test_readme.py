"""The README's five minutes, word for word: each command is run, and must print what stands there.

`...` in the README stands for anything, also for whole lines; runs of blanks count as one. The
addresses are replaced by those of a server of the test, and everything else is typed as it stands, in
one shell after the other, in one folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.belisha import Belisha
from tests.support.upstream import ScriptedUpstream

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("dig", "curl")

_BLOCK = re.compile(r"(?ms)^```console\n(.*?)^```")


def steps(text: str) -> list[tuple[str, str]]:
    """Each command of the console blocks, and what it prints."""
    found: list[tuple[str, list[str]]] = []
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


def fits(expected: str, printed: str) -> bool:
    """Whether the output is as written, `...` standing for anything."""
    parts = [re.escape(" ".join(part.split())) for part in expected.split("...")]
    pattern = r"\s?.*?\s?".join(parts)
    return re.fullmatch(pattern, " ".join(printed.split()), re.DOTALL) is not None


@pytest.fixture
def server(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[Belisha]:
    """One worker and the lists that ship, as `make run` starts it."""
    made = Belisha(tmp_path, upstream.url, workers=1)
    shutil.copy(ROOT / "lists" / "starter.txt", tmp_path / "lists" / "starter.txt")
    with made:
        yield made


@pytest.mark.slow
@pytest.mark.skipif(
    any(shutil.which(program) is None for program in PROGRAMS), reason="dig or curl is not installed"
)
def test_five_minutes_print_what_the_readme_says(server: Belisha, tmp_path: Path) -> None:
    host, port = server.address()
    # The console script stands beside the interpreter, as it does in .venv.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command, expected in steps((ROOT / "README.md").read_text("utf-8")):
        here = command.replace("@127.0.0.1 -p 1053", f"@{host} -p {port}").replace(
            "http://127.0.0.1:8053", server.url
        )
        ran = subprocess.run(
            ["/bin/sh", "-c", here],
            cwd=tmp_path,
            env=server.environment() | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stderr}"
        assert fits(expected, ran.stdout), f"$ {command}\n{ran.stdout}"


@pytest.mark.parametrize(
    ("expected", "printed", "fit"),
    [
        ("one two", "one   two\n", True),
        ("one ... two", "one and two", True),
        ("...\ntwo\n...", "one\ntwo\nthree\n", True),
        ("...\ntwo", "one\ntwo\nthree\n", False),
        ("one", "one two", False),
        ("", "", True),
        ("", "noise", False),
        ('{"a":1,...}', '{"a":1,"b":2}', True),
    ],
)
def test_dots_stand_for_anything(expected: str, printed: str, fit: bool) -> None:
    assert fits(expected, printed) is fit
