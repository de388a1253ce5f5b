"""An exchange: who waits, what was tried, and that every socket and ID is given back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from resolver.dns.query import Query
from resolver.policy.decide import LEFT_ALONE
from resolver.serving.exchange import Exchange, Try
from resolver.serving.health import Upstream
from resolver.serving.waiter import Waiter
from resolver.upstreams import parse_upstream
from tests.unit.serving.ground import CLIENT, query_of, snapshot


def exchange() -> Exchange:
    query = query_of()
    return Exchange(query, [waiter(query)])


def waiter(query: Query) -> Waiter:
    return Waiter(query, lambda peer, reply: None, "peer", True, CLIENT, snapshot(), LEFT_ALONE)


def attempt(index: int, where: Any = None, number: int = 0) -> Try:
    return Try(Upstream(index, parse_upstream("udp://192.0.2.53")), where, number, 0.0, True)


class Port:
    """Notes what is given back."""

    def __init__(self) -> None:
        self.released: list[int] = []

    def release(self, number: int) -> None:
        self.released.append(number)


def test_it_begins_with_one_client_and_no_try() -> None:
    one = exchange()
    assert [waiter.peer for waiter in one.waiters] == ["peer"]
    assert (one.tries, one.tried(), one.fallback, one.ended) == ([], [], None, False)


def test_it_knows_whom_it_asked_in_order() -> None:
    one = exchange()
    one.tries += [attempt(2), attempt(0), attempt(2)]
    assert one.tried() == [2, 0, 2]


def test_every_id_goes_back_to_its_own_socket() -> None:
    first, second = Port(), Port()
    one = exchange()
    one.tries += [attempt(0, first, 17), attempt(1, None), attempt(0, second, 18), attempt(0, first, 19)]
    one.release()
    assert (first.released, second.released) == ([17, 19], [18])


def test_releasing_without_a_try_is_no_fault() -> None:
    exchange().release()


def test_tries_are_told_apart_by_who_where_and_id() -> None:
    where = cast(Any, SimpleNamespace())
    one = attempt(0, where, 1)
    assert one != one._replace(number=2) and one in [one]


def test_it_is_awaited_until_every_try_is_settled() -> None:
    one = exchange()
    first, second = attempt(0, None, 0), attempt(0, None, 1)
    one.tries += [first, second]
    awaited = [one.awaited]
    for settled in (first, first, second):  # the same word twice is one word
        one.settle(settled)
        awaited.append(one.awaited)
    assert awaited == [True, True, True, False] and not exchange().awaited
