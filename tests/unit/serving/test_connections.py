"""Who gives way: bounds in all and for one client, the longest idle one first, never one that works."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resolver.serving.connections import Connections


class Held:
    """A connection that only remembers that it had to give way."""

    def __init__(self, client: str = "a") -> None:
        self.client = client
        self.gave_way = False

    def give_way(self) -> None:
        self.gave_way = True


def joined(connections: Connections, count: int, client: str = "a") -> list[Held]:
    held = [Held(client) for _ in range(count)]
    for one in held:
        assert connections.join(one)
    return held


def test_the_longest_idle_of_all_gives_way() -> None:
    connections = Connections(3, 3)
    first = [*joined(connections, 1, "a"), *joined(connections, 1, "b"), *joined(connections, 1, "c")]
    connections.rests(first[0])  # it was just used
    joined(connections, 1, "d")
    assert [one.gave_way for one in first] == [False, True, False]
    assert len(connections) == 3


def test_the_longest_idle_of_the_client_gives_way() -> None:
    connections = Connections(10, 2)
    other = joined(connections, 1, "b")
    own = joined(connections, 2, "a")
    joined(connections, 1, "a")
    assert [one.gave_way for one in (*other, *own)] == [False, True, False]
    assert len(connections) == 3


def test_one_that_works_never_gives_way() -> None:
    connections = Connections(2, 2)
    held = joined(connections, 2)
    for one in held:
        connections.works(one)
    assert not connections.join(Held("a")) and not connections.join(Held("b"))
    assert not connections.free_one()
    connections.rests(held[1])
    joined(connections, 1, "b")
    assert [one.gave_way for one in held] == [False, True]


def test_room_can_be_made_for_something_else() -> None:
    connections = Connections(10, 10)
    held = joined(connections, 2)
    assert connections.free_one() and held[0].gave_way
    assert list(connections) == [held[1]]


def test_how_full_it_is() -> None:
    connections = Connections(4, 4)
    held = joined(connections, 3)
    assert connections.filled == 0.75
    for one in (*held, *held):  # leaving twice is no fault
        connections.leave(one)
    assert connections.filled == 0.0
    connections.works(held[0])
    connections.rests(held[0])
    assert not connections._idle and not connections._clients, "whoever left comes back by no other door"


@given(
    st.lists(
        st.tuples(st.sampled_from(["join", "leave", "works", "rests"]), st.integers(0, 19)), max_size=200
    )
)
def test_the_books_are_right_whatever_happens(steps: list[tuple[str, int]]) -> None:
    connections = Connections(6, 3)
    held = [Held("abc"[number % 3]) for number in range(20)]
    inside: set[Held] = set()
    for step, number in steps:
        one = held[number]
        if step == "join":
            if one in inside:
                continue
            one.gave_way = False
            if connections.join(one):
                inside.add(one)
        else:
            {"leave": connections.leave, "works": connections.works, "rests": connections.rests}[step](one)
            if step == "leave":
                inside.discard(one)
        inside = {other for other in inside if not other.gave_way}
        assert set(connections) == inside and len(inside) <= 6
        clients = [other.client for other in inside]
        assert all(clients.count(client) <= 3 for client in "abc")
        assert set(connections._clients) == set(clients)
        assert set(connections._idle) <= inside
