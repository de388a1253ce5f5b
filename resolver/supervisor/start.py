"""The order of start-up. Each step stands where it does for a reason; the reason stands beside it.

Everything up to the loop is synchronous: a step that fails ends the start with one sentence
(SettingsError), before a single child runs.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from resolver import settings as settings_file
from resolver.errors import ProcessError, SettingsError
from resolver.events import log
from resolver.inherited import Inherited, UdpSocket
from resolver.settings import Settings
from resolver.supervisor import folder, privileges
from resolver.supervisor.announcement import Announcement, write_port_file
from resolver.supervisor.child import Child, ending, environment_for, module
from resolver.supervisor.first import has_generation
from resolver.supervisor.ready import ReadyProbe, notify
from resolver.supervisor.secret import make_secret
from resolver.supervisor.signals import Signals
from resolver.supervisor.sockets import Sockets, open_sockets
from resolver.supervisor.watch import Watch

_MOST_DESCRIPTORS: Final = 1 << 20
"""Some containers have a hard limit of a thousand million; nobody needs it, some loops walk it."""
_UMASK: Final = 0o027


@dataclass(frozen=True)
class Commands:
    """What is run; tests put small processes in their place.

    `first` and `banner` run once and end; the others are kept alive. `has_generation` is no command,
    but the question that decides whether `first` is run.
    """

    worker: Callable[[int], list[str]] = lambda number: module("resolver.serving", f"worker-{number}")
    admin: list[str] = field(default_factory=lambda: module("resolver.admin", "admin"))
    first: list[str] = field(default_factory=lambda: module("resolver.supervisor.first"))
    banner: list[str] = field(default_factory=lambda: module("resolver.supervisor.banner"))
    has_generation: Callable[[Path], bool] = has_generation


@dataclass(frozen=True)
class Options:
    """What the command line says beside the settings."""

    config: Path | None = None
    first_token: bool = False
    port_file: Path | None = None
    commands: Commands = field(default_factory=Commands)


def serve(options: Options) -> None:
    """Run Belisha in the foreground until SIGTERM or SIGINT.

    Raises SettingsError or ProcessError when it cannot start; the text is for people.
    """
    # Everything below depends on what the file says, so a mistake in it must cost nothing yet.
    settings = settings_file.load(options.config)
    os.umask(os.umask(0o077) | _UMASK)
    Path("/proc/self/comm").write_text("belisha")
    # The account is looked up before anything is changed: a typing error must not leave half a start.
    account = privileges.find_account(settings.user)
    # The folder before the sockets: its lock tells "Belisha runs already" better than a busy port does.
    data = Path(settings.data_dir)
    folder.make_data_folder(data)
    lock = folder.lock(data)
    # Before the sockets are opened, and inherited: a worker holds a descriptor for each TCP client.
    _raise_descriptor_limit()
    # While we still may: ports below 1024 and large receive buffers need privileges.
    sockets = open_sockets(settings)
    if account:
        # After the last thing that needs root, before the first line of a list is read.
        folder.give_to(data, account)
        privileges.drop_to(account)
        privileges.require_interpreter(account)
    environment = settings_file.snapshot(settings)
    with Signals() as signals:
        # A worker refuses to guess: without a generation it would serve nothing, so one is made first.
        if not options.commands.has_generation(data):
            _make_first_generation(options.commands.first, environment, lock, signals)
        children, lifeline = _children(settings, sockets, options, environment, lock)
        try:
            _watch(children, sockets, settings, options, signals)
        finally:
            os.close(lifeline)
            os.close(lock)
            sockets.close()


def _raise_descriptor_limit() -> None:
    """The soft limit on open files up to the hard one, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _make_first_generation(
    command: list[str], environment: dict[str, str], lock: int, signals: Signals
) -> None:
    """Run the one-shot process that puts the shipped lists in force, and wait for it.

    It holds the folder's lock too, so that a supervisor killed meanwhile cannot be followed by
    another that starts the same work. Raises ProcessError when it fails, SystemExit on SIGTERM.
    """
    # A process group of its own, as for every child: Ctrl-C reaches us alone, and we end it.
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, pass_fds=[lock], process_group=0
    ) as process:
        while process.poll() is None:
            if signals.wait(1.0) & signals.STOP:
                process.kill()
                raise SystemExit(0)
    if process.returncode:
        how = " ".join(f"{key} {value}" for key, value in ending(process.returncode).items())
        raise ProcessError(f"the shipped lists could not be put in force ({how}); the lines above say why")


