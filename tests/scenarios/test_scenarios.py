"""Every scenario in this folder, each a text that can be read without knowing Python.

How they are written stands in `tests.scenarios.script`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.play import play
from tests.scenarios.script import VERBS, ScriptError, read
from tests.scenarios.words import PLAIN, VICES

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
async def test_scenario(path: Path) -> None:
    assert await play(read(path)) >= 3, "a scenario shows something"


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 12
    lines = [line for path in FILES for line in read(path).lines]
    assert {line.verb for line in lines} == VERBS
    words = {word for line in lines if line.verb.startswith("upstream") for word in line.words}
    unused = (PLAIN.keys() | VICES.keys()) - words
    assert not unused, "everything an upstream may do is shown by some scenario"


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "made.txt"
    path.write_text(text)
    return path


FAILING = [
    "ask localhost => NXDOMAIN",
    "ask localhost => NOERROR",
    "ask localhost => NOERROR A=127.0.0.2 ede=29",
    "ask localhost => NOERROR A=127.0.0.1 ede=29 ttl=1",
    "ask localhost => NOERROR A=127.0.0.1 ede=15",
    "ask localhost => NOERROR A=127.0.0.1 ede=29 tc",
    "ask localhost => NOERROR A=127.0.0.1 ede=29 AAAA=*",
    "ask localhost TXT => NOERROR ede=29 soa=1",
    "ask localhost => NOERROR A=127.0.0.1 ede=29\nseen * 1",
    "ask localhost => NOERROR A=127.0.0.1 ede=29 ttl=1..9",
    "ask localhost => NOERROR A=127.0.0.1 ede=29 text=why",
    "ask localhost => NOERROR A=127.0.0.1 ede=29 cookie",
    "ask localhost => NOERROR A=127.0.0.1 ede=29 late=1",
    "ask localhost => header FORMERR",
    "ask localhost => shed",
    "ask localhost => silence",
    "upstream * = late 0.02 : A 192.0.2.1\nask www.example.org => NOERROR A=192.0.2.1 now",
    "flush => 1",
    "block bad.example\nask bad.example => NOERROR A=0.0.0.0",
    "questions localhost A localhost A => NOERROR",
]


@pytest.mark.parametrize("text", FAILING)
async def test_what_does_not_hold_is_found_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(AssertionError, match=r"made\.txt:[12]: "):
        await play(read(script(tmp_path, text)))


async def test_a_fault_in_a_scenario_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"made\.txt:2: no such verb: aks"):
        read(script(tmp_path, "# a comment\naks localhost => NOERROR"))
    with pytest.raises(ScriptError, match=r"made\.txt:1: cannot be played: KeyError\('dance'\)"):
        await play(read(script(tmp_path, "upstream www.example.org = dance")))
