"""What travels between admin and workers: each message arrives as it was sent, junk arrives as an error."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.generation.messages import (
    MAX_MESSAGE,
    Commit,
    Committed,
    Flush,
    Flushed,
    Hello,
    Ping,
    Prepare,
    Prepared,
    Refresh,
    Stats,
    ToAdmin,
    ToWorker,
    decode_for_admin,
    decode_for_worker,
    encode,
)

TO_WORKER: list[ToWorker] = [
    Prepare(7),
    Commit(7),
    Refresh(),
    Ping(),
    Ping(3),
    Flush(8),
    Flush(9, b"\x03org\0", True),
]
TO_ADMIN: list[ToAdmin] = [
    Hello(0, 4711, 7),
    Hello(1, 4712, 0, 3, "no generation is in force yet"),
    Prepared(7),
    Prepared(7, "a file is missing"),
    Committed(7),
    Committed(7, "never prepared"),
    Flushed(9, 4000),
    Stats({"queries": 2**60}),
]


@pytest.mark.parametrize("message", TO_WORKER, ids=repr)
def test_a_worker_reads_what_admin_says(message: ToWorker) -> None:
    assert decode_for_worker(encode(message)) == message
    with pytest.raises(msgspec.ValidationError):
        decode_for_admin(encode(message))


@pytest.mark.parametrize("message", TO_ADMIN, ids=repr)
def test_admin_reads_what_a_worker_says(message: ToAdmin) -> None:
    assert decode_for_admin(encode(message)) == message
    with pytest.raises(msgspec.ValidationError):
        decode_for_worker(encode(message))


@pytest.mark.parametrize("name", [b"", bytes(256), "example.org"])
def test_a_flush_names_what_can_be_a_name(name: object) -> None:
    message = {"type": "flush", "number": 1, "name": name}
    with pytest.raises(msgspec.ValidationError):
        decode_for_worker(msgspec.msgpack.encode(message))


@given(st.binary(max_size=200))
def test_junk_is_an_error_of_one_kind(data: bytes) -> None:
    for decode in (decode_for_admin, decode_for_worker):
        try:
            decode(data)
        except msgspec.DecodeError:
            continue


def test_a_thousand_counters_fit_into_one_message() -> None:
    counters = {f"counter_number_{index:04}": 2**63 for index in range(1000)}
    assert len(encode(Stats(counters))) < MAX_MESSAGE
