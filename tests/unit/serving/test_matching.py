"""What is sent, octet by octet, and what counts as its answer."""

from __future__ import annotations

import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.edns import PLAIN_OPT
from resolver.serving.matching import OTHER, SAME, SAME_BUT_CASE, compare, message, random_case
from tests.unit.serving.ground import query_of

QUESTION = b"\3wWw\7example\3org\0\0\1\0\1"


@pytest.mark.parametrize("cd", [False, True], ids=["cd=0", "cd=1"])
@pytest.mark.parametrize("record", [b"", PLAIN_OPT[0], PLAIN_OPT[1]], ids=["plain", "edns", "do"])
def test_a_query_is_its_question_and_nothing_else(cd: bool, record: bytes) -> None:
    query = query_of("wWw.example.org", "A", cd=cd)
    octets = message(0xABCD, query, query.question, record)
    read = dns.message.from_wire(octets)
    assert (read.id, read.opcode(), bool(read.flags & dns.flags.CD)) == (0xABCD, 0, cd)
    assert read.flags & ~dns.flags.CD == dns.flags.RD
    assert read.question[0].to_text() == "wWw.example.org. IN A"
    assert (read.edns, read.ednsflags) == ((-1, 0) if not record else (0, (record == PLAIN_OPT[1]) << 15))
    assert octets[12 : 12 + len(query.question)] == query.question


# What a packet says, its number of questions, and how that compares.
COMPARED: list[tuple[str, bytes, int, int]] = [
    ("the same", QUESTION, 1, SAME),
    ("another case", QUESTION.replace(b"wWw", b"WWW"), 1, SAME_BUT_CASE),
    ("another name", QUESTION.replace(b"wWw", b"xWw"), 1, OTHER),
    ("another type", QUESTION[:-3] + b"\x1c\0\1", 1, OTHER),
    ("another class", QUESTION[:-1] + b"\3", 1, OTHER),
    ("a type that is its lower case", QUESTION[:-4] + b"\0\x61\0\1", 1, OTHER),
    ("no question", QUESTION, 0, OTHER),
    ("two questions", QUESTION, 2, OTHER),
    ("cut short", QUESTION[:-1], 1, OTHER),
    ("nothing", b"", 1, OTHER),
]


@pytest.mark.parametrize(
    ("theirs", "questions", "found"), [c[1:] for c in COMPARED], ids=[c[0] for c in COMPARED]
)
def test_compare(theirs: bytes, questions: int, found: int) -> None:
    assert compare(bytes(12) + theirs, questions, QUESTION) == found


def test_what_follows_the_question_is_another_matter() -> None:
    assert compare(bytes(12) + QUESTION + b"more", 1, QUESTION) == SAME


labels = st.binary(min_size=1, max_size=63)


@given(st.lists(labels, max_size=3), st.integers(0, 0xFFFF), st.integers(0))
def test_random_case_changes_the_case_of_letters_and_nothing_else(
    names: list[bytes], qtype: int, bits: int
) -> None:
    name = b"".join(bytes((len(one),)) + one for one in names) + b"\0"
    question = name + qtype.to_bytes(2, "big") + b"\0\1"
    mixed = random_case(question, bits)
    assert mixed[-4:] == question[-4:], "65 is HTTPS and also a letter"
    assert mixed.lower() == question.lower() and len(mixed) == len(question)
    assert [a for a, b in zip(mixed, question, strict=True) if a != b and not chr(a).isalpha()] == []


def test_each_letter_has_a_bit_of_its_own() -> None:
    none, every = random_case(QUESTION, 0), random_case(QUESTION, (1 << 8 * len(QUESTION)) - 1)
    assert none == QUESTION and every == QUESTION[:-4].swapcase() + QUESTION[-4:]
    seen = {random_case(QUESTION, 0x20 << 8 * place) for place in range(len(QUESTION) - 4)}
    assert len(seen) == 1 + len("wwwexampleorg")
