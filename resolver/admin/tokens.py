"""Bearer tokens: who may call the admin API, and for what.

A token is `bel_<id>_<secret>`: an id of 8 characters that finds its row, and a secret of 192 random
bits. Only the SHA-256 of the secret is stored. That is the right hash here although it is a fast
one: a slow hash (argon2) protects secrets that people make up, because those can be guessed; nobody
guesses 192 random bits, however fast the hash is, and a slow one would make every request, also a
hostile one, cost 50 ms and 19 MB.

Tokens stand in one SQLite file beside the store, written by `belisha token` and read here, by
several processes at once (`resolver.generation.database`). They are no part of a generation: a
rollback must not bring back a revoked token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from resolver.errors import RequestError, StoreError
from resolver.generation import database
from resolver.generation.manifest import ListId

FILE: Final = "tokens.sqlite3"
"""Name of the file in the data directory."""

MAX_TEXT: Final = 128
"""Characters of the longest text that is looked at as a token."""

_SCHEMA: Final = """
CREATE TABLE tokens (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    hash    BLOB NOT NULL,
    scopes  TEXT NOT NULL,
    created REAL NOT NULL,
    expires REAL
) STRICT;
"""
_VERSION: Final = 1

_TEXT: Final = re.compile(r"bel_(?P<id>[a-z2-7]{8})_(?P<secret>[a-z2-7]{39})")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,62}")
_PUSH: Final = "lists:push:"
_NO_HASH: Final = bytes(32)
"""Compared with when the id is not known, so that an unknown id takes as long as a wrong secret."""


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the name of the token, its scopes, and the address the request came from."""

    name: str
    scopes: tuple[str, ...]
    address: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed."""
        return "admin" in self.scopes

    def may_read(self, list_id: str | None = None) -> bool:
        """Whether it may read; with `list_id`, the right to push to that list is enough."""
        return self.is_admin or "read" in self.scopes or (list_id is not None and self.may_push(list_id))

    def may_push(self, list_id: str | None = None) -> bool:
        """Whether it may push to that list; None: to any list at all."""
        if self.is_admin or f"{_PUSH}*" in self.scopes:
            return True
        if list_id is None:
            return any(scope.startswith(_PUSH) for scope in self.scopes)
        return f"{_PUSH}{list_id}" in self.scopes


class TokenRow(msgspec.Struct, frozen=True):
    """A token as it may be shown. `created` and `expires` in seconds since 1970; None = never."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created: float
    expires: float | None


class Tokens:
    """The file of tokens. Every method raises StoreError when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it (0600) when it is missing. Its folder must exist."""
        self._path: Final = path
        self._lock: Final = threading.Lock()
        fresh = not path.exists()
        self._database: Final = database.connect(path, schema=_SCHEMA, version=_VERSION, read_only=False)
        if fresh:
            _give_to_owner_of_folder(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def create(self, name: str, scopes: Sequence[str], expires: float | None = None) -> str:
        """Make a token and return its text, which nobody can ever read again.

        `expires` in seconds since 1970; None = never.

        Raises RequestError: token-name-invalid, token-scope-invalid, token-exists.
        """
        _check(name, scopes)
        identity, secret = _random(5), _random(24)
        row = (identity, name, _hash(secret), " ".join(dict.fromkeys(scopes)), time.time(), expires)
        with self._lock, database.plain_errors(self._path):
            made = self._database.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING", row
            )
            if made.rowcount != 1:
                raise RequestError(
                    409, "token-exists", "A token of this name exists",
                    f"`{name}` exists; revoke it first, or choose another name.",
                )  # fmt: skip
        return f"bel_{identity}_{secret}"

    def check(self, text: str, now: float) -> Caller | None:
        """Whom a token stands for; None alike for malformed, unknown, wrong and expired ones.

        The hash is always computed and always compared in constant time (`hmac.compare_digest`).
        """
        parts = _TEXT.fullmatch(text) if len(text) <= MAX_TEXT else None
        identity, secret = (parts["id"], parts["secret"]) if parts else ("", "")
        with self._lock, database.plain_errors(self._path):
            row = self._database.execute(
                "SELECT name, hash, scopes, expires FROM tokens WHERE id = ?", (identity,)
            ).fetchone()
        name, stored, scopes, expires = row or ("", _NO_HASH, "", None)
        same = hmac.compare_digest(_hash(secret), stored)
        if not same or row is None or (expires is not None and expires <= now):
            return None
        return Caller(name, tuple(scopes.split()))

    def list(self) -> tuple[TokenRow, ...]:
        """Every token, by name."""
        with self._lock, database.plain_errors(self._path):
            rows = self._database.execute(
                "SELECT id, name, scopes, created, expires FROM tokens ORDER BY name"
            ).fetchall()
        return tuple(
            TokenRow(i, name, tuple(scopes.split()), made, end) for i, name, scopes, made, end in rows
        )

    def revoke(self, name: str) -> bool:
        """Remove a token at once; whether there was one of that name."""
        with self._lock, database.plain_errors(self._path):
            return self._database.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount == 1

    def any(self) -> bool:
        """Whether there is any token: at the first start there is none, and one is made and shown."""
        with self._lock, database.plain_errors(self._path):
            return self._database.execute("SELECT 1 FROM tokens LIMIT 1").fetchone() is not None


def _check(name: str, scopes: Sequence[str]) -> None:
    """Refuse a name or scope that could not be used. Raises RequestError."""
    if not _NAME.fullmatch(name):
        raise RequestError(
            422, "token-name-invalid", "The name cannot be used",
            "A token's name has 1 to 63 letters, digits and @._- and begins with a letter or digit.",
        )  # fmt: skip
    wrong = [scope for scope in scopes if not _known(scope)]
    if wrong or not scopes:
        raise RequestError(
            422, "token-scope-invalid", "A scope is not known",
            f"{'`' + wrong[0] + '` is not a scope' if wrong else 'At least one scope is needed'}; "
            "there are read, lists:push:<list id>, lists:push:* and admin.",
        )  # fmt: skip


def _known(scope: str) -> bool:
    """Whether a scope is one that can be checked."""
    if not scope.startswith(_PUSH):
        return scope in ("read", "admin")
    target = scope.removeprefix(_PUSH)
    try:
        return target == "*" or bool(msgspec.convert(target, ListId))
    except msgspec.ValidationError:
        return False


def _random(octets: int) -> str:
    """Random octets as lower-case base32: no letter is mistaken for a digit when read aloud."""
    return base64.b32encode(secrets.token_bytes(octets)).decode().rstrip("=").lower()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _give_to_owner_of_folder(path: Path) -> None:
    """When root makes the file, it belongs to the account that will run the admin process."""
    if os.geteuid() != 0:
        return
    try:
        owner = path.parent.stat()
        for file in path.parent.glob(path.name + "*"):
            os.chown(file, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise StoreError(f"{path} cannot be given to the owner of its folder: {error.strerror}") from error
