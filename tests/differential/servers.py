"""The three that are compared, each a process of its own at a free port of loopback, each a forwarder to the
same upstream, each with the same name blocked by NXDOMAIN.

Unbound and dnsmasq are what Debian packages; where one is not installed, it takes no part. What their
settings switch off is what would make them something else than a forwarder (validation, local zones that hide
names from the upstream are left on: that is a difference worth seeing).
"""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from resolver.policy.model import AnswerPolicy, Policy
from resolver.settings import Dns, Settings
from resolver.upstreams import Upstream
from tests.differential.world import BLOCKED
from tests.support.client import Address, ask
from tests.unit.generation.made import data_folder, following, list_entry
from tests.unit.serving.child import WorkerProcess

_SECONDS: Final = 20.0
"""How long a server may take to answer for the first time."""

_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin", "/sbin")
"""Where servers are installed that are not in everybody's path."""

_UNBOUND: Final = """
server:
  interface: 127.0.0.1@{port}
  port: {port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  edns-buffer-size: 1232
  max-udp-size: 1232
  ede: yes
  private-address: 192.168.0.0/16
  local-zone: "{blocked}." always_nxdomain
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""

_DNSMASQ: Final = """
port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
no-poll
server=127.0.0.1#{upstream}
cache-size=10000
dns-forward-max=1000
edns-packet-max=1232
address=/{blocked}/
user={user}
pid-file={folder}/dnsmasq.pid
log-facility={folder}/dnsmasq.log
"""


def missing() -> list[str]:
    """What has to be installed before everything can be compared."""
    return [name for name in ("unbound", "dnsmasq") if _program(name) is None]


def _program(name: str) -> str | None:
    return shutil.which(name) or next(
        (path for folder in _FOLDERS if (path := shutil.which(name, path=folder))), None
    )


def _free_port() -> int:
    """A port that was free for UDP and TCP a moment ago."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                tcp.bind(udp.getsockname())
                return int(udp.getsockname()[1])
    raise OSError("no port was free for UDP and TCP alike")


@contextmanager
def _process(name: str, template: str, command: list[str], folder: Path, upstream: int) -> Iterator[Address]:
    """One of the others, once it answers. Raises TimeoutError with what it logged."""
    program = _program(name)
    assert program is not None
    folder.mkdir()
    port = _free_port()
    path = folder / f"{name}.conf"
    path.write_text(
        template.format(port=port, upstream=upstream, folder=folder, blocked=BLOCKED, user=getpass.getuser())
    )
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *(word.format(path=path) for word in command)], stdout=output, stderr=output
        )
    try:
        _wait(("127.0.0.1", port), log)
        yield ("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait()


def _wait(address: Address, log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            ask(address, "host-1.example.org", timeout=1.0)
            return
        time.sleep(0.05)
    raise TimeoutError(f"no answer from {address}: {log.read_text('utf-8', 'replace')}")


def unbound(folder: Path, upstream: int) -> contextlib.AbstractContextManager[Address]:
    """Unbound, without a validator."""
    return _process("unbound", _UNBOUND, ["-d", "-c", "{path}"], folder, upstream)


def dnsmasq(folder: Path, upstream: int) -> contextlib.AbstractContextManager[Address]:
    """dnsmasq, without any of its DHCP."""
    return _process("dnsmasq", _DNSMASQ, ["--keep-in-foreground", "--conf-file={path}"], folder, upstream)


@contextmanager
def belisha(folder: Path, upstream: int) -> Iterator[Address]:
    """One worker of ours, as the supervisor would start it."""
    folder.mkdir()
    data = folder / "data"
    data.mkdir()
    store, blobs = data_folder(data)
    with closing(store):
        manifest = following(store, blocked=list_entry(blobs, BLOCKED))
        store.commit(msgspec.structs.replace(manifest, policy=Policy(AnswerPolicy("nxdomain", ttl=10))))
    settings = Settings(
        data_dir=str(data),
        upstream=(Upstream(f"udp://127.0.0.1:{upstream}"),),
        dns=Dns(allow=("127.0.0.0/8",)),
    )
    with WorkerProcess(data, settings=settings) as worker:
        _wait(worker.address, worker.log)
        yield worker.address


SERVERS: Final = {"belisha": belisha, "unbound": unbound, "dnsmasq": dnsmasq}
