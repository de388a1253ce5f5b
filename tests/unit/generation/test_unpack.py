"""Packed octets: whole however they are cut, bounded, and refused in our own words."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from typing import NamedTuple

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import UnpackError
from resolver.generation.unpack import ENCODINGS, encoding_of_octets, unpacker

TEXT = b"".join(b"name%d.example\n" % number for number in range(1000))


def zstd(data: bytes) -> bytes:
    """One frame, streamed: without a content size, as a pipe makes it."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(data) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {"identity": bytes, "gzip": gzip.compress, "zstd": zstd}


def unpacked(packed: bytes, encoding: str, limit: int = 1 << 20) -> bytes:
    out = bytearray()
    unpack = unpacker(encoding, limit)
    unpack.feed(packed, out.extend)
    unpack.finish()
    return bytes(out)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_was_packed_comes_out(encoding: str) -> None:
    packed = PACK[encoding](TEXT)
    assert encoding_of_octets(packed[:4]) == encoding
    assert unpacked(packed, encoding) == TEXT
    assert unpacked(packed + PACK[encoding](b"more"), encoding, len(TEXT) + 4) == TEXT + b"more"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_one_octet_too_many(encoding: str) -> None:
    packed = PACK[encoding](TEXT)
    assert len(unpacked(packed, encoding, len(TEXT))) == len(TEXT)
    with pytest.raises(UnpackError, match=f"larger than {len(TEXT) - 1} octets") as refused:
        unpacked(packed, encoding, len(TEXT) - 1)
    assert refused.value.code == "list-too-large"


class Bad(NamedTuple):
    name: str
    packed: bytes
    encoding: str
    code: str


@pytest.mark.parametrize(
    "case",
    [
        Bad("gzip, nothing", b"", "gzip", "body-truncated"),
        Bad("gzip, cut", gzip.compress(TEXT)[:-9], "gzip", "body-truncated"),
        Bad("gzip, wrong sum", gzip.compress(TEXT)[:-8] + bytes(8), "gzip", "encoding-broken"),
        Bad("gzip, rubbish behind", gzip.compress(TEXT) + b"rubbish", "gzip", "encoding-broken"),
        Bad("zstd, cut", zstd(TEXT)[:-4], "zstd", "body-truncated"),
        Bad("zstd, rubbish behind", zstd(TEXT) + b"rubbish", "zstd", "encoding-broken"),
        Bad("text, not gzip", TEXT, "gzip", "encoding-broken"),
        Bad("text, not zstd", TEXT, "zstd", "encoding-broken"),
    ],
    ids=lambda case: case.name,
)
def test_bad_streams(case: Bad) -> None:
    with pytest.raises(UnpackError) as refused:
        unpacked(case.packed, case.encoding)
    assert refused.value.code == case.code


@pytest.mark.parametrize(
    ("start", "encoding"),
    [(b"", "identity"), (b"\x1f", "identity"), (b"0.0.", "identity"), (b"\xef\xbb\xbf#", "identity"),
     (b"\x1f\x8b\x08\x00", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd")],
)  # fmt: skip
def test_the_packing_shows_in_the_first_octets(start: bytes, encoding: str) -> None:
    assert encoding_of_octets(start) == encoding


@given(data=st.binary(max_size=3000), encoding=st.sampled_from(["gzip", "zstd"]), random=st.randoms())
def test_pieces_of_any_size_unpack_alike(data: bytes, encoding: str, random: random.Random) -> None:
    """However a packed stream is cut into pieces on its way, the same comes out."""
    half = len(data) // 2
    packed, out = PACK[encoding](data[:half]) + PACK[encoding](data[half:]), bytearray()
    unpack = unpacker(encoding, 3000)
    while packed:
        size = random.randint(1, len(packed))
        unpack.feed(packed[:size], out.extend)
        packed = packed[size:]
    unpack.finish()
    assert bytes(out) == data


@given(st.binary(max_size=400), st.sampled_from(["gzip", "zstd"]), st.booleans())
def test_no_octets_raise_anything_else(data: bytes, encoding: str, real: bool) -> None:
    """Damaged streams are refused in our own words."""
    start = PACK[encoding](TEXT)[: len(data)] if real else b""
    unpack = unpacker(encoding, 1000)
    try:
        unpack.feed(start + data, lambda piece: None)
        unpack.finish()
    except UnpackError as error:
        assert error.code in ("encoding-broken", "body-truncated", "list-too-large")
