"""The order of start-up, seen from outside: a real supervisor process with small children."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.errors import SettingsError
from resolver.supervisor.start import check
from tests.unit.supervisor.fakes import ROOT, Spec, alive, supervisor, wait_for

UDP, TCP = int(socket.SOCK_DGRAM), int(socket.SOCK_STREAM)


def test_each_worker_gets_sockets_of_its_own_on_the_same_port(tmp_path: Path) -> None:
    with supervisor(tmp_path, BELISHA_DNS_WORKERS="2", BELISHA_DNS_LISTEN="127.0.0.1:0,0.0.0.0:0") as running:
        announced = running.announcement()
        handed = [running.handed(f"worker-{n}") for n in (0, 1)]
        expected = [text.split(":") for text in announced["dns"]]
        for number, one in enumerate(handed):
            assert one["inherited"]["worker"] == number
            assert one["bound"] == [
                *([UDP, [host, int(port)]] for host, port in expected),
                *([TCP, [host, int(port)]] for host, port in expected),
            ]
            assert [udp.get("wildcard", False) for udp in one["inherited"]["udp"]] == [False, True]
            assert one["kinds"] == [int(socket.SOCK_SEQPACKET)]
            assert not any(one["blocking"])
        descriptors = [{udp["fd"] for udp in one["inherited"]["udp"]} for one in handed]
        assert not descriptors[0] & descriptors[1]


def test_workers_share_a_secret_that_the_admin_process_does_not_have(tmp_path: Path) -> None:
    """A cookie that one worker gave must be proven by every other (RFC 9018 5)."""
    with supervisor(tmp_path, BELISHA_DNS_WORKERS="2") as running:
        running.announcement()
        secrets = [running.handed(f"worker-{n}")["inherited"]["secret"] for n in (0, 1)]
        assert secrets[0] == secrets[1] > 2
        assert running.handed("admin")["inherited"]["secret"] == -1


def test_the_admin_process_gets_one_channel_to_each_worker(tmp_path: Path) -> None:
    with supervisor(tmp_path, BELISHA_DNS_WORKERS="3") as running:
        announced = running.announcement()
        admin = running.handed("admin")
        host, port = announced["admin"].split(":")
        assert admin["bound"] == [[TCP, [host, int(port)]]]
        assert admin["kinds"] == [int(socket.SOCK_SEQPACKET)] * 3
        assert announced["workers"] == 3
        assert announced["pid"] == running.process.pid


def test_workers_are_started_before_the_admin_process(tmp_path: Path) -> None:
    with supervisor(tmp_path, BELISHA_DNS_WORKERS="2") as running:
        running.announcement()
        names = [event["child"] for event in running.events("child started")]
        assert names == ["worker-0", "worker-1", "admin"]


def test_a_child_holds_its_own_descriptors_and_no_others(tmp_path: Path) -> None:
    with supervisor(tmp_path, BELISHA_DNS_WORKERS="2") as running:
        running.announcement()
        for name in ("worker-0", "worker-1", "admin"):
            one = running.handed(name)
            handed = one["inherited"]
            own = {handed["lifeline"], *handed["control"], *handed.get("tcp", []), *handed.get("http", [])}
            own |= {udp["fd"] for udp in handed.get("udp", [])}
            own |= {handed["secret"]} - {-1}
            # Its standard streams, copies it made to look at its sockets, and the listing itself.
            copies = len(handed["control"]) + len(one["bound"]) + 1
            assert own <= set(one["descriptors"])
            lock = 1 if name == "admin" else 0  # the one writer keeps the folder locked while it lives
            assert len(one["descriptors"]) == 3 + len(own) + copies + lock


def test_children_see_the_settings_in_force_and_no_secret(tmp_path: Path) -> None:
    with supervisor(
        tmp_path, BELISHA_DNS_CACHE_MB="7", BELISHA_TOKEN="secret", NOTIFY_SOCKET="/nowhere"
    ) as running:
        running.announcement()
        one = running.handed("worker-0")
        assert one["settings"]["dns"]["cache_mb"] == 7
        assert one["settings"]["data_dir"] == str(tmp_path / "data")
        assert not {"BELISHA_TOKEN", "NOTIFY_SOCKET"} & set(one["environment"])


def test_children_may_open_as_many_files_as_the_system_allows(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with supervisor(tmp_path) as running:
        running.announcement()
        soft = running.handed("worker-0")["limit"][0]
        assert soft == min(hard, 1 << 20) or (hard == resource.RLIM_INFINITY and soft >= 1 << 20)


def test_files_made_by_children_are_closed_to_others(tmp_path: Path) -> None:
    with supervisor(tmp_path) as running:
        running.announcement()
        assert running.handed("worker-0")["umask"] & 0o027 == 0o027
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o750


def test_ctrl_c_in_a_terminal_does_not_reach_children(tmp_path: Path) -> None:
    with supervisor(tmp_path) as running:
        running.announcement()
        assert running.handed("worker-0")["group"] is True


def test_it_is_known_by_name(tmp_path: Path) -> None:
    with supervisor(tmp_path) as running:
        running.announcement()
        assert Path(f"/proc/{running.process.pid}/comm").read_text() == "belisha\n"


def test_ipv6_is_served_beside_ipv4(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with supervisor(
        tmp_path, BELISHA_DNS_LISTEN="127.0.0.1:0,[::1]:0", BELISHA_ADMIN_LISTEN="[::1]:0"
    ) as running:
        announced = running.announcement()
        assert [text.rpartition(":")[0] for text in announced["dns"]] == ["127.0.0.1", "[::1]"]
        assert announced["admin"].startswith("[::1]:")


def test_the_first_start_makes_a_generation_before_any_worker(tmp_path: Path) -> None:
    with supervisor(tmp_path, Spec(generation=False)) as running:
        running.handed("worker-0")
        first = (tmp_path / "first").stat().st_mtime_ns
        worker = (tmp_path / f"worker-0.{running.pids('worker-0')[0]}.json").stat().st_mtime_ns
        assert first < worker


def test_later_starts_leave_the_lists_alone(tmp_path: Path) -> None:
    with supervisor(tmp_path) as running:
        running.announcement()
        assert not (tmp_path / "first").exists()


def test_lists_that_cannot_be_put_in_force_end_the_start(tmp_path: Path) -> None:
    with supervisor(tmp_path, Spec(generation=False, first="fails")) as running:
        assert running.process.wait(20) == 1
        text = (tmp_path / "stderr").read_text()
        assert "ProcessError: the shipped lists could not be put in force (exit_code 5)" in text
        assert not running.events("child started")


def test_sigterm_during_the_first_import_ends_it_at_once(tmp_path: Path) -> None:
    with supervisor(tmp_path, Spec(generation=False, first="slow")) as running:
        wait_for((tmp_path / "first").exists, "the import")
        assert running.stop() == 0
        assert not running.events("child started")


def test_two_supervisors_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with supervisor(tmp_path / "one") as first:
        first.announcement()
        with supervisor(tmp_path / "two", BELISHA_DATA_DIR=str(tmp_path / "one" / "data")) as second:
            assert second.process.wait(20) == 1
            text = (tmp_path / "two" / "stderr").read_text()
        assert "SettingsError: data_dir: another `belisha serve` uses" in text


def test_a_busy_port_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with supervisor(tmp_path, BELISHA_DNS_LISTEN=address) as running:
            assert running.process.wait(20) == 1
    text = (tmp_path / "stderr").read_text()
    assert f"SettingsError: dns.listen: {address} (UDP) cannot be used: another program has it" in text


def test_once_everything_is_up_it_says_so_to_systemd_people_and_programs(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        with supervisor(tmp_path, Spec(first_token=True), NOTIFY_SOCKET=str(tmp_path / "notify")) as running:
            assert systemd.recv(100) == b"READY=1"
            announced = running.announcement()
            words = json.loads(wait_for(lambda: _text(tmp_path / "banner"), "the banner"))
            assert json.loads(words[0]) == announced
            assert words[1] == "first-token"
            assert running.stop() == 0
            assert systemd.recv(100) == b"STOPPING=1"


def test_what_does_not_come_up_is_told_in_one_sentence_and_dns_goes_on(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        spec = Spec(admin="unready", patience=0.3)
        with supervisor(tmp_path, spec, NOTIFY_SOCKET=str(tmp_path / "notify")) as running:
            # Ready all the same: systemd must not end a server whose DNS works.
            assert systemd.recv(200) == b"READY=1\nSTATUS=Not everything came up: /readyz says 503"
            text = wait_for(running.output, "the sentence")
            assert text.startswith("Belisha did not come up whole: /readyz says 503. It goes on trying")
            assert not (tmp_path / "ports.json").exists()
            assert alive(running.pids("worker-0")[0])
            assert running.stop() == 0


def test_children_that_keep_dying_are_named(tmp_path: Path) -> None:
    with supervisor(tmp_path, Spec(admin="dies", patience=0.5)) as running:
        text = wait_for(running.output, "the sentence")
        assert "Belisha did not come up whole: admin died" in text


def test_privileges_are_dropped_before_children_run(open_folder: Path) -> None:
    with supervisor(open_folder, BELISHA_USER="nobody") as running:
        running.announcement()
        one = running.handed("worker-0")
        assert 0 not in one["ids"]
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert (open_folder / "data").stat().st_uid == one["ids"][0]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may use; skips where nobody else could run this interpreter."""
    if os.getuid() != 0:
        pytest.skip("only root can change to another account")
    try:
        probe = subprocess.run(
            [sys.executable, "-c", "import resolver"], user="nobody", cwd=ROOT, check=False
        )
    except PermissionError:
        pytest.skip("this interpreter lies where only root can run it")
    if probe.returncode:
        pytest.skip("this checkout lies where only root can read it")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def test_an_account_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    with supervisor(tmp_path, BELISHA_USER="no-such-account") as running:
        assert running.process.wait(20) == 1
    assert "SettingsError: user: there is no account `no-such-account`" in (tmp_path / "stderr").read_text()


def test_a_check_reads_the_settings_and_what_they_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "belisha.toml"
    path.write_text('lists_dir = "lists"')
    with pytest.raises(SettingsError, match="lists_dir: there is no folder"):
        check(path)
    (tmp_path / "lists").mkdir()
    assert check(path).lists_dir == str(tmp_path / "lists")
    monkeypatch.setenv("BELISHA_USER", "no-such-account")
    with pytest.raises(SettingsError, match="user: there is no account"):
        check(path)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_signal_that_stops_it_is_no_failure(tmp_path: Path) -> None:
    with supervisor(tmp_path) as running:
        running.announcement()
        assert running.stop(signal.SIGINT) == 0
