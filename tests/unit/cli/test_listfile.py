"""Files of lists: plain or packed by their octets, bounded, and read once."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from resolver.cli.listfile import MOST, read_list_file
from resolver.errors import RequestError
from resolver.settings import Settings

TEXT = b"".join(b"name%d.example\n" % number for number in range(100_000))

PACKED = {"plain": TEXT, "gzip": gzip.compress(TEXT), "zstd": zstandard.compress(TEXT), "empty": b""}


@pytest.mark.parametrize("how", PACKED)
def test_a_file_is_unpacked_by_its_octets(tmp_path: Path, how: str) -> None:
    path = tmp_path / "list.txt"  # whatever its name says
    path.write_bytes(PACKED[how])
    assert read_list_file(path) == (TEXT if how != "empty" else b"")


@pytest.mark.parametrize("how", PACKED)
def test_standard_input(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(PACKED[how])))
    assert read_list_file(Path("-")) == (TEXT if how != "empty" else b"")


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_what_is_too_large_is_not_read_to_its_end(tmp_path: Path, how: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(PACKED[how])
    assert read_list_file(path, len(TEXT)) == TEXT
    with pytest.raises(RequestError, match="larger than") as refused:
        read_list_file(path, len(TEXT) - 1)
    assert refused.value.code == "list-too-large"


def test_the_bound_is_that_of_a_push() -> None:
    assert Settings().admin.list_mb << 20 == MOST


@pytest.mark.parametrize(
    ("octets", "code"),
    [(PACKED["gzip"][:-20], "body-truncated"), (PACKED["gzip"] + b"rubbish", "encoding-broken"),
     (PACKED["zstd"][:-5], "body-truncated"), (b"\x1f\x8b\x08nonsense", "encoding-broken")],
)  # fmt: skip
def test_a_damaged_file(tmp_path: Path, octets: bytes, code: str) -> None:
    path = tmp_path / "list.gz"
    path.write_bytes(octets)
    with pytest.raises(RequestError) as refused:
        read_list_file(path)
    assert refused.value.code == code
    assert refused.value.title


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_list_file(tmp_path / name)
    assert refused.value.code == "file-closed"
