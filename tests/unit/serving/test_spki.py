"""The key in a certificate: found where another implementation finds it, and nothing raises."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from resolver.serving.spki import pinned, public_key_info
from tests.support.streams import Key, public_key_info_of, self_signed

EC = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = self_signed(EC).public_bytes(Encoding.DER)

KEYS: list[Key] = [
    EC,
    ec.generate_private_key(ec.SECP521R1()),
    ed25519.Ed25519PrivateKey.generate(),
    rsa.generate_private_key(65_537, 2048),
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: type(key).__name__)
@pytest.mark.parametrize("name", ["a.example", "a" * 50 + ".example"])
def test_the_key_is_found(key: Key, name: str) -> None:
    certificate = self_signed(key, name)
    info = public_key_info_of(certificate)
    octets = certificate.public_bytes(Encoding.DER)
    assert public_key_info(octets) == info
    digest = hashlib.sha256(info).digest()
    assert pinned(octets, [digest])
    assert pinned(octets, [bytes(32), digest])
    assert not pinned(octets, [bytes(32)])
    assert not pinned(octets, [])


def element(tag: int, content: bytes = b"") -> bytes:
    """DER, with the shortest length."""
    if len(content) < 128:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


KEY = element(0x30, b"the key")
FIELDS = [element(0x02, b"\1"), *(element(0x30) for _ in range(4)), KEY]
VERSION = element(0xA0, element(0x02, b"\2"))


def certificate_of(fields: list[bytes]) -> bytes:
    return element(0x30, element(0x30, b"".join(fields)) + element(0x30) + element(0x03))


def test_the_first_version_of_certificates_names_no_version() -> None:
    assert public_key_info(certificate_of(FIELDS)) == KEY
    assert public_key_info(certificate_of([VERSION, *FIELDS])) == KEY


@pytest.mark.parametrize("size", [127, 128, 255, 256, 65_535, 65_536])
def test_lengths_of_every_form(size: int) -> None:
    fields = [FIELDS[0], FIELDS[1], element(0x30, bytes(size)), *FIELDS[3:]]
    assert public_key_info(certificate_of(fields)) == KEY


BROKEN = [
    b"",
    b"\x30",
    b"\x31\x00",
    b"\x30\x80\x30\x00",  # a length without an end
    b"\x30\x84\x00\x00\x00\x02\x30\x00",  # a longer length than any certificate needs
    b"\x30\x83\x00\x00",
    b"\x30\x7f" + bytes(20),
    element(0x30, element(0x02)),
    certificate_of([]),
    certificate_of(FIELDS[:-1]),
    certificate_of([*FIELDS[:-1], element(0x31, b"no sequence")]),
    certificate_of([VERSION, VERSION, *FIELDS]),
    certificate_of([element(0x30), *FIELDS]),
]


@pytest.mark.parametrize("octets", BROKEN)
def test_what_is_no_certificate(octets: bytes) -> None:
    assert public_key_info(octets) is None
    assert not pinned(octets, [hashlib.sha256(b"").digest()])


@given(st.integers(0, len(CERTIFICATE) - 1))
def test_a_certificate_that_was_cut_has_no_key(size: int) -> None:
    assert public_key_info(CERTIFICATE[:size]) is None


@given(st.binary(max_size=300))
def test_any_octets_give_a_key_inside_them_or_none(octets: bytes) -> None:
    assert (public_key_info(octets) or b"") in octets


@given(st.lists(st.tuples(st.integers(0, len(CERTIFICATE) - 1), st.integers(0, 255)), max_size=6))
def test_a_damaged_certificate_never_raises(damage: list[tuple[int, int]]) -> None:
    octets = bytearray(CERTIFICATE)
    for place, value in damage:
        octets[place] = value
    assert (public_key_info(bytes(octets)) or b"") in octets
