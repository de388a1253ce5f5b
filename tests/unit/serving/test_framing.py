"""Framing: whole messages however they arrive, one segment for each that leaves, silence afterwards."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.serving.framing import Framed


class Wire(asyncio.Transport):
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """One segment."""
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether somebody ended it."""
        return bool(self.ended)

    def close(self) -> None:
        """In good order."""
        self.ended = "closed"

    def abort(self) -> None:
        """At once."""
        self.ended = "aborted"


def connected() -> tuple[Framed, Wire, list[bytes]]:
    framed, wire, messages = Framed(), Wire(), list[bytes]()
    framed.connection_made(wire)
    framed.message = messages.append
    return framed, wire, messages


def packed(messages: list[bytes]) -> bytes:
    return b"".join(len(one).to_bytes(2, "big") + one for one in messages)


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 400), min_size=1))
def test_messages_arrive_whole_however_they_are_cut(sent: list[bytes], cuts: list[int]) -> None:
    framed, _, messages = connected()
    octets, turn = packed(sent), 0
    while octets:
        size = cuts[turn % len(cuts)]
        framed.data_received(octets[:size])
        octets, turn = octets[size:], turn + 1
    assert messages == sent


def test_the_largest_message_arrives_and_nothing_is_kept_of_it() -> None:
    framed, _, messages = connected()
    framed.data_received(packed([bytes(65_535)]) + b"\0")
    assert messages == [bytes(65_535)]
    assert len(framed._buffer) == 1


def test_length_and_message_leave_in_one_segment() -> None:
    framed, wire, _ = connected()
    framed.send(b"question")
    framed.send(b"")
    assert wire.written == [b"\0\x08question", b"\0\0"]


@pytest.mark.parametrize("end", [Framed.abort, Framed.close])
def test_after_its_end_nobody_hears_of_messages(end: object) -> None:
    framed, wire, messages = connected()
    assert callable(end)
    end(framed)
    assert framed.closing
    framed.data_received(packed([b"late"]))
    assert messages == []
    assert wire.ended == ("aborted" if end is Framed.abort else "closed")


def test_ending_while_messages_are_handed_on_stops_the_rest() -> None:
    framed, _, messages = connected()

    def first(octets: bytes) -> None:
        messages.append(octets)
        framed.abort()

    framed.message = first
    framed.data_received(packed([b"one", b"two"]))
    assert messages == [b"one"]


def test_the_end_is_told_and_whatever_comes_later_is_harmless() -> None:
    framed, wire, _ = connected()
    ends: list[bool] = []
    framed.lost = lambda: ends.append(framed.closing)
    framed.connection_lost(None)
    assert ends == [True]
    for late in (framed.close, framed.abort):
        late()
    framed.send(b"question")
    assert wire.written == []
    assert framed.tls is None


def test_nobody_need_listen() -> None:
    framed = Framed()
    framed.connection_made(Wire())
    framed.data_received(packed([b"message"]))
    framed.connection_lost(OSError("reset"))
    assert framed.closing
