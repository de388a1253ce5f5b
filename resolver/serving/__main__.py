"""`python -m resolver.serving`: a DNS worker, started by the supervisor with its sockets open."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from resolver import settings as settings_file
from resolver.errors import BelishaError
from resolver.inherited import from_environment
from resolver.serving.worker import Worker


def _log_as_json() -> None:
    """One event a line on stderr, as JSON: names from packets cannot forge a line."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


async def _serve() -> None:
    inherited = from_environment()
    settings = settings_file.load(Path(inherited.config) if inherited.config else None)
    await Worker(settings, inherited).run()


def main() -> int:
    """Run one worker; the exit status is 0 after an orderly stop, 2 for a wrong setting."""
    _log_as_json()
    try:
        Path("/proc/self/comm").write_text("belisha-worker")
    except OSError:
        # Only `ps` would have shown it.
        structlog.get_logger(__name__).debug("the process name could not be set")
    try:
        asyncio.run(_serve())
    except BelishaError as error:
        structlog.get_logger(__name__).error("worker cannot start", reason=str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
