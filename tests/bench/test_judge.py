"""The judge of the swap measurement must be able to find fault, or its zeros mean nothing."""

from __future__ import annotations

import pytest

from tests.bench.swaps import judge

# `b` is in force at first; `a` is asked for at 10 and confirmed at 11; `b` again at 20 and 21.
MOVES = [(10.0, 11.0, "a"), (20.0, 21.0, "b")]


@pytest.mark.parametrize(
    ("row", "wrong", "stale"),
    [
        (("a1.example", 5.0, 5.1, "o"), 0, 0),
        (("b1.example", 5.0, 5.1, "b"), 0, 0),
        (("a1.example", 5.0, 5.1, "b"), 1, 0),
        (("z1.example", 5.0, 5.1, "o"), 1, 0),
        (("w1.example", 5.0, 5.1, "b"), 1, 0),
        # While the swap is under way both answers are right, but not an unblocked name of both lists.
        (("a1.example", 9.9, 10.5, "b"), 0, 0),
        (("a1.example", 10.2, 10.5, "o"), 0, 0),
        (("z1.example", 10.2, 10.5, "o"), 1, 0),
        # After the confirmation only the new one counts; the old one is stale.
        (("a1.example", 11.1, 11.2, "b"), 0, 0),
        (("a1.example", 11.1, 11.2, "o"), 0, 1),
        (("b1.example", 11.1, 11.2, "b"), 0, 1),
        (("a1.example", 21.1, 21.2, "b"), 0, 1),
        (("w1.example", 21.1, 21.2, "b"), 1, 0),
        # Lost is counted elsewhere.
        (("a1.example", 21.1, -1.0, "-"), 0, 0),
    ],
)
def test_each_answer_is_held_against_what_was_in_force(
    row: tuple[str, float, float, str], wrong: int, stale: int
) -> None:
    assert judge([row], MOVES, "b") == (wrong, stale)
