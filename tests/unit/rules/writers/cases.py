"""Tables for the writers: what is written for a rule, and the programs that must be able to read it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence

import pytest

from resolver.rules.model import (
    ALLOW_APEX,
    ALLOW_BELOW,
    ALLOW_BOTH,
    BLOCK_APEX,
    BLOCK_BELOW,
    BLOCK_BOTH,
    Content,
)
from resolver.rules.side import Answer, Record, SideRule
from resolver.rules.writers.writer import Writer, losses, write
from tests.unit.rules.shorthand import key

PLAIN = {
    "|": BLOCK_APEX,
    "||": BLOCK_BOTH,
    "||*.": BLOCK_BELOW,
    "@@|": ALLOW_APEX,
    "@@||": ALLOW_BOTH,
    "@@||*.": ALLOW_BELOW,
    "|, below allowed": BLOCK_APEX | ALLOW_BELOW,
    "||, alone allowed": BLOCK_BOTH | ALLOW_APEX,
}
"""Kinds of plain rules, as the start of a line in adblock notation."""

NAME = "a.example"
A = Record(1, b"\xc0\x00\x02\x07")
AAAA = Record(28, bytes.fromhex("20010db8000000000000000000000007"))
CNAME = Record(5, b"\3www\7example\3org\0")
STAR = Record(5, b"\1*\6garden\7example\0")
TXT = Record(16, b'\x0bsay "hi"; \\')
MX = Record(15, b"\x00\x0a\4mail\7example\0")


def answer(*records: Record, ttl: int = 0) -> Answer:
    return Answer(records=records, ttl=ttl)


def of_plain(flags: int, name: str = NAME) -> Content:
    return Content({key(name): flags})


def of_side(rule: SideRule) -> Content:
    return Content({}, (rule,))


def lines(content: Content, writer: Writer) -> list[str] | None:
    """What is written of a content, without the head; None if it is refused."""
    if list(losses(content, writer)):
        return None
    return list(write(content, writer))[len(writer.head) :]


def plain_lines(writer: Writer) -> dict[str, list[str] | None]:
    """Kind of rule → what is written of it."""
    return {kind: lines(of_plain(flags), writer) for kind, flags in PLAIN.items()}


def whole(content: Content, writer: Writer) -> str:
    """A file."""
    assert not list(losses(content, writer))
    return "\n".join(write(content, writer, ["Title: for the programs"])) + "\n"


def run(program: str, arguments: Sequence[str]) -> None:
    """Ask a program whether it can read a file; skips where it is not installed."""
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def names(flags: Iterable[int], sides: Iterable[SideRule] = ()) -> Content:
    """A name for each of these flags, none above another, and side rules."""
    return Content({key(f"n{n}.example"): one for n, one in enumerate(flags)}, tuple(sides))
