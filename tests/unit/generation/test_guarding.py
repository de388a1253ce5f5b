"""The guard's data: read whole, held to the package's own reading, and missed aloud."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from publicsuffixlist import PublicSuffixList

from resolver.dns.names import to_text
from resolver.errors import StoreError, WireError
from resolver.generation import guarding
from resolver.generation.guarding import PROTECTED, load_guard, read_protected, read_suffixes
from resolver.rules.guard import Guard, hold_back
from resolver.rules.model import Content, name_of
from resolver.shipped import lists_folder
from tests.unit.generation.made import wire
from tests.unit.rules.shorthand import key, rules_of

LIST = """
// ===BEGIN ICANN DOMAINS===
test
co.test  comment
*.wild.test
!www.wild.test
deep.a.b.example
bücher.example
"""


def names(keys: frozenset[bytes]) -> set[str]:
    return {to_text(name_of(one)) for one in keys}


def test_the_notation_of_the_list() -> None:
    guard = read_suffixes(LIST)
    assert names(guard.suffixes) == {
        "test", "co.test", "wild.test", "deep.a.b.example", "a.b.example", "b.example", "example",
        "xn--bcher-kva.example",
    }  # fmt: skip
    assert names(guard.wild) == {"wild.test"}
    assert names(guard.exceptions) == {"www.wild.test"}


def test_what_is_above_children_that_are_suffixes() -> None:
    assert names(read_suffixes("*.x.y.example\nx.y.example\n").suffixes) == {
        "x.y.example",
        "y.example",
        "example",
    }


def held(guard: Guard, name: str) -> bool:
    return bool(hold_back(Content(rules_of(name)), guard)[1])


def test_every_entry_of_the_package_is_a_suffix_here_and_none_else() -> None:
    """Our reading of the file against the package's own answers."""
    package = PublicSuffixList()
    guard = load_guard()
    data = (resources.files("publicsuffixlist") / "public_suffix_list.dat").read_text("utf-8")
    entries = [line.split()[0] for line in data.splitlines() if line.strip() and not line.startswith("//")]
    assert len(entries) > 5_000
    for entry in entries:
        name = entry.lstrip("!*.")
        if entry.startswith("!"):
            assert not package.is_public(name) and not held(guard, name)
        elif entry.startswith("*."):
            assert package.is_public(f"any.{name}") and held(guard, f"any.{name}")
        else:
            assert package.is_public(name) and key(name) in guard.suffixes
    others = {name for name in names(guard.suffixes) if not package.is_public(name)}
    above_one = names(frozenset(key(entry.lstrip("!*.")) for entry in entries))
    assert all(any(one == name or one.endswith(f".{name}") for one in above_one) for name in others)


@pytest.mark.parametrize(
    ("name", "wide"),
    [
        ("co.uk", True), ("github.io", True), ("amazonaws.com", True), ("gov.uk", True), ("ck", True),
        ("xn--p1ai", True), ("example.co.uk", False), ("example.github.io", False), ("www.ck", False),
        ("other.ck", True), ("example.com", False),
    ],
)  # fmt: skip
def test_the_real_list(name: str, wide: bool) -> None:
    assert held(load_guard(), name) is wide


def test_protected_names_of_the_shipped_file() -> None:
    guard = load_guard()
    for name in ("childline.org.uk", "www.childline.org.uk", "time.windows.com", "captive.apple.com",
                 "111.nhs.uk", "www.gov.uk", "ceop.police.uk", "x.pool.ntp.org"):  # fmt: skip
        assert held(guard, name), name
    assert not held(guard, "ads.example.com")
    assert guard.protected_below <= guard.protected
    assert 50 < len(guard.protected) < 500


def test_the_shipped_file_is_tidy() -> None:
    """One name a line, each once, none below another, each group with its reason."""
    text = (lists_folder() / PROTECTED).read_text("utf-8")
    said = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(said) == len(set(said)) == len(load_guard().protected)
    assert all(line == line.strip().lower() for line in said)
    _, below = read_protected(text)
    inside = [
        line
        for line in said
        if any(line.endswith(f".{name}") for name in names(below) if line != f"*.{name}")
    ]
    assert inside == []
    groups = text.strip().split("\n\n")
    assert all(group.startswith("# ") for group in groups)


def test_the_notation_of_protected_names() -> None:
    exact_and_below, below = read_protected("# why\n\na.test # so\n*.b.test\n")
    assert (names(exact_and_below), names(below)) == ({"a.test", "b.test"}, {"b.test"})


def test_the_first_start_does_not_take_it_for_a_list() -> None:
    assert not any(path.suffix == ".txt" for path in lists_folder().glob("protected*"))


def test_what_a_list_is_let_through() -> None:
    guard = load_guard(("zip", ".", "childline.org.uk"))
    assert guard.unguarded == {key("zip"), b"", key("childline.org.uk")}
    assert load_guard() == guard._replace(unguarded=frozenset())
    assert load_guard() is load_guard(())
    with pytest.raises(WireError):
        load_guard(("not a name",))


def test_without_its_data_there_is_no_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "lists_folder", lambda: tmp_path)
    guarding._data.cache_clear()
    try:
        with pytest.raises(StoreError, match="no list is taken; install Belisha again"):
            load_guard()
        (tmp_path / PROTECTED).write_bytes(b"a name\n")
        with pytest.raises(StoreError):
            load_guard()
        (tmp_path / PROTECTED).write_bytes(b"a.test\n")
        assert load_guard().protected == {key("a.test")}
    finally:
        guarding._data.cache_clear()
    assert wire("a.test") == name_of(key("a.test"))
