"""The servers that are compared: what each is called, how it is set up, how it takes the list.

Every one is a forwarder to the same stub, with one thread, a cache that holds everything that is asked
here, no validation, and no log of queries. Every one blocks the same names and all below them; where a
server has several ways to block, the one that answered fastest here was taken. What is not said stays
as its authors ship it.

A configuration is a template: $port, $upstream (a port), $folder, $list.
"""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

import dns.exception
import dns.rcode

from tests.bench.cdb import write_cdb
from tests.bench.machine import allowed, core_of, cores, on_core
from tests.bench.names import Names
from tests.bench.programs import HOST, free_port
from tests.e2e.belisha import Belisha, wait_for
from tests.support.client import ask, rdatas

PATIENCE: Final = 120.0
"""Seconds that a server may take until it blocks."""


@dataclass(frozen=True)
class Running:
    """A server that was started: its port and first process, and how long it took to block (seconds)."""

    port: int
    pid: int
    probes: Sequence[str]
    began: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Peer:
    """A server that is not ours."""

    title: str
    program: str
    package: str
    """The Debian package."""
    arguments: str
    """Separated by blanks, after the program; a template."""
    settings: dict[str, str]
    """Files in its folder -> templates."""
    write_list: Callable[[Sequence[str], Path], None]
    note: str = ""

    def found(self) -> str | None:
        """The program, None where it is not installed."""
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


# --- The list, as each of them reads it -------------------------------------------------------------


def _lines(template: str, head: str = "") -> Callable[[Sequence[str], Path], None]:
    def write(names: Sequence[str], path: Path) -> None:
        path.write_text(head + "".join(template.format(name) for name in names))

    return write


_HEAD: Final = "$TTL 300\n@ SOA localhost. root.localhost. 1 3600 600 86400 300\n@ NS localhost.\n"
_ZONE: Final = _lines("{0} CNAME .\n*.{0} CNAME .\n", _HEAD)
"""A response policy zone: NXDOMAIN for a name and for all below it."""

_ZONE_OF_ITS_OWN: Final = _lines("{0} CNAME .\n*.{0} CNAME .\n", "$ORIGIN rpz.test.\n" + _HEAD)
"""The same for servers that read the origin from the file."""


# --- Their settings ---------------------------------------------------------------------------------

_UNBOUND: Final = """
server:
  interface: 127.0.0.1@$port
  port: $port
  num-threads: 1
  username: ""
  chroot: ""
  directory: "$folder"
  pidfile: ""
  use-syslog: no
  logfile: "$folder/log"
  do-daemonize: no
  do-ip6: no
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  minimal-responses: yes
  msg-cache-size: 256m
  rrset-cache-size: 512m
  outgoing-range: 8192
  num-queries-per-thread: 4096
  so-rcvbuf: 4m
  so-sndbuf: 4m
  include: "$list"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@$upstream
"""

_DNSMASQ: Final = """
port=$port
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
no-poll
server=127.0.0.1#$upstream
cache-size=1000000
dns-forward-max=10000
user=$user
pid-file=$folder/pid
log-facility=$folder/log
conf-file=$list
"""

_BIND: Final = """
options {
  directory "$folder"; pid-file "$folder/pid"; session-keyfile "$folder/session.key"; lock-file none;
  listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; };
  recursion yes; allow-query { 127.0.0.0/8; };
  forward only; forwarders { 127.0.0.1 port $upstream; };
  dnssec-validation no; empty-zones-enable no; minimal-responses yes; qname-minimization off;
  recursive-clients 100000; max-cache-size 2g;
  response-policy { zone "rpz.test"; } qname-wait-recurse no nsip-enable no nsdname-enable no;
};
controls { };
zone "rpz.test" { type primary; file "$list"; allow-query { none; }; };
logging { channel all { file "$folder/log"; }; category default { all; }; category lame-servers { null; }; };
"""

_RECURSOR: Final = """
local-address=127.0.0.1
local-port=$port
allow-from=127.0.0.0/8
dont-query=
forward-zones-recurse=.=127.0.0.1:$upstream
dnssec=off
threads=1
pdns-distributes-queries=no
max-cache-entries=2000000
max-packetcache-entries=1000000
max-mthreads=8192
security-poll-suffix=
quiet=yes
disable-syslog=yes
socket-dir=$folder
lua-config-file=$folder/rpz.lua
"""

_DNSDIST: Final = """
setSecurityPollSuffix("")
setLocal("127.0.0.1:$port")
setACL("127.0.0.0/8")
setMaxUDPOutstanding(65535)
newServer{address="127.0.0.1:$upstream", sockets=4, checkInterval=60, maxCheckFailures=3}
getPool(""):setCache(newPacketCache(1000000, {maxTTL=86400}))
list = newCDBKVStore("$list", 60)
addAction(KeyValueStoreLookupRule(list, KeyValueLookupKeySuffix(1, true)), RCodeAction(DNSRCode.NXDOMAIN))
"""

_KNOT: Final = """
net.listen('127.0.0.1', $port, { kind = 'dns' })
net.ipv6 = false
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
modules = { 'policy' }
cache.open(1024 * MB, 'lmdb://$folder/cache')
policy.add(policy.rpz(policy.DENY, '$list', false))
policy.add(policy.all(policy.STUB('127.0.0.1@$upstream')))
"""