def _children(
    settings: Settings, sockets: Sockets, options: Options, environment: dict[str, str], lock: int
) -> tuple[list[Child], int]:
    """Every child, not started yet, and our end of the lifeline, which nobody else may hold.

    Workers come before the admin process, in the order they are started: DNS must not wait for HTTP.
    """
    reading, writing = os.pipe()
    secret = make_secret()
    config = str(options.config.absolute()) if options.config else ""
    ours: list[int] = []
    children: list[Child] = []
    for number in range(settings.dns.workers):
        theirs, our = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Neither side may wait for the other: a message that does not fit is the sender's business.
        for one in (theirs, our):
            one.setblocking(False)
        ours.append(our.detach())
        inherited = Inherited(
            config=config,
            lifeline=reading,
            control=[theirs.detach()],
            worker=number,
            udp=[UdpSocket(one.udp[number].fileno(), one.endpoint.wildcard) for one in sockets.dns],
            tcp=[one.tcp[number].fileno() for one in sockets.dns],
            secret=secret,
        )
        children.append(_child(f"worker-{number}", options.commands.worker(number), inherited, environment))
    http = [one.fileno() for one in sockets.http]
    inherited = Inherited(config=config, lifeline=reading, control=ours, http=http)
    # The one writer holds the folder's lock with us: while it lives, no other run may begin.
    children.append(_child("admin", options.commands.admin, inherited, environment, lock))
    return children, writing


def _child(
    name: str, command: list[str], inherited: Inherited, environment: dict[str, str], *held: int
) -> Child:
    """A child with exactly the descriptors that its `Inherited` names, and those it only holds."""
    variables = environment_for(inherited, os.environ, environment)
    return Child(name, command, variables, [*inherited.descriptors(), *held])


def _watch(
    children: list[Child], sockets: Sockets, settings: Settings, options: Options, signals: Signals
) -> None:
    """Tell whoever asked once everything is up, and look after the children until told to stop."""
    announcement = Announcement(
        dns=[str(one.endpoint) for one in sockets.dns],
        admin=str(sockets.admin),
        workers=settings.dns.workers,
        pid=os.getpid(),
    )

    def on_ready() -> subprocess.Popen[bytes] | None:
        # systemd first: other services wait for it. People last: they wait for nothing but reading.
        log("ready", dns=" ".join(announcement.dns), admin=announcement.admin)
        notify("READY=1")
        if options.port_file:
            write_port_file(options.port_file, announcement)
        return _show_banner(options, announcement, settings)

    def on_late(trouble: str) -> None:
        # Ready all the same: if DNS serves, systemd must not end it because the rest is late.
        log("not everything came up", "error", trouble=trouble)
        print(f"Belisha did not come up whole: {trouble}. It goes on trying; the log says more.", flush=True)
        notify(f"READY=1\nSTATUS=Not everything came up: {trouble}")

    Watch(children, ReadyProbe(sockets.admin, time.monotonic()), on_ready, on_late).run(signals)
    notify("STOPPING=1")


def _show_banner(
    options: Options, announcement: Announcement, settings: Settings
) -> subprocess.Popen[bytes] | None:
    """Start the process that tells people; it alone reads the store and makes the first token."""
    words = [msgspec.json.encode(announcement).decode(), "first-token" if options.first_token else "no-token"]
    environment = {**os.environ, **settings_file.snapshot(settings)}
    try:
        return subprocess.Popen(
            [*options.commands.banner, *words], env=environment, stdin=subprocess.DEVNULL, process_group=0
        )
    except OSError as error:
        log("the banner cannot be shown", "warning", reason=str(error))
        return None


def check(config: Path | None) -> Settings:
    """Read the settings and everything they name that can be checked without changing anything.

    Raises SettingsError.
    """
    settings = settings_file.load(config)
    privileges.find_account(settings.user)
    if settings.lists_dir and not Path(settings.lists_dir).is_dir():
        raise SettingsError(f"lists_dir: there is no folder {settings.lists_dir}")
    return settings
