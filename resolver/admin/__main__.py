"""`python -m resolver.admin`: the HTTP process, as the supervisor starts it.

Its sockets and its end come from outside: `resolver.inherited` names the descriptors, SIGTERM asks for
an end in order, and end-of-file on the lifeline says that the supervisor is gone. Then this process
leaves at once, in the middle of whatever it does: another supervisor waits for its place, and must not
find somebody who still moves the pointer. That is as safe as being killed, which is always safe.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final

import structlog

from resolver import settings as settings_file
from resolver.admin.app import create_app, open_services, serving
from resolver.admin.events import configure
from resolver.errors import BelishaError
from resolver.inherited import Inherited, from_environment
from resolver.settings import Settings

_log = structlog.get_logger(__name__)

NAME: Final = "belisha-admin"


def main() -> int:
    """Run until told to stop. Returns the exit code: 0, or 1 after one event that says what is wrong."""
    configure()
    _set_process_name(NAME)
    try:
        inherited = from_environment()
        settings = settings_file.load(Path(inherited.config) if inherited.config else None)
        asyncio.run(run(inherited, settings))
    except BelishaError as error:
        _log.error("admin.failed", error=str(error), kind=type(error).__name__)
        return 1
    return 0


async def run(inherited: Inherited, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises StoreError, ProcessError.

    The doors are opened last and closed first: nobody is let in before the store is open, and what
    is under way still finds it open. What waits in the backlog meanwhile is not lost, as the
    supervisor keeps the listening sockets.
    """
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    loop.add_reader(inherited.lifeline, _leave)
    channels = [socket.socket(fileno=number) for number in inherited.control]
    doors = [socket.socket(fileno=number) for number in inherited.http]
    async with open_services(settings, channels) as services, serving(create_app(services), doors):
        _log.info("admin.started", listen=[_address(one) for one in doors], pid=os.getpid())
        await over.wait()
        _log.info("admin.stopping")


def _leave() -> None:
    """The lifeline is readable. Nothing is ever written to it, so it has ended."""
    _log.error("admin.orphaned", reason="the supervisor is gone")
    os._exit(1)


def _address(one: socket.socket) -> str:
    host, port = one.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _set_process_name(name: str) -> None:
    """What `ps` and `top` show. Best effort: not every kernel has this file."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)


if __name__ == "__main__":
    sys.exit(main())
