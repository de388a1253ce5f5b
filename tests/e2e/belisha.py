"""A whole Belisha on ports of its own: `belisha serve` as a process, asked as clients would ask it.

    with Belisha(folder, upstream.url) as server:
        server.push("mine", "bad.example\\n")
        assert server.blocked("bad.example")

Everything goes through real sockets and the real command line; nothing is imported of what is tested
but the wire. Processes are found in /proc by their parent, and told apart by their last argument.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import dns.message

from tests.support.client import Address, ask, rdatas

T = TypeVar("T")

SECONDS = 20.0
"""The most that anything may take here; a busy machine is no fault."""

CONFIG = """
data_dir = "data"
lists_dir = "lists"
[dns]
listen = {listen}
workers = {workers}
[[upstream]]
url = "{upstream}"
[admin]
listen = "127.0.0.1:0"
"""

SHIPPED = "blocked.example\nads.example\n"
"""What the first start finds in the lists folder."""


def wait_for(condition: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """Poll until the condition gives something true. Raises AssertionError naming what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"in vain for {seconds:g} s: {what}")


def state(pid: int) -> str:
    """The letter of /proc/PID/stat, "" for a process that is gone or buried."""
    try:
        letter = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if letter == "Z" else letter


def _parent(pid: str) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class Belisha:
    """One server and its data folder; it may be stopped and started again."""

    def __init__(
        self, folder: Path, upstream: str, *, workers: int = 2, listen: tuple[str, ...] = ("127.0.0.1:0",)
    ) -> None:
        self.folder = folder
        self.config = folder / "belisha.toml"
        self.config.write_text(
            CONFIG.format(workers=workers, upstream=upstream, listen=json.dumps(list(listen)))
        )
        (folder / "lists").mkdir()
        (folder / "lists" / "starter.txt").write_text(SHIPPED)
        self.workers = workers
        self.process: subprocess.Popen[bytes] | None = None
        self.where: dict[str, Any] = {}
        self.token = ""
        self._known: set[int] = set()

    # --- Life ----------------------------------------------------------------------------------

    def start(self, *arguments: str, ready: bool = True) -> Self:
        """Start it; with `ready`, wait until every worker answers."""
        ports = self.folder / "ports.json"
        ports.unlink(missing_ok=True)
        command = [sys.executable, "-m", "resolver", "serve", "--config", str(self.config)]
        with self._log("stdout") as out, self._log("stderr") as errors:
            self.process = subprocess.Popen(
                [*command, "--port-file", str(ports), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                env=self.environment(),
            )
        if ready:
            process = self.process
            wait_for(lambda: ports.exists() or process.poll() is not None, "the port file")
            assert ports.exists(), self.log()
            self.where = json.loads(ports.read_text())
        return self

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process
        self._known |= set(self.children().values())
        self.process.terminate()
        return self.process.wait(SECONDS)

    def kill(self) -> None:
        """SIGKILL for the supervisor, and wait until its children have followed."""
        assert self.process
        self._known |= set(self.children().values())
        self.process.kill()
        self.process.wait()
        wait_for(lambda: not self.orphans(), "the end of every child")

    def orphans(self) -> set[int]:
        """Children of this server that are still there after `stop` or `kill`."""
        return {pid for pid in self._known if state(pid)}

    def __enter__(self) -> Self:
        self.token = self.cli("token", "create", "tests", "--scope", "admin").stdout.strip()
        try:
            return self.start()
        except AssertionError as error:
            self.__exit__(None, None, None)
            raise AssertionError(self.log()) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process and self.process.poll() is None:
            self.kill()

    def environment(self) -> dict[str, str]:
        """Of the processes: nothing of Belisha's from outside, our own token and address."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BELISHA_")}
        extra = {"BELISHA_TOKEN": self.token} if self.token else {}
        if self.where:
            extra["BELISHA_URL"] = self.url
        return kept | extra

    def _log(self, name: str) -> Any:
        return (self.folder / name).open("ab")

    def output(self) -> str:
        """What was printed for people."""
        return (self.folder / "stdout").read_text()

    def log(self) -> str:
        """What was logged."""
        return (self.folder / "stderr").read_text()

    # --- Processes -----------------------------------------------------------------------------

    def children(self) -> dict[str, int]:
        """`worker-0`, `admin` ... -> process id, as `ps` shows them, but for the banner."""
        assert self.process
        found: dict[str, int] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if _parent(entry.name) == self.process.pid and state(int(entry.name)):
                    name = (entry / "cmdline").read_bytes().split(b"\0")[-2].decode()
                    if name == "admin" or name.startswith("worker-"):
                        found[name] = int(entry.name)
            except (OSError, IndexError):
                continue
        return found

    # --- Asking --------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The admin API."""
        return f"http://{self.where['admin']}"

    def address(self, number: int = 0) -> Address:
        """A listen address, for the clients of tests.support."""
        host, _, port = self.where["dns"][number].rpartition(":")
        return host.strip("[]"), int(port)

    def ask(
        self, name: str, qtype: str = "A", *, timeout: float = SECONDS, tcp: bool = False
    ) -> dns.message.Message:
        """One query, from a port of its own."""
        return ask(self.address(), name, qtype, timeout=timeout, tcp=tcp)

    def blocked(self, name: str) -> bool:
        """Whether a name is answered with the null address."""
        return rdatas(self.ask(name)) == {"0.0.0.0"}

    def cli(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """`belisha ARGUMENTS`; token commands find the data folder through the settings."""
        words = [*arguments, *(["--config", str(self.config)] if arguments[0] == "token" else [])]
        return subprocess.run(
            [sys.executable, "-m", "resolver", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=self.environment(),
            check=False,
        )

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        timeout: float = SECONDS,
        content_type: str = "text/plain",
    ) -> tuple[int, Any]:
        """One request to the admin API: status and JSON. Raises OSError when there is no answer."""
        request = urllib.request.Request(self.url + path, data=body, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", content_type)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def push(self, name: str, content: str) -> dict[str, Any]:
        """Replace a list's content; the answer. Raises AssertionError when it is refused."""
        status, answer = self.call("PUT", f"/v1/lists/{name}/content", content.encode())
        assert status == 200, answer
        assert isinstance(answer, dict)
        return answer

    def ready(self) -> bool:
        """Whether every worker serves what is in force."""
        try:
            return self.call("GET", "/readyz", timeout=2.0)[0] == 200
        except OSError:
            return False
