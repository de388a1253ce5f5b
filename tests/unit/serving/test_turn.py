"""The end of a turn: whoever reads says when it is, for all others the loop comes back."""

from __future__ import annotations

import asyncio

import pytest

from resolver.serving.turn import Turn


async def test_what_a_reader_puts_off_is_done_when_it_ends() -> None:
    turn = Turn()
    done: list[object] = []
    turn.begin()
    turn.at_end(lambda: done.append(1))
    turn.at_end(lambda: done.append(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == [], "the loop does not come back for it"
    turn.end()
    assert done == [1, 2]
    turn.end()
    assert done == [1, 2]


async def test_what_anybody_else_puts_off_is_done_in_the_next_round() -> None:
    turn = Turn()
    done: list[object] = []
    turn.at_end(lambda: done.append(1))
    turn.at_end(lambda: done.append(2))
    assert done == []
    await asyncio.sleep(0)
    assert done == [1, 2]
    turn.at_end(lambda: done.append(3))
    await asyncio.sleep(0)
    assert done == [1, 2, 3]


async def test_what_was_put_off_before_a_reader_is_done_by_it_and_once() -> None:
    turn = Turn()
    done: list[object] = []
    turn.at_end(lambda: done.append(1))
    turn.begin()
    turn.end()
    assert done == [1]
    await asyncio.sleep(0)
    assert done == [1]


async def test_what_is_put_off_by_what_was_put_off_is_done_too() -> None:
    turn = Turn()
    done: list[object] = []
    turn.begin()
    turn.at_end(lambda: turn.at_end(lambda: done.append("inner")))
    turn.end()
    assert done == ["inner"]


async def test_after_an_error_the_next_turn_is_as_ever() -> None:
    """Whoever begins ends in a `finally`; what raised at the end does not keep later turns from ending."""
    turn = Turn()
    done: list[object] = []

    def faulty() -> None:
        raise OSError

    turn.begin()
    turn.at_end(faulty)
    try:
        turn.end()
    except OSError:
        done.append("told")
    turn.at_end(lambda: done.append("later"))
    await asyncio.sleep(0)
    assert done == ["told", "later"]


async def test_an_error_keeps_nothing_else_from_being_done() -> None:
    """Or a queue that has asked for its end once would wait for it for ever."""
    turn = Turn()
    done: list[object] = []

    def wrong() -> None:
        raise ValueError

    turn.begin()
    turn.at_end(wrong)
    turn.at_end(lambda: done.append(1))
    with pytest.raises(ValueError):
        turn.end()
    await asyncio.sleep(0)
    assert done == [1]
