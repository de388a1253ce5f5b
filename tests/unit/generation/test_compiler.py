"""The compiler child, as a real process: one outcome for each job, whatever the list holds.

Invariants: standard output carries outcome lines and nothing else; standard error stays empty; what
is refused or only tried writes no file; what is written is whole and is what the outcome names.
"""

from __future__ import annotations

import errno
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resolver.errors import StoreError
from resolver.generation import compiler
from resolver.generation.blobs import Blobs
from resolver.generation.jobs import COMMAND, Job, Neighbour, Outcome, decode_outcome, encode
from resolver.rules.compiled import CompiledList
from resolver.rules.diff import MAX_SAMPLES
from resolver.rules.guard import Guard
from resolver.rules.model import BLOCKED, key_of
from resolver.rules.overlap import Comparison, Overlap
from tests.unit.generation.full_disk import small_disk
from tests.unit.generation.made import wire

Ask = Callable[[Job], Outcome]


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A compiler that waits for jobs. It must end by itself, quietly, when its input is closed."""
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        yield process
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.stderr.read() == b""
        assert process.wait(20) in {0, -signal.SIGKILL}


@pytest.fixture
def ask(child: subprocess.Popen[bytes]) -> Ask:
    """Send the child a job and read its outcome."""

    def asks(job: Job) -> Outcome:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(encode(job) + b"\n")
        child.stdin.flush()
        return decode_outcome(child.stdout.readline())

    return asks


@pytest.fixture
def spool(tmp_path: Path) -> Callable[[bytes], str]:
    """Put a list where a job finds it; its path."""

    def spools(text: bytes) -> str:
        path = tmp_path / "spooled"
        path.write_bytes(text)
        return str(path)

    return spools


def files(blobs: Blobs) -> list[str]:
    return sorted(path.name for path in blobs.folder.iterdir())


def blocked(blobs: Blobs, outcome: Outcome, *names: str) -> list[bool]:
    """Which of these names the compiled file of an outcome blocks."""
    assert outcome.rules is not None
    rules = CompiledList(blobs.open(outcome.rules), verify=True)
    return [rules.match(key_of(wire(name))) == BLOCKED for name in names]


def test_a_good_list_is_compiled(ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]) -> None:
    outcome = ask(Job(str(blobs.folder), spool(b"# a list\nads.example\nnot a name!\nbad.example\n")))
    assert (outcome.failure, outcome.refused) == ("", None)
    assert outcome.entries == 2
    assert outcome.rules is not None
    assert files(blobs) == [f"{outcome.rules}.rules"]
    assert outcome.octets == blobs.path(outcome.rules).stat().st_size
    assert blocked(blobs, outcome, "ads.example", "bad.example", "example.org") == [True, True, False]
    assert outcome.report is not None
    assert outcome.report.invalid_total == 1
    assert outcome.diff is not None
    assert outcome.peak_kb > 1000
    assert outcome.again


def test_one_child_serves_many_small_jobs(ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]) -> None:
    digests = set()
    for index in range(20):
        outcome = ask(Job(str(blobs.folder), spool(f"name{index}.example\n".encode())))
        assert outcome.again
        digests.add(outcome.rules)
    assert len(digests) == 20
    assert len(files(blobs)) == 20


def test_names_are_added_and_removed(ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]) -> None:
    first = ask(Job(str(blobs.folder), spool(b"one.example\ntwo.example\n"), format="domains"))
    patched = ask(
        Job(
            str(blobs.folder),
            previous=first.rules,
            format="domains",
            add=["three.example"],
            remove=["one.example", "never.example"],
        )
    )
    assert patched.entries == 2
    assert blocked(blobs, patched, "one.example", "two.example", "three.example") == [False, True, True]
    assert patched.not_found == ["never.example"]
    assert patched.diff is not None
    fresh = ask(Job(str(blobs.folder), format="domains", add=["four.example"]))
    assert blocked(blobs, fresh, "four.example", "two.example") == [True, False]


def test_the_same_rules_are_the_same_file(ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]) -> None:
    first = ask(Job(str(blobs.folder), spool(b"one.example\ntwo.example\n")))
    before = blobs.path(first.rules or "").stat()
    again = ask(Job(str(blobs.folder), spool(b"one.example\ntwo.example\n"), previous=first.rules))
    assert again.rules == first.rules
    assert again.octets == first.octets
    assert blobs.path(first.rules or "").stat().st_ino == before.st_ino


def test_a_dry_run_tells_everything_and_writes_nothing(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    job = Job(str(blobs.folder), spool(b"one.example\ntwo.example\n"), dry_run=True)
    tried = ask(job)
    assert files(blobs) == []
    real = ask(Job(str(blobs.folder), job.source))
    assert (tried.rules, tried.entries, tried.report) == (real.rules, real.entries, real.report)
    assert files(blobs) == [f"{tried.rules}.rules"]


def test_the_guard_holds_back_what_its_owner_does_not_let_through(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    source = spool(b"||co.uk^\n||ads.example^\n||zip^\n")
    guarded = ask(Job(str(blobs.folder), source))
    assert guarded.report is not None
    assert (guarded.entries, guarded.report.held) == (1, 2)
    assert blocked(blobs, guarded, "ads.example", "x.co.uk", "x.zip") == [True, False, False]
    through = ask(Job(str(blobs.folder), source, unguarded=("zip",)))
    assert blocked(blobs, through, "ads.example", "x.co.uk", "x.zip") == [True, False, True]


def test_without_a_guard_no_list_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nothing(_unguarded: object) -> Guard:
        raise StoreError("the guard's data cannot be read")

    monkeypatch.setattr(compiler, "load_guard", nothing)
    source = tmp_path / "list"
    source.write_bytes(b"ads.example\n")
    outcome = compiler.perform(encode(Job(str(tmp_path / "blobs"), str(source))))
    assert (outcome.rules, outcome.failure) == (None, "the guard's data cannot be read")


def test_a_list_that_may_rewrite_says_so_to_its_reader(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    source = spool(b"192.0.2.7 moved.example\n0.0.0.0 ads.example\n")
    plain = ask(Job(str(blobs.folder), source, format="hosts"))
    trusted = ask(Job(str(blobs.folder), source, format="hosts", rewrites=True))
    assert plain.report is not None and trusted.report is not None
    assert plain.report.notes == {"foreign-address": 1}
    assert trusted.report.side_rules.answer == 1


def test_a_list_is_compared_with_its_neighbours(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    first = ask(Job(str(blobs.folder), spool(b"||a.example^\n||b.example^\n")))
    assert first.rules is not None and first.report is not None
    assert first.report.comparison == Comparison()
    beside = (Neighbour("first", first.rules, first.entries),)
    second = ask(Job(str(blobs.folder), spool(b"||a.example^\n||x.b.example^\n"), neighbours=beside))
    assert second.report is not None
    assert second.report.comparison == Comparison([Overlap("first", 1, 1)])
    patched = ask(
        Job(
            str(blobs.folder),
            previous=second.rules,
            format="adblock",
            add=["||b.example^"],
            neighbours=beside,
        )
    )
    assert patched.report is not None
    assert patched.report.comparison == Comparison([Overlap("first", 1, 0)])


def test_a_comparison_alone_reads_and_writes_no_list(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    one = ask(Job(str(blobs.folder), spool(b"||a.example^\n@@||x.c.example^\n||y.x.c.example^\n")))
    two = ask(Job(str(blobs.folder), spool(b"||a.example^\n||b.example^\n")))
    assert one.rules is not None and two.rules is not None
    before = files(blobs)
    beside = (Neighbour("two", two.rules, 2), Neighbour("lost", "0" * 64, 5))
    found = ask(Job(str(blobs.folder), previous=one.rules, neighbours=beside, compare_only=True))
    assert (found.rules, found.report, found.failure) == (one.rules, None, "")
    assert found.comparison == Comparison([Overlap("two", 1, 0)], 1, ["||y.x.c.example^"], ["lost"])
    assert files(blobs) == before
    lost = ask(Job(str(blobs.folder), previous="0" * 64, compare_only=True))
    assert "missing" in lost.failure


def test_a_refused_list_is_refused_and_not_written(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    for text in (b"", b"<!DOCTYPE html><html><body>Not found</body></html>", b"com\n", b"\x00\x01\x02" * 500):
        outcome = ask(Job(str(blobs.folder), spool(text)))
        assert outcome.refused is not None, text
        assert outcome.refused.code
        assert outcome.refused.title
        assert outcome.refused.detail
        assert (outcome.rules, outcome.failure) == (None, "")
    assert files(blobs) == []


HOSTILE: dict[str, bytes] = {
    "one endless line": b"a" * 5_000_000,
    "no newline in a million labels": b"a." * 1_000_000,
    "only newlines": b"\n" * 3_000_000,
    "only carriage returns": b"\r" * 1_000_000,
    "broken UTF-8": b"\xff\xfe\xfd.example\n" * 10_000,
    "lone surrogates": b"\xed\xa0\x80.example\n" * 1000,
    "every octet": bytes(range(256)) * 1000,
    "deep names": b".".join([b"a"] * 127) + b"\n",
    "regex bait": b"/(a+)+$/\n" * 1000,
    "adblock options": b"||x.example^$" + b"a," * 100_000 + b"\n",
    "xn-- names": b"".join(b"xn--%d-a.example\n" % n for n in range(5000)),
    "control characters": b"\x1b[2Jads.example\x07\n" * 1000,
    "percent signs": b"%s%n%x.example\n" * 1000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_list_gets_an_ordinary_outcome(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str], text: bytes
) -> None:
    outcome = ask(Job(str(blobs.folder), spool(text), cpu_seconds=20))
    assert outcome.failure == ""
    assert (outcome.rules is None) != (outcome.refused is None)
    assert len(encode(outcome)) < 200_000
    assert ask(Job(str(blobs.folder), spool(b"ads.example\n"))).entries == 1


def test_random_octets_in_every_format_are_an_ordinary_outcome(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    generator = random.Random(11)
    pieces = [
        b"||",
        b"^",
        b"@@",
        b"*.",
        b"0.0.0.0 ",
        b"address=/",
        b"/",
        b"#",
        b"!",
        b".",
        b"\t",
        b"a.example",
    ]
    for index in range(120):
        text = b"".join(generator.choice([*pieces, b"\n", generator.randbytes(3)]) for _ in range(60))
        kind = ("auto", "hosts", "domains", "wildcard", "adblock", "dnsmasq", "unbound", "rpz")[index % 8]
        outcome = ask(Job(str(blobs.folder), spool(text), format=kind, dry_run=True))  # type: ignore[arg-type]
        assert outcome.failure == "", text
        assert (outcome.rules is None) != (outcome.refused is None), text


def test_a_list_that_needs_too_much_memory_is_refused_and_the_child_goes(
    child: subprocess.Popen[bytes], ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    text = b"".join(b"name%d.example\n" % n for n in range(300_000))
    outcome = ask(Job(str(blobs.folder), spool(text), memory_mb=70))
    assert outcome.refused is not None
    assert outcome.refused.code == "list-too-costly"
    assert "memory" in outcome.refused.detail
    assert files(blobs) == []
    assert not outcome.again
    assert child.wait(20) == 0


def test_whatever_memory_there_is_the_child_says_how_it_went(
    blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    text = b"".join(b"name%d.example\n" % n for n in range(100_000))
    said = set()
    for megabytes in range(33, 100, 8):  # from "cannot even read it" to "fits", through parse and build
        job = Job(str(blobs.folder), spool(text), memory_mb=megabytes)
        done = subprocess.run(COMMAND, input=encode(job) + b"\n", capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), megabytes
        outcome = decode_outcome(done.stdout)
        assert outcome.failure == ""
        said.add(outcome.refused.code if outcome.refused else "fits")
    assert said == {"list-too-costly", "fits"}


def test_a_list_that_needs_too_much_time_is_refused_and_the_child_goes(
    child: subprocess.Popen[bytes], ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    text = b"".join(b"name%d.x%d.example\n" % (n, n) for n in range(2_000_000))
    outcome = ask(Job(str(blobs.folder), spool(text), cpu_seconds=1))
    assert outcome.refused is not None
    assert outcome.refused.code == "list-too-costly"
    assert "processor time" in outcome.refused.detail
    assert not outcome.again
    assert child.wait(20) == 0


def test_a_missing_source_is_our_own_fault(ask: Ask, blobs: Blobs, tmp_path: Path) -> None:
    outcome = ask(Job(str(blobs.folder), str(tmp_path / "gone")))
    assert "gone cannot be read: No such file" in outcome.failure
    assert (outcome.rules, outcome.refused) == (None, None)


def test_a_line_that_is_no_job_is_our_own_fault(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    for line in (b"\n", b"{}\n", b"rubbish\n", b'{"blobs": "x", "format": "morse"}\n', b"\xff\n"):
        child.stdin.write(line)
        child.stdin.flush()
        assert decode_outcome(child.stdout.readline()).failure


def test_what_nobody_thought_of_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_: Job) -> Outcome:
        raise ZeroDivisionError("by accident")

    monkeypatch.setattr(compiler, "work", stumble)
    monkeypatch.setattr("resolver.generation.limits.apply", lambda *_: None)
    outcome = compiler.perform(encode(Job("unused")))
    assert outcome.failure.startswith("the compiler stumbled over ZeroDivisionError (by accident) in test_")
    assert "\n" not in outcome.failure


def test_a_damaged_previous_list_fails_a_patch_and_is_repaired_by_a_push(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    source = spool(b"one.example\ntwo.example\n")
    first = ask(Job(str(blobs.folder), source))
    assert first.rules is not None
    path = blobs.path(first.rules)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    patched = ask(Job(str(blobs.folder), previous=first.rules, add=["three.example"]))
    assert first.rules in patched.failure
    pushed = ask(Job(str(blobs.folder), source, previous=first.rules))
    assert (pushed.rules, pushed.failure) == (first.rules, "")
    assert pushed.diff is not None  # the rules are the same, whatever the old file holds
    assert blocked(blobs, pushed, "one.example") == [True]


def test_a_damaged_previous_list_costs_another_list_only_its_diff(
    ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    first = ask(Job(str(blobs.folder), spool(b"one.example\n")))
    blobs.path(first.rules or "").write_bytes(b"rubbish")
    second = ask(Job(str(blobs.folder), spool(b"two.example\n"), previous=first.rules))
    assert (second.failure, second.entries, second.diff) == ("", 1, None)


def test_what_changed_is_counted(ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]) -> None:
    first = ask(Job(str(blobs.folder), spool(b"one.example\ntwo.example\n")))
    same = ask(Job(str(blobs.folder), spool(b"two.example\n# more\none.example\n"), previous=first.rules))
    other = ask(Job(str(blobs.folder), spool(b"two.example\nthree.example\n"), previous=first.rules))
    found = [(d.added, d.removed, d.changed, d.unchanged) for o in (first, same, other) if (d := o.diff)]
    assert found == [(2, 0, 0, 0), (0, 0, 0, 2), (1, 1, 0, 1)]
    text = b"".join(b"name%d.example\n" % n for n in range(1000))
    many = ask(Job(str(blobs.folder), spool(text))).diff
    assert many is not None
    assert (many.added, len(many.added_sample)) == (1000, MAX_SAMPLES)


def test_a_full_disk_is_our_own_fault_and_leaves_no_litter(
    ask: Ask, tmp_path: Path, spool: Callable[[bytes], str]
) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        blobs = Blobs(disk / "blobs")
        text = b"".join(b"name%d.example\n" % (n * 7919) for n in range(50_000))
        outcome = ask(Job(str(blobs.folder), spool(text)))
        assert "the disk is full" in outcome.failure
        assert outcome.errno == errno.ENOSPC
        assert outcome.rules is None
        assert files(blobs) == []


@pytest.mark.parametrize("half", [b"", b'{"blobs": "x"', b"x" * 100_000])
def test_end_of_file_before_a_job_is_a_quiet_exit(half: bytes) -> None:
    done = subprocess.run(COMMAND, input=half, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_closed_standard_streams_are_a_quiet_exit() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" <&- >&-', "sh", *COMMAND], capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_parent_that_is_gone_before_the_outcome_is_a_quiet_exit(
    blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(encode(Job(str(blobs.folder), spool(b"ads.example\n"))) + b"\n")
        process.stdin.flush()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


def test_ctrl_c_is_for_the_parent_to_decide(
    child: subprocess.Popen[bytes], ask: Ask, blobs: Blobs, spool: Callable[[bytes], str]
) -> None:
    source = spool(b"ads.example\n")
    assert ask(Job(str(blobs.folder), source)).entries == 1
    child.send_signal(signal.SIGINT)
    assert ask(Job(str(blobs.folder), source)).entries == 1


def test_it_steps_back_for_those_who_answer(child: subprocess.Popen[bytes], ask: Ask, blobs: Blobs) -> None:
    ask(Job(str(blobs.folder), add=["ads.example"], format="domains"))
    niceness = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[16])
    assert niceness > 0
    assert int(Path(f"/proc/{child.pid}/oom_score_adj").read_text()) > 0


def test_kill_at_any_moment_leaves_whole_files_or_none(blobs: Blobs, spool: Callable[[bytes], str]) -> None:
    generator = random.Random(3)
    text = b"".join(b"name%d.example\n" % n for n in range(3000))
    for _ in range(12):
        with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(encode(Job(str(blobs.folder), spool(text))) + b"\n")
            process.stdin.flush()
            try:
                process.wait(0.1 + generator.uniform(0, 0.15))
            except subprocess.TimeoutExpired:
                process.kill()
        for path in blobs.folder.glob("*.rules"):
            assert CompiledList(blobs.open(path.stem), verify=True).content()
        blobs.sweep(set())
        assert files(blobs) == []
