"""One question to an upstream over TCP: a connection, a length, a message, the same back.

RFC 7766 8: length and message leave in one segment. One connection for one question keeps this
simple; answers that need TCP are rare. Replies with another ID are passed over, not believed.
"""

from __future__ import annotations

import asyncio
from typing import Final

from resolver.upstreams import Endpoint

_MAX_WRONG: Final = 4
"""Messages with another ID that are passed over before the connection is given up."""


async def ask_over_tcp(endpoint: Endpoint, query: bytes, seconds: float) -> bytes:
    """The reply's octets. Raises OSError, TimeoutError, or EOFError when the upstream hangs up."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        try:
            writer.write(len(query).to_bytes(2, "big") + query)
            await writer.drain()
            for _ in range(_MAX_WRONG):
                length = int.from_bytes(await reader.readexactly(2), "big")
                data = await reader.readexactly(length)
                if data[:2] == query[:2] and length >= 12 and data[2] & 0x80:
                    return data
            raise EOFError("only answers to other questions")
        finally:
            writer.close()
