"""Jobs and outcomes are one line each and arrive as they were sent; what is neither is an error."""

from __future__ import annotations

import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.generation.jobs import COMMAND, Job, Outcome, Refusal, decode_job, decode_outcome, encode

DIGEST = "0" * 64

any_text = st.text(max_size=30)
any_job = st.builds(
    Job,
    any_text,
    source=st.none() | any_text,
    previous=st.none() | st.just(DIGEST),
    add=st.lists(any_text, max_size=4),
    remove=st.lists(any_text, max_size=4),
    dry_run=st.booleans(),
)
any_extra = st.dictionaries(
    any_text, any_text | st.integers(0, 9) | st.lists(any_text, max_size=2), max_size=3
)
any_outcome = st.builds(
    Outcome,
    rules=st.none() | st.just(DIGEST),
    entries=st.integers(0, 10**7),
    refused=st.none() | st.builds(Refusal, any_text, any_text, any_text, any_extra),
    not_found=st.lists(any_text, max_size=4),
    failure=any_text,
    again=st.booleans(),
)


@given(any_job)
def test_a_job_is_one_line(job: Job) -> None:
    line = encode(job)
    assert b"\n" not in line
    assert decode_job(line) == job


@given(any_outcome)
def test_an_outcome_is_one_line(outcome: Outcome) -> None:
    line = encode(outcome)
    assert b"\n" not in line
    assert decode_outcome(line) == outcome


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"blobs": 1}',
        b'{"blobs": "x", "format": "morse"}',
        b'{"blobs": "x", "previous": "../../etc/passwd"}',
        b'{"blobs": "x", "surprise": 1}',
    ],
)
def test_what_is_no_job_is_an_error(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_job(line)


def test_the_child_is_our_own_interpreter_and_never_imports_from_the_working_directory() -> None:
    assert COMMAND[0] == sys.executable
    assert "-P" in COMMAND
