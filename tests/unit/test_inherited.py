"""What the supervisor hands over arrives as it was, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.errors import SettingsError
from resolver.inherited import VARIABLE, Inherited, UdpSocket, from_environment

WORKER = Inherited(
    config="/etc/belisha/belisha.toml",
    lifeline=3,
    control=[4],
    worker=0,
    udp=[UdpSocket(5), UdpSocket(6, wildcard=True)],
    tcp=[7, 8],
    secret=9,
)
ADMIN = Inherited(config="", lifeline=3, control=[4, 5, 6], http=[7])

numbers = st.integers(min_value=0, max_value=1 << 20)
anything = st.builds(
    Inherited,
    config=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lifeline=numbers,
    control=st.lists(numbers),
    worker=st.integers(min_value=-1, max_value=64),
    udp=st.lists(st.builds(UdpSocket, fd=numbers, wildcard=st.booleans())),
    tcp=st.lists(numbers),
    http=st.lists(numbers),
    secret=st.integers(min_value=-1, max_value=1 << 20),
)


@pytest.mark.parametrize("inherited", [WORKER, ADMIN], ids=["worker", "admin"])
def test_it_reads_back(inherited: Inherited) -> None:
    assert from_environment({VARIABLE: inherited.to_environment()}) == inherited


@given(anything)
def test_whatever_is_handed_over_reads_back(inherited: Inherited) -> None:
    assert from_environment({VARIABLE: inherited.to_environment()}) == inherited


def test_every_descriptor_survives_the_exec() -> None:
    assert WORKER.descriptors() == [3, 4, 5, 6, 7, 8, 9]
    assert ADMIN.descriptors() == [3, 4, 5, 6, 7]


def test_a_child_started_by_hand_is_told_so() -> None:
    with pytest.raises(SettingsError, match="started by `belisha serve`"):
        from_environment({})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"config": "", "lifeline": "3", "control": []}',
        WORKER.to_environment()[:-1] + ',"x":1}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=f"{VARIABLE} cannot be read"):
        from_environment({VARIABLE: text})
