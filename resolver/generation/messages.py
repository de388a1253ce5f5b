"""What the admin process and a DNS worker say to each other.

Each pair shares one SOCK_SEQPACKET socket that the supervisor made and keeps open: a message is
never cut in two, not even by `kill -9`, and a restarted process finds the same socket again. There
is no end-of-file when the other side dies, so every wait has a time limit.

    worker -> admin  Hello      at start, and as the answer to Ping: pid and generation in force
    admin  -> worker Prepare    map the files of generation n, keep answering from the old one
    worker -> admin  Prepared   ready, or the reason why not
    admin  -> worker Commit     the pointer has moved to n: serve it from the next packet on
    worker -> admin  Committed  from now on no answer of an older generation leaves this worker
    admin  -> worker Refresh    there may be a better base for what you serve; nothing is answered
    admin  -> worker Ping       are you alive, and what do you serve?
    admin  -> worker Flush      forget the answers to questions about a name, or all of them
    worker -> admin  Flushed    done, so many answers are gone
    worker -> admin  Stats      counters since start, once a second

A stale message (from before a restart) does no harm: each names its generation, or is numbered, and
repeats are idempotent.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

MAX_MESSAGE: Final = 65_536
"""Octets of the largest message that either side reads."""


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    generation: int


class Commit(msgspec.Struct, frozen=True, tag="commit"):
    generation: int


class Refresh(msgspec.Struct, frozen=True, tag="refresh"):
    """No generation is named: the same lists asked in another way are the same generation."""


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    number: int = 0


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    """`name` is a folded wire name, with `below` it and all names below it; None stands for everything."""

    number: int
    name: Annotated[bytes, msgspec.Meta(min_length=1, max_length=255)] | None = None
    below: bool = False


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """`generation` is 0 while no valid generation could be loaded; `trouble` then says why."""

    worker: int
    pid: int
    generation: int
    ping: int = 0
    trouble: str = ""


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    generation: int
    trouble: str = ""


class Committed(msgspec.Struct, frozen=True, tag="committed"):
    generation: int
    trouble: str = ""


class Flushed(msgspec.Struct, frozen=True, tag="flushed"):
    """`number` is that of the Flush, `count` how many answers it took."""

    number: int
    count: Annotated[int, msgspec.Meta(ge=0)]


class Stats(msgspec.Struct, frozen=True, tag="stats"):
    counters: dict[str, int]


ToWorker = Prepare | Commit | Refresh | Ping | Flush
ToAdmin = Hello | Prepared | Committed | Flushed | Stats

encode = msgspec.msgpack.Encoder().encode
decode_for_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_for_admin = msgspec.msgpack.Decoder(ToAdmin).decode
