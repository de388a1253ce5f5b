"""The folder of bases: the best one is found, and nothing in the folder can do harm.

Invariant: reading never raises, and what is given back was verified from its first octet to its last.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.errors import StoreError
from resolver.generation.bases import MAX_OVERLAY, SUFFIX, Bases, outgrown
from resolver.generation.blobs import Blobs
from resolver.rules.base import Base
from resolver.rules.base_layout import name_of_base
from resolver.rules.compiled import CompiledList
from resolver.rules.merge import merge
from tests.unit.rules.shorthand import compiled_rules, rules_of

LISTS = [
    compiled_rules(rules_of(*(f"n{k}.l{number}.example" for k in range(number + 1)))) for number in range(6)
]


def sizes(*lists: CompiledList) -> dict[str, int]:
    return {one.digest: len(one) for one in lists}


def put(bases: Bases, *lists: CompiledList) -> str:
    """Merge and store; the name."""
    name = name_of_base(one.digest for one in lists)
    bases.write(name, merge({one.digest: one for one in lists}))
    return name


@pytest.fixture
def bases(tmp_path: Path) -> Bases:
    return Bases(tmp_path / "base")


def name_of(base: Base | None) -> str:
    return base.name if base else ""


def test_it_stands_beside_the_compiled_lists(tmp_path: Path) -> None:
    bases = Bases.beside(Blobs(tmp_path / "data" / "blobs"))
    assert bases.folder == tmp_path / "data" / "base"
    assert not bases.folder.exists(), "reading needs no folder"
    assert bases.best(sizes(*LISTS)) is None
    bases.keep()


def test_what_was_written_is_found(bases: Bases) -> None:
    name = put(bases, *LISTS)
    assert (bases.folder.stat().st_mode & 0o777, bases.path(name).stat().st_mode & 0o777) == (0o750, 0o640)
    found = bases.best(sizes(*LISTS))
    assert found is not None and (found.name, found.lists) == (name, sizes(*LISTS))


def test_the_one_that_leaves_the_fewest_lists_over_is_best(bases: Bases) -> None:
    big = put(bases, LISTS[4], LISTS[5])
    many = put(bases, LISTS[0], LISTS[1], LISTS[2])
    exact = put(bases, LISTS[3], LISTS[4], LISTS[5])
    assert name_of(bases.best(sizes(*LISTS[:3], LISTS[5]))) == many, "not the one with the most names"
    assert name_of(bases.best(sizes(*LISTS[3:]))) == exact
    bases.path(exact).unlink()
    assert name_of(bases.best(sizes(*LISTS[3:]))) == big


def test_of_equals_the_one_with_the_least_that_is_dead_is_best(bases: Bases) -> None:
    put(bases, *LISTS)
    lean = put(bases, *LISTS[:3])
    assert name_of(bases.best(sizes(*LISTS[:3]))) == lean


def test_few_lists_need_none(bases: Bases) -> None:
    put(bases, *LISTS)
    assert bases.best(sizes(*LISTS[:MAX_OVERLAY])) is None
    assert bases.best({}) is None


def test_a_base_without_any_of_the_lists_is_no_help(bases: Bases) -> None:
    put(bases, *LISTS[:2])
    assert bases.best(sizes(*LISTS[2:])) is None


def test_the_standing_one_is_kept_unless_a_better_one_is_there(bases: Bases) -> None:
    put(bases, *LISTS[:3])
    standing = bases.best(sizes(*LISTS))
    assert standing is not None
    assert bases.best(sizes(*LISTS), standing) is standing
    bases.path(standing.name).unlink()
    assert bases.best(sizes(*LISTS), standing) is standing, "its pages are still mapped"
    assert bases.best(sizes(*LISTS[3:]), standing) is None
    put(bases, *LISTS[:2])
    assert bases.best(sizes(*LISTS), standing) is standing
    better = put(bases, *LISTS)
    assert name_of(bases.best(sizes(*LISTS), standing)) == better


# Damage


@pytest.mark.parametrize("place", [0, 9, 40, 149, 200, -1])
def test_a_damaged_one_makes_way_for_the_next(
    bases: Bases, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    other, name = put(bases, *LISTS[:5]), put(bases, *LISTS)
    data = bytearray(bases.path(name).read_bytes())
    data[place] ^= 0x10
    bases.path(name).write_bytes(data)
    assert name_of(bases.best(sizes(*LISTS))) == other
    bases.path(other).unlink()
    capsys.readouterr()
    assert bases.best(sizes(*LISTS)) is None
    assert capsys.readouterr().err.count("base left aside") <= 1


def test_damage_behind_the_header_is_said_once_with_the_file(
    bases: Bases, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bases.path(put(bases, *LISTS))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert bases.best(sizes(*LISTS)) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert "base left aside, lists are asked in turn" in line and str(path) in line and "checksum" in line


@pytest.mark.parametrize("octets", [b"", b"x", b"BELISHAB" + bytes(300)])
def test_files_that_are_none_are_passed_over(bases: Bases, octets: bytes) -> None:
    name = put(bases, *LISTS)
    bases.path("0" * 64).write_bytes(octets)
    (bases.folder / "notes.txt").write_text("not ours")
    (bases.folder / f"folder{SUFFIX}").mkdir()
    assert name_of(bases.best(sizes(*LISTS))) == name


def test_one_cut_short_anywhere_is_not_used(bases: Bases) -> None:
    path = bases.path(put(bases, *LISTS))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert bases.best(sizes(*LISTS)) is None


def test_one_under_anothers_name_is_not_used(bases: Bases) -> None:
    path = bases.path(put(bases, *LISTS))
    path.rename(bases.path("a" * 64))
    assert bases.best(sizes(*LISTS)) is None


def test_one_that_is_gone_at_the_last_moment_is_no_trouble(
    bases: Bases, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bases.open("a" * 64) is None
    assert capsys.readouterr().err == ""


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "base").write_text("in the way")
    bases = Bases(tmp_path / "base")
    assert bases.best(sizes(*LISTS)) is None
    with pytest.raises(StoreError):
        bases.write("a" * 64, b"")


# When a new one is worth it


def test_the_others_go(bases: Bases) -> None:
    old, new = put(bases, *LISTS[:3]), put(bases, *LISTS)
    (bases.folder / f"{old}.0123.tmp").write_bytes(b"half")
    bases.keep(new)
    assert [path.name for path in bases.folder.iterdir()] == [new + SUFFIX]
    bases.keep()
    assert list(bases.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("lists", "base", "worth"),
    [
        ("", "", False),
        ("ab", "", False),
        ("abc", "", True),
        ("abc", "abc", False),
        ("abcd", "abc", False),
        ("abcde", "abc", False),
        ("abcdef", "abc", True),
        ("abcxyz", "abc", True),
        ("abc", "abcdef", False),  # half of it is dead, and no more
        ("abc", "abcdefg", True),
        ("ab", "abcdefg", False),
    ],
)
def test_when_a_base_is_outgrown(lists: str, base: str, worth: bool) -> None:
    assert outgrown(dict.fromkeys(lists, 100), dict.fromkeys(base, 100)) is worth
