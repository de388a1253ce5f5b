"""The limits hold in a process of its own: memory ends in MemoryError, processor time in OutOfTime."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from resolver.generation import limits


def run(script: str) -> str:
    """What a fresh interpreter prints when it runs `script` with `limits` imported."""
    done = subprocess.run(
        [sys.executable, "-c", f"from resolver.generation import limits\n{script}"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_memory_past_the_limit_is_an_error_and_can_be_lifted() -> None:
    script = """
limits.apply(300, 0)
try:
    data = bytes(400 << 20)
except MemoryError:
    print("refused")
limits.lift()
print(len(bytes(400 << 20)) >> 20)
"""
    assert run(script) == "refused\n400"


def test_processor_time_past_the_limit_is_an_error_once() -> None:
    script = """
import time
limits.apply(0, 1)
try:
    while True:
        pass
except limits.OutOfTime:
    print("stopped")
started = time.process_time()
while time.process_time() - started < 1.5:  # the kernel signals once a second from now on
    pass
limits.lift()
print("alive")
"""
    assert run(script) == "stopped\nalive"


def test_the_time_of_earlier_jobs_does_not_count() -> None:
    script = """
import time
limits.apply(0, 1)
while time.process_time() < 1.0:
    pass
limits.lift()
limits.apply(0, 1)
started = time.process_time()
while time.process_time() - started < 1.0:
    pass
print("both")
"""
    assert run(script) == "both"


def test_a_hard_limit_of_whoever_started_us_is_respected() -> None:
    script = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))
limits.apply(4000, 0)
print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 20)
limits.lift()
print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 20)
"""
    assert run(script) == "700\n700"


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ([], "third"),
        (["max\n"], "third"),
        (["1073741824\n"], 512),
        (["3221225472\n"], 1024),
        (["max\n", "2147483648\n"], 682),
        (["104857600\n"], limits.LEAST_MEMORY_MB),
        (["9223372036854771712\n"], "third"),
        (["nonsense"], "third"),
    ],
)
def test_the_default_is_a_third_of_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: list[str], expected: int | str
) -> None:
    paths = [tmp_path / str(index) for index in range(2)]  # those not written are missing
    for path, text in zip(paths, container, strict=False):
        path.write_text(text)
    monkeypatch.setattr(limits, "_CGROUP_LIMITS", tuple(paths))
    physical = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4 * 1024 * 256}  # 4 GB
    monkeypatch.setattr("os.sysconf", physical.__getitem__)
    assert limits.default_memory_mb() == (1365 if expected == "third" else expected)


def test_a_large_machine_still_gives_a_bounded_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_CGROUP_LIMITS", (tmp_path / "none",))
    physical = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1024 * 1024 * 256}  # 1 TB
    monkeypatch.setattr("os.sysconf", physical.__getitem__)
    assert limits.default_memory_mb() == limits.MOST_MEMORY_MB


def test_the_peak_is_of_this_process_and_grows() -> None:
    script = """
before = limits.peak_kb()
data = b"x" * (64 << 20)
print(0 < before < 200_000, limits.peak_kb() - before > 50_000)
"""
    assert run(script) == "True True"


def test_more_than_there_is_cannot_be_had() -> None:
    script = """
limits.apply(300, 0)
limits.need(0)
limits.need(100 << 20)
try:
    limits.need(400 << 20)
except MemoryError:
    print("no")
"""
    assert run(script) == "no"
