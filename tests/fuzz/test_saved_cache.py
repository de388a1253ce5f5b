"""Whatever stands in the file of a saved cache, loading it ends and raises nothing.

Invariants: at most one event above level info; the file is gone; every answer that came back is within its
bounds (TTL at most seven days, not from the future), and can be rendered for a client. A file whose digest is
wrong brings nothing at all, so most files here are sealed anew after they were changed: then what is read
must stand for itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from resolver.dns import registry
from resolver.dns.answers import Relay
from resolver.dns.query import NO_EDNS, Query
from resolver.dns.records import TTL_CAP, walk
from resolver.serving.cache import AnswerCache
from resolver.serving.saved import SavedCache
from resolver.settings import Dns, Settings
from tests.support import behaviours as do
from tests.unit.serving.ground import query_of, reply_to

DIGEST = 32
HEADER = 72
NOW = 50.0
WALL = 1_800_000_000.0

ANSWERS = (
    ("www.example.org", do.answer("A 192.0.2.1", "A 192.0.2.2", ttl=600)),
    ("a.example.net", do.answer("CNAME b.example.net.", "b.example.net. 70 IN A 192.0.2.7")),
    ("nothing.example", do.nxdomain()),
    ("empty.example", do.nodata()),
)

Change = Callable[[random.Random, bytes], bytes]


def flip(chance: random.Random, data: bytes) -> bytes:
    """A few octets become others."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 8)):
        changed[chance.randrange(len(changed))] = chance.choice((0, 0xC0, 0xFF, chance.randrange(256)))
    return bytes(changed)


def cut(chance: random.Random, data: bytes) -> bytes:
    """It ends early."""
    return data[: chance.randrange(len(data))]


def grow(chance: random.Random, data: bytes) -> bytes:
    """Octets are put in somewhere."""
    at = chance.randrange(len(data))
    return data[:at] + chance.randbytes(chance.randrange(1, 60)) + data[at:]


def repeat(chance: random.Random, data: bytes) -> bytes:
    """A piece stands there many times."""
    at = chance.randrange(len(data))
    return data[:at] + data[at : at + chance.randrange(1, 80)] * chance.randrange(1, 50) + data[at:]


def nonsense(chance: random.Random, data: bytes) -> bytes:
    """Something else altogether."""
    return chance.randbytes(chance.randrange(len(data)))


def sealed(octets: bytes) -> bytes:
    """With the digest that belongs to it."""
    return octets + hashlib.sha256(octets).digest()


class Folder:
    """A data folder whose clock stands still."""

    def __init__(self, path: Path) -> None:
        self._saved = SavedCache(Settings(data_dir=str(path), dns=Dns(cache_mb=1)), 0, lambda: WALL)
        self.file = self._saved.path

    def save(self) -> bytes:
        """A whole file with one answer of each kind, without its digest."""
        cache = AnswerCache(1 << 20, 3600)
        for name, behaviour in ANSWERS:
            query = query_of(name)
            cache.put(query.cache_key, Relay(walk(reply_to(query, behaviour)), NOW - 10.0))
        assert self._saved.save(cache, NOW) == len(ANSWERS)
        return self.file.read_bytes()[:-DIGEST]

    def load(self, octets: bytes) -> AnswerCache:
        """What a start makes of a file."""
        self.file.write_bytes(octets)
        cache = AnswerCache(1 << 20, 3600)
        asyncio.run(self._saved.load(cache, lambda: NOW))
        assert not self.file.exists()
        return cache


def rendered(cache: AnswerCache) -> int:
    """Give every answer to a client; how many there are."""
    for (name, qtype, qclass, flags), relay in cache.entries():
        assert 0 < relay.lifetime <= TTL_CAP and relay.stored <= NOW
        question = name + qtype.to_bytes(2, "big") + qclass.to_bytes(2, "big")
        query = Query(7, registry.RD, question, name, qtype, qclass)
        query.size, query.dnssec = NO_EDNS, bool(flags & 1)
        assert len(relay.render(query, int(NOW - relay.stored))) >= 12 + len(question)
    return len(cache)


CHANGES: list[Change] = [flip, cut, grow, repeat, nonsense]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("keep_header", [True, False], ids=["answers", "all"])
def test_a_changed_file_does_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Change, keep_header: bool
) -> None:
    folder, chance = Folder(tmp_path), random.Random(f"{change.__name__} {keep_header}")
    whole = folder.save()
    capsys.readouterr()
    for _ in range(150):
        head = HEADER if keep_header else 0
        rendered(folder.load(sealed(whole[:head] + change(chance, whole[head:]))))
        events = [msgspec.json.decode(line) for line in capsys.readouterr().err.splitlines()]
        assert sum(event["level"] != "info" for event in events) <= 1


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_a_file_that_was_not_sealed_again_brings_nothing(tmp_path: Path, change: Change) -> None:
    folder, chance = Folder(tmp_path), random.Random(change.__name__)
    whole = sealed(folder.save())
    for _ in range(60):
        changed = change(chance, whole)
        assert rendered(folder.load(changed)) == (len(ANSWERS) if changed == whole else 0)


def test_the_file_as_it_was_brings_everything(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert rendered(folder.load(sealed(folder.save()))) == len(ANSWERS)
