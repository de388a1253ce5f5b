"""Numbers for IDs and ports: from the kernel, uniform, without a repeated beginning."""

from __future__ import annotations

import os
from itertools import islice

import pytest

from resolver.serving.chance import numbers

COUNT = 50_000


def test_they_are_32_bits_wide_and_use_all_of_them() -> None:
    drawn = list(islice(numbers(), COUNT))
    assert all(0 <= number < 2**32 for number in drawn)
    # Each bit is set in half of them: 6 standard deviations of a fair coin on either side.
    for bit in range(32):
        ones = sum(number >> bit & 1 for number in drawn)
        assert abs(ones - COUNT / 2) < 6 * (COUNT**0.5) / 2


def test_ids_do_not_cluster() -> None:
    ids = {number & 0xFFFF for number in islice(numbers(), 65_536)}
    # 65 536 draws hit 1 - 1/e of all IDs; a counter would hit all, a stuck generator few.
    assert 40_000 < len(ids) < 43_000


def test_two_sources_never_begin_alike() -> None:
    assert list(islice(numbers(), 8)) != list(islice(numbers(), 8))


def test_they_come_from_the_kernel_and_are_asked_for_in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def urandom(size: int) -> bytes:
        asked.append(size)
        return b"\x01\x02\x03\x04" * (size // 4)

    monkeypatch.setattr(os, "urandom", urandom)
    assert set(islice(numbers(), 2_000)) == {0x01020304}
    assert asked == [4096, 4096], "no number is used twice, and none costs a system call of its own"
