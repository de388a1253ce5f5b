"""Bearer tokens on a real SQLite file, in one process and in several."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.admin.tokens import MAX_TEXT, Caller, Tokens
from resolver.errors import CorruptFile, RequestError, StoreError
from resolver.generation import database


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    made = Tokens(tmp_path / "tokens.sqlite3")
    yield made
    made.close()


def test_a_token_is_good_for_what_it_was_made_for(tokens: Tokens) -> None:
    text = tokens.create("feed", ["read", "lists:push:news", "read"])
    assert tokens.check(text, time.time()) == Caller("feed", ("read", "lists:push:news"))


def test_the_text_has_the_promised_shape_and_strength(tokens: Tokens) -> None:
    prefix, identity, secret = tokens.create("one", ["admin"]).split("_")
    assert (prefix, len(identity)) == ("bel", 8)
    assert len(secret) * 5 >= 160  # base32: five bits a letter
    assert len({tokens.create(f"n{i}", ["read"]) for i in range(50)}) == 50


def test_the_secret_is_nowhere_in_the_files(tokens: Tokens, tmp_path: Path) -> None:
    secret = tokens.create("one", ["admin"]).rpartition("_")[2]
    files = list(tmp_path.iterdir())
    assert files
    for file in files:
        assert secret.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text.upper(),
        lambda text: text.replace("bel_", "bel-"),
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text[:13] + ("b" if text[13] == "a" else "a") + text[14:],
        lambda text: "bel_aaaaaaaa_" + text.rpartition("_")[2],
        lambda text: text + "\0",
        lambda text: text * 1000,
        lambda text: "bel_' OR 1=1 --_" + text,
    ],
)
def test_anything_else_is_nobody(tokens: Tokens, spoil: object) -> None:
    text = tokens.create("one", ["admin"])
    assert callable(spoil)
    assert tokens.check(spoil(text), 0.0) is None
    assert tokens.check(text, 0.0) is not None


@given(st.text(max_size=MAX_TEXT * 2))
def test_no_text_raises(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    made = Tokens(tmp_path_factory.mktemp("tokens") / "tokens.sqlite3")
    assert made.check(text, 0.0) is None
    made.close()


def test_a_token_ends_at_its_second(tokens: Tokens) -> None:
    text = tokens.create("short", ["read"], 1000.0)
    assert tokens.check(text, 999.9) is not None
    assert tokens.check(text, 1000.0) is None
    assert [row.expires for row in tokens.list()] == [1000.0]


def test_revoking_works_at_once_and_frees_the_name(tokens: Tokens) -> None:
    assert not tokens.any()
    text = tokens.create("one", ["read"])
    assert tokens.any()
    assert tokens.revoke("one")
    assert not tokens.revoke("one")
    assert tokens.check(text, 0.0) is None
    again = tokens.create("one", ["read"])
    assert again != text
    assert [row.name for row in tokens.list()] == ["one"]


@pytest.mark.parametrize(
    ("name", "scopes", "code"),
    [
        ("", ["read"], "token-name-invalid"),
        ("-x", ["read"], "token-name-invalid"),
        ("a b", ["read"], "token-name-invalid"),
        ("a\n", ["read"], "token-name-invalid"),
        ("x" * 64, ["read"], "token-name-invalid"),
        ("one", [], "token-scope-invalid"),
        ("one", ["root"], "token-scope-invalid"),
        ("one", ["read", "lists:push:"], "token-scope-invalid"),
        ("one", ["lists:push:Upper"], "token-scope-invalid"),
        ("one", ["lists:push:a b"], "token-scope-invalid"),
        ("one", ["lists:push"], "token-scope-invalid"),
        ("taken", ["read"], "token-exists"),
    ],
)
def test_what_cannot_be_made(tokens: Tokens, name: str, scopes: list[str], code: str) -> None:
    tokens.create("taken", ["read"])
    with pytest.raises(RequestError) as caught:
        tokens.create(name, scopes)
    assert caught.value.code == code
    assert len(tokens.list()) == 1


class Rights(NamedTuple):
    scopes: tuple[str, ...]
    read: bool
    read_news: bool
    push_news: bool
    push_other: bool
    push_any: bool
    admin: bool


@pytest.mark.parametrize(
    "case",
    [
        Rights((), False, False, False, False, False, False),
        Rights(("read",), True, True, False, False, False, False),
        Rights(("lists:push:news",), False, True, True, False, True, False),
        Rights(("lists:push:*",), False, True, True, True, True, False),
        Rights(("admin",), True, True, True, True, True, True),
        Rights(("lists:push:new",), False, False, False, False, True, False),
        Rights(("administrator",), False, False, False, False, False, False),
    ],
)
def test_what_a_scope_reaches(case: Rights) -> None:
    caller = Caller("x", case.scopes)
    found = Rights(
        case.scopes,
        caller.may_read(),
        caller.may_read("news"),
        caller.may_push("news"),
        caller.may_push("other"),
        caller.may_push(),
        caller.is_admin,
    )
    assert found == case


_OTHER = """
import sys
from pathlib import Path
from resolver.admin.tokens import Tokens
tokens = Tokens(Path(sys.argv[1]))
for number in range(20):
    tokens.create(f"{sys.argv[2]}-{number}", ["read"])
tokens.revoke("ours")
print(tokens.create(f"{sys.argv[2]}-last", ["admin"]))
"""


def test_processes_share_the_file(tokens: Tokens, tmp_path: Path) -> None:
    """The command line makes and revokes tokens while the server checks others."""
    ours = tokens.create("ours", ["read"])
    others = [
        subprocess.Popen(
            [sys.executable, "-c", _OTHER, str(tmp_path / "tokens.sqlite3"), name],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    while any(other.poll() is None for other in others):
        assert tokens.check(ours, 0.0) in (None, Caller("ours", ("read",)))
    texts = [other.communicate()[0].strip() for other in others]
    assert [other.returncode for other in others] == [0, 0]
    assert tokens.check(ours, 0.0) is None
    assert all(
        tokens.check(text, 0.0) == Caller(f"{name}-last", ("admin",))
        for name, text in zip("ab", texts, strict=True)
    )
    assert len(tokens.list()) == 42


def test_a_broken_file_is_our_own_fault(tmp_path: Path) -> None:
    path = tmp_path / "tokens.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(CorruptFile):
        Tokens(path)
    with pytest.raises(StoreError):
        Tokens(tmp_path / "missing" / "tokens.sqlite3")


def test_a_file_that_somebody_holds_is_told_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    path = tmp_path / "tokens.sqlite3"
    tokens = Tokens(path)
    text = tokens.create("one", ["read"])
    holder = sqlite3.connect(path, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process"):
            tokens.create("two", ["read"])
        assert tokens.check(text, 0.0) is not None  # readers never wait for a writer
    finally:
        holder.close()
        tokens.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    """`sudo belisha token create` before the first start must not lock the service out."""
    os.chown(tmp_path, 12345, 12346)
    tokens = Tokens(tmp_path / "tokens.sqlite3")
    tokens.create("one", ["read"])
    tokens.close()
    for file in tmp_path.iterdir():
        assert (file.stat().st_uid, file.stat().st_gid) == (12345, 12346)
