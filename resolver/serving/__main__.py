"""`python -m resolver.serving`: a DNS worker, started by the supervisor with its sockets open."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from resolver import settings as settings_file
from resolver.errors import BelishaError
from resolver.events import log
from resolver.inherited import from_environment
from resolver.serving.worker import Worker


async def _serve() -> None:
    inherited = from_environment()
    settings = settings_file.load(Path(inherited.config) if inherited.config else None)
    await Worker(settings, inherited).run()


def main() -> int:
    """Run one worker; the exit status is 0 after an orderly stop, 2 for a wrong setting."""
    try:
        Path("/proc/self/comm").write_text("belisha-worker")
    except OSError:
        # Only `ps` would have shown it.
        log("the process name could not be set", "warning")
    try:
        asyncio.run(_serve())
    except BelishaError as error:
        log("worker cannot start", "error", reason=str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
