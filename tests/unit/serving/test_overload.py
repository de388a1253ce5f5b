"""Who waits and who is turned away: the room is never fuller than it may be, and floods push out floods.

Invariant: what comes out went in, once, in order for each client; what is lost is counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from resolver.serving.overload import Waiting, WaitingRoom


def one(host: str, number: int = 0) -> Waiting:
    return number.to_bytes(4, "big"), (host, 53)


def drained(room: WaitingRoom) -> list[Waiting]:
    found = []
    while (taken := room.take()) is not None:
        found.append(taken)
    return found


def test_one_client_is_served_in_order() -> None:
    room = WaitingRoom(100)
    asked = [one("a", number) for number in range(50)]
    for question in asked:
        assert room.put(question)
    assert len(room) == 50
    assert drained(room) == asked and len(room) == 0 and room.take() is None


def test_clients_take_turns() -> None:
    room = WaitingRoom(100)
    for number in range(3):
        room.put(one("flood", number))
    room.put(one("a"))
    room.put(one("b"))
    assert [host for _, (host, _) in drained(room)] == ["flood", "a", "b", "flood", "flood"]


def test_a_flood_pushes_out_only_itself() -> None:
    room = WaitingRoom(100)
    lost = 0
    for number in range(1_000):
        lost += not room.put(one("flood", number))
        if number % 100 == 50:
            lost += not room.put(one(f"quiet{number}", number))
    assert len(room) == 100
    kept = Counter(host for _, (host, _) in drained(room))
    assert kept == {"flood": 90, **{f"quiet{number}": 1 for number in range(50, 1_000, 100)}}
    assert lost == 1_000 + 10 - 100


def test_the_next_of_a_quiet_client_is_served_next() -> None:
    """However many of another wait: one turn of each client at most lies before it."""
    room = WaitingRoom(100)
    for number in range(200):
        room.put(one("flood", number))
    room.put(one("quiet"))
    hosts = [taken[1][0] for _ in range(2) if (taken := room.take())]
    assert hosts == ["flood", "quiet"]


def test_two_floods_share_the_room() -> None:
    room = WaitingRoom(100)
    for number in range(100):
        room.put(one("first", number))
    for number in range(1_000):
        room.put(one("second" if number % 2 else "first", number))
    kept = Counter(host for _, (host, _) in drained(room))
    assert abs(kept["first"] - kept["second"]) <= 2


def test_forged_sources_fill_the_room_and_no_more() -> None:
    """Everyone has one question: the first to come are served, and it costs no search."""
    room = WaitingRoom(100)
    kept = [room.put(one(f"h{number}")) for number in range(10_000)]
    assert kept == [True] * 100 + [False] * 9_900
    assert len(room) == 100 and len(room._queues) == len(room._turns) == 100
    hosts = [host for _, (host, _) in drained(room)]
    assert hosts == [*(f"h{number}" for number in range(99)), "h9999"]


def test_an_empty_room_holds_nothing() -> None:
    room = WaitingRoom(10)
    for number in range(100):
        room.put(one(f"h{number % 7}", number))
        if number % 3 == 0:
            room.take()
    drained(room)
    assert not room._queues and not room._turns
    room.put(one("a"))
    room.clear()
    assert len(room) == 0 and room.take() is None and room.put(one("a"))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdef")), max_size=300), st.integers(1, 12))
def test_nothing_comes_twice_or_out_of_turn(steps: list[tuple[bool, str]], size: int) -> None:
    room = WaitingRoom(size)
    last: dict[str, int] = defaultdict(lambda: -1)
    put = lost = taken = 0
    for number, (comes, host) in enumerate(steps):
        if comes:
            put += 1
            lost += not room.put(one(host, number))
        elif (found := room.take()) is not None:
            taken += 1
            asked = int.from_bytes(found[0], "big")
            assert asked > last[found[1][0]]
            last[found[1][0]] = asked
        assert len(room) == put - lost - taken <= size
        assert sorted(room._turns) == sorted(room._queues) and all(room._queues.values())
    assert len(drained(room)) == put - lost - taken
    assert not room._queues and not room._turns
