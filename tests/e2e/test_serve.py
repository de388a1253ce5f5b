"""What a new user does in the first five minutes, with real processes, sockets and commands."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import dns.edns
import pytest

from tests.e2e.belisha import SHIPPED, Belisha, wait_for
from tests.e2e.conftest import UPSTREAM_ADDRESS
from tests.support.client import rdatas
from tests.support.upstream import ScriptedUpstream


def extended_errors(server: Belisha, name: str) -> list[int]:
    return [int(option.code) for option in server.ask(name).options if isinstance(option, dns.edns.EDEOption)]


def test_a_shipped_name_is_blocked_and_says_so(server: Belisha) -> None:
    for tcp in (False, True):
        assert rdatas(server.ask("blocked.example", tcp=tcp)) == {"0.0.0.0"}
    assert rdatas(server.ask("blocked.example", "AAAA"), "AAAA") == {"::"}
    assert extended_errors(server, "blocked.example") == [15]


def test_another_name_is_forwarded(server: Belisha, upstream: ScriptedUpstream) -> None:
    assert rdatas(server.ask("www.example.com")) == {UPSTREAM_ADDRESS}
    assert rdatas(server.ask("www.example.com", tcp=True)) == {UPSTREAM_ADDRESS}
    assert len(upstream.asked("www.example.com")) >= 1
    assert not upstream.asked("blocked.example")


def test_it_tells_people_where_it_is_and_the_token_once(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    server = Belisha(tmp_path, upstream.url)
    with_token = r"The first admin token\. .*\n  (bel_\S+)\n"
    try:
        server.start("--first-token")
        text = wait_for(lambda: re.search(with_token, server.output()), "the banner")
        assert text
        server.token = text[1]
        shown = server.output()
        for expected in (
            *server.where["dns"],
            server.url,
            "generation 1, 1 list in force:",
            "starter: blocks, 2 entries",
        ):
            assert expected in shown
        assert server.cli("lists").returncode == 0
        assert server.stop() == 0
        server.start("--first-token")
        again = wait_for(lambda: server.output().removeprefix(shown), "the second banner")
        assert "generation 1, 1 list in force:" in again
        assert "bel_" not in again
    finally:
        server.__exit__(None, None, None)


def test_a_log_file_holds_no_token(server: Belisha) -> None:
    wait_for(lambda: "starter" in server.output(), "the banner")
    assert "bel_" not in server.output() + server.log()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_pushes_and_the_name_is_blocked_at_once(server: Belisha, tmp_path: Path) -> None:
    assert not server.blocked("casino.example")
    (tmp_path / "mylist.txt").write_text("casino.example\n")
    done = subprocess.run(
        ["curl", "-sS", "-f", "-T", str(tmp_path / "mylist.txt"),
         "-H", f"Authorization: Bearer {server.token}", f"{server.url}/v1/lists/mylist/content"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert b'"changed":true' in done.stdout.replace(b" ", b"")
    for _ in range(20):  # from so many ports, so that both workers are asked
        assert server.blocked("casino.example")


def test_the_command_line_does_a_whole_round(server: Belisha, tmp_path: Path) -> None:
    path = tmp_path / "mylist.txt"
    path.write_text("casino.example\nnot a name at all\n")
    dry = server.cli("push", "mylist", str(path), "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "mylist: 1 entry. Nothing was changed (dry run)." in dry.stdout
    assert not server.blocked("casino.example")

    pushed = server.cli("push", "mylist", str(path), "--reason", "first try")
    assert pushed.returncode == 0, pushed.stderr
    assert "mylist: 1 entry, made and in force in generation" in pushed.stdout
    assert "line 2: " in pushed.stdout
    assert server.blocked("casino.example")

    again = server.cli("push", "mylist", str(path))
    assert "as before" in again.stdout

    explained = server.cli("explain", "casino.example")
    assert explained.stdout.splitlines()[0] == "casino.example: blocked"
    assert "list mylist, line 1" in explained.stdout

    lists = server.cli("lists").stdout
    assert "mylist" in lists
    assert "starter" in lists

    rolled = server.cli("rollback", "--reason", "second thoughts")
    assert rolled.returncode == 0, rolled.stderr
    assert "Generation 1 is in force now." in rolled.stdout
    assert not server.blocked("casino.example")

    shown = server.cli("generations").stdout
    assert "first try" in shown


def test_a_description_goes_with_the_content(server: Belisha) -> None:
    pushed = server.cli(
        "push", "needed", "-", "--kind", "allow", "--title", "Needed", stdin="blocked.example\n"
    )
    assert pushed.returncode == 0, pushed.stderr
    assert not server.blocked("blocked.example")
    assert "Needed" in server.cli("lists").stdout


def test_a_refused_list_leaves_everything_as_it_is(server: Belisha, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    refused = server.cli("push", "starter", str(path))
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("belisha: ")
    assert "Traceback" not in refused.stderr
    assert server.blocked("blocked.example")


def test_a_wrong_token_is_told_in_a_sentence(server: Belisha) -> None:
    server.token = "bel_aaaaaaaa_" + "a" * 39
    refused = server.cli("lists")
    assert refused.returncode == 1
    assert refused.stderr.startswith("belisha: The token is not valid")


def test_the_health_check_is_well(server: Belisha) -> None:
    done = server.cli("healthcheck", "--dns", server.where["dns"][0])
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr
    assert server.stop() == 0
    assert server.cli("healthcheck", "--dns", server.where["dns"][0]).returncode == 1


def test_a_restart_serves_the_last_generation(server: Belisha) -> None:
    server.push("mine", "casino.example\n")
    assert server.stop() == 0
    assert not server.orphans()
    (server.folder / "lists" / "starter.txt").write_text(
        "other.example\n"
    )  # only the first start looks there
    server.start()
    assert server.blocked("casino.example")
    assert all(server.blocked(name) for name in SHIPPED.split())
    assert not server.blocked("other.example")


def test_ipv6_beside_ipv4(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with Belisha(tmp_path, upstream.url, workers=1, listen=("127.0.0.1:0", "[::1]:0", "0.0.0.0:0")) as server:
        if len(server.where["dns"]) < 3:
            pytest.skip("this machine has no IPv6")
        server.where["dns"] = server.where["dns"][1:2]
        assert server.address()[0] == "::1"
        assert server.blocked("blocked.example")


def test_a_wildcard_address_answers_from_the_address_that_was_asked(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    with Belisha(tmp_path, upstream.url, workers=1, listen=("0.0.0.0:0",)) as server:
        port = server.address()[1]
        for host in (
            "127.0.0.1",
            "127.0.0.2",
        ):  # the client's socket is connected: another source is not heard
            server.where["dns"] = [f"{host}:{port}"]
            assert server.blocked("blocked.example")