PEERS: Final = (
    Peer(
        "Unbound",
        "unbound",
        "unbound",
        "-d -c $folder/unbound.conf",
        {"unbound.conf": _UNBOUND},
        _lines('local-zone: "{}" always_nxdomain\n', "server:\n"),
        "local-zone, always_nxdomain",
    ),
    Peer(
        "dnsdist",
        "dnsdist",
        "dnsdist",
        "--supervised --disable-syslog -C $folder/dnsdist.conf",
        {"dnsdist.conf": _DNSDIST},
        write_cdb,
        "list as CDB, built beforehand; relays without random source ports, and does not resolve",
    ),
    Peer(
        "PowerDNS Recursor",
        "pdns_recursor",
        "pdns-recursor",
        "--config-dir=$folder --daemon=no",
        {"recursor.conf": _RECURSOR, "rpz.lua": 'rpzFile("$list", {policyName="rpz"})\n'},
        _ZONE_OF_ITS_OWN,
        "RPZ",
    ),
    Peer(
        "Knot Resolver",
        "kresd",
        "knot-resolver",
        "-n -c $folder/kresd.conf $folder",
        {"kresd.conf": _KNOT},
        _ZONE_OF_ITS_OWN,
        "RPZ",
    ),
    Peer(
        "dnsmasq",
        "dnsmasq",
        "dnsmasq-base",
        "--keep-in-foreground --conf-file=$folder/dnsmasq.conf",
        {"dnsmasq.conf": _DNSMASQ},
        _lines("address=/{}/\n"),
        "address=/name/",
    ),
    Peer(
        "BIND",
        "named",
        "bind9",
        "-f -n 1 -c $folder/named.conf",
        {"named.conf": _BIND},
        _ZONE,
        "RPZ; answers before it blocks",
    ),
)


# --- Starting them ----------------------------------------------------------------------------------

_probe = itertools.count()


def _blocks(port: int, name: str) -> bool:
    """Whether a name is blocked, asked by one below it that no cache can know."""
    try:
        reply = ask((HOST, port), f"probe{next(_probe)}.{name}", timeout=0.25)
    except (OSError, dns.exception.DNSException):
        return False
    return reply.rcode() == dns.rcode.NXDOMAIN or rdatas(reply) == {"0.0.0.0"}


def _until_it_blocks(process: subprocess.Popen[bytes], running: Running, log: Path) -> Running:
    """Wait until names from the whole list are blocked, and say when. Raises TimeoutError with the log's end.

    One name would not do: some servers answer before they have read the list, others while they read it.
    """
    for name in running.probes:
        while not _blocks(running.port, name):
            if time.monotonic() > running.began + PATIENCE or process.poll() is not None:
                raise TimeoutError(f"it does not block {name}: {log.read_text('utf-8', 'replace')[-600:]}")
            time.sleep(0.002)
    return dataclasses.replace(running, seconds=time.monotonic() - running.began)


@contextlib.contextmanager
def run_peer(peer: Peer, names: Names, upstream: int, folder: Path) -> Iterator[Running]:
    """Run it on the core of the server. Raises TimeoutError when it does not come to block."""
    program = peer.found()
    assert program, "it is not installed"
    port, listed, log = free_port(), folder / "list", folder / "output"
    peer.write_list(names.listed, listed)
    facts = {"port": port, "upstream": upstream, "folder": folder, "list": listed, "user": getpass.getuser()}
    for name, text in peer.settings.items():
        (folder / name).write_text(Template(text).substitute(facts))
    words = Template(peer.arguments).substitute(facts).split()
    began = time.monotonic()
    with log.open("wb") as output, on_core(core_of(0)):
        process = subprocess.Popen([program, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield _until_it_blocks(process, Running(port, process.pid, names.probes, began), log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def run_belisha(workers: int, names: Names, upstream: int, folder: Path) -> Iterator[Running]:
    """Belisha with its shipped settings, started again after the list was pushed.

    The list was compiled by the push, as the lists of other servers were written beforehand. It starts on
    all cores, because it is several processes that start at once. Then each worker has a core of its own as
    long as there are some, the last may have that of the load, where the other processes are.
    """
    port = free_port()
    with on_core(*allowed()):
        server = Belisha(folder, f"udp://{HOST}:{upstream}", workers=workers, listen=(f"{HOST}:{port}",))
        server.__enter__()
    try:
        lines = "".join(f"*.{name}\n" for name in names.listed)
        status, answer = server.call("PUT", "/v1/lists/bench/content", lines.encode(), 300)
        assert status == 200, answer
        server.stop()
        began = time.monotonic()
        with on_core(*allowed()):
            server.start(ready=False)
        assert server.process
        running = Running(port, server.process.pid, names.probes, began)
        running = _until_it_blocks(server.process, running, folder / "stderr")
        wait_for(lambda: len(server.children()) > workers, "every child")
        for name, pid in server.children().items():
            number = name.removeprefix("worker-")
            os.sched_setaffinity(pid, {core_of(int(number)) if number.isdigit() else cores()[1]})
        yield running
    finally:
        server.__exit__(None, None, None)
