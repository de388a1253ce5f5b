"""`open_list`: the file is the one its name says and undamaged, or the trouble names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.errors import CorruptFile
from resolver.generation.blobs import Blobs
from resolver.generation.mapped import open_list
from resolver.rules.model import BLOCKED, key_of
from tests.unit.generation.made import list_entry, wire


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def digest_of(blobs: Blobs, *names: str) -> str:
    digest = list_entry(blobs, *names).rules
    assert digest is not None
    return digest


@pytest.mark.parametrize("verify", [True, False])
def test_a_whole_file_answers(blobs: Blobs, verify: bool) -> None:
    rules = open_list(blobs, digest_of(blobs, "bad.example"), verify=verify)
    assert rules.match(key_of(wire("www.bad.example"))) == BLOCKED
    assert rules.match(key_of(wire("example.org"))) == 0


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda content: b"", "is empty"),
        (lambda content: content[:50], "is damaged: .*less than the header"),
        (lambda content: content[:-1], "is damaged: .*its header says"),
        (lambda content: b"x" + content[1:], "is damaged: "),
        (lambda content: content[:100] + b"\xff" + content[101:], "is damaged: .*header"),
    ],
    ids=["empty", "short", "one octet short", "magic", "header"],
)
def test_damage_that_the_header_shows_is_always_found(
    blobs: Blobs, verify: bool, spoil: object, match: str
) -> None:
    assert callable(spoil)
    digest = digest_of(blobs, "bad.example", "worse.example")
    path = blobs.path(digest)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(CorruptFile, match=rf"{digest}\.rules {match}.*; push the list again or roll back"):
        open_list(blobs, digest, verify=verify)


def test_damage_behind_the_header_is_found_before_anything_is_used(blobs: Blobs) -> None:
    digest = digest_of(blobs, "bad.example", "worse.example")
    path = blobs.path(digest)
    whole = path.read_bytes()
    for position in range(144, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with pytest.raises(CorruptFile, match=rf"{digest}\.rules is damaged: .*checksum"):
            open_list(blobs, digest)


def test_a_file_with_other_rules_is_not_taken(blobs: Blobs) -> None:
    mine, other = digest_of(blobs, "mine.example"), digest_of(blobs, "other.example")
    blobs.path(other).rename(blobs.path(mine))
    with pytest.raises(CorruptFile, match=rf"{mine}\.rules is damaged: it holds the rules {other}"):
        open_list(blobs, mine)


def test_a_missing_file_is_named_once(blobs: Blobs) -> None:
    with pytest.raises(CorruptFile) as caught:
        open_list(blobs, "a" * 64)
    assert str(caught.value).count("a" * 64) == 1
    assert "is missing" in str(caught.value)
