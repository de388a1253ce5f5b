"""Constant databases (CDB), in which dnsdist keeps a list: a file of keys with a hash table behind them.

The format is D. J. Bernstein's (https://cr.yp.to/cdb/cdb.txt): 256 pairs of position and slots, then the
records (length of key, length of value, key, value), then 256 hash tables of (hash, position), twice as
many slots as keys in each; position 0 is an empty slot. All numbers have 32 bits, little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PAIR: Final = struct.Struct("<II")
_HEAD: Final = 256 * _PAIR.size
_VALUE: Final = b"1"


def hash_of(key: bytes) -> int:
    """h = ((h << 5) + h) ^ c over the octets, from 5381."""
    value = 5381
    for octet in key:
        value = value * 33 & 0xFFFFFFFF ^ octet
    return value


def _wire(name: str) -> bytes:
    """A name as dnsdist looks it up: labels with their lengths, and the root."""
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"


def _table(entries: list[tuple[int, int]]) -> bytes:
    """A hash table: each entry in the first free slot from its own on."""
    slots = [(0, 0)] * (2 * len(entries))
    for value, position in entries:
        at = (value >> 8) % len(slots)
        while slots[at][1]:
            at = (at + 1) % len(slots)
        slots[at] = (value, position)
    return b"".join(_PAIR.pack(*slot) for slot in slots)


def write_cdb(names: Sequence[str], path: Path) -> None:
    """Write the names as keys, in wire format."""
    tables: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    records = bytearray()
    for name in names:
        key = _wire(name)
        value = hash_of(key)
        tables[value & 0xFF].append((value, _HEAD + len(records)))
        records += _PAIR.pack(len(key), len(_VALUE)) + key + _VALUE
    at, head, tail = _HEAD + len(records), bytearray(), bytearray()
    for entries in tables:
        head += _PAIR.pack(at + len(tail), 2 * len(entries))
        tail += _table(entries)
    path.write_bytes(bytes(head) + bytes(records) + bytes(tail))
