"""Signals are waited for; none is lost, none interrupts."""

from __future__ import annotations

import os
import signal

import pytest

from resolver.supervisor.signals import Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD])
def test_a_signal_that_came_before_the_wait_is_not_lost(number: signal.Signals) -> None:
    with Signals() as signals:
        os.kill(os.getpid(), number)
        assert signals.wait(20) == {number}
        assert signals.wait(0) == set()


def test_several_arrive_together() -> None:
    with Signals() as signals:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        assert signals.wait(20) == {signal.SIGHUP, signal.SIGTERM}


def test_the_time_can_be_over() -> None:
    with Signals() as signals:
        assert signals.wait(0.001) == set()


def test_other_descriptors_end_the_wait_too() -> None:
    reading, writing = os.pipe()
    with Signals() as signals:
        os.write(writing, b"x")
        assert signals.wait(None, [reading]) == set()
    os.close(reading)
    os.close(writing)


def test_everything_is_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with Signals():
        assert signal.getsignal(signal.SIGINT) is not before[1]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_more_signals_than_anybody_reads_do_no_harm() -> None:
    with Signals() as signals:
        for _ in range(100_000):
            signal.raise_signal(signal.SIGHUP)
        assert signal.SIGHUP in signals.wait(20)


def test_the_requests_to_end() -> None:
    assert {signal.SIGTERM, signal.SIGINT} == Signals.STOP
