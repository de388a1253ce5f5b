"""Questions to one upstream over TCP or TLS: one connection, opened when needed, used by all of them.

    ask ──► free? ──► sent under an ID of its own ──► reply with that ID ──► done(octets)
             │no                  │                        (in any order, RFC 7766 7)
             ▼                    │ nothing within its time ──► done(None)
          waits for a connection  │ the connection ends ──► once more over a fresh one (RFC 7766 6.2.4),
          or for a place on it    │                         if it had brought answers; else done(None)

Many questions are under way at once (RFC 7766 6.2.1.1). A server that hangs up with questions
unanswered has shown how many it takes on one connection; for a minute no connection gets more. The
connection closes when it was idle for a while (RFC 7766 6.2.3). We ask for no other time (RFC 7828):
a server that wants it back sooner hangs up, and what that costs is the handshake of a later question.

What a broken or hostile server can do: send what was not asked, slowly, half, or nothing. Messages with
an ID that is not awaited are passed over, and after some in a row the connection is given up; one that
brings nothing while a question waits its whole time is given up too. After a connection that brought
nothing at all there is a pause before the next, so a dead server does not cost a handshake for each
question. Callbacks instead of tasks; this module must not know what is in a message beyond its ID.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from resolver.dns.edns import padded
from resolver.serving.dialling import Dialler, Places
from resolver.serving.framing import Framed
from resolver.serving.wheel import Wheel
from resolver.upstreams import UpstreamAddress

ANSWER_SECONDS: Final = 2.0
"""What a question may take on a connection that stands."""
OPEN_SECONDS: Final = 1.0
"""What it may take longer when the connection has to be opened first."""
IDLE_SECONDS: Final = 10.0
"""Without a question, until a connection is closed."""
MAX_IN_FLIGHT: Final = 256
"""Questions under way on one connection."""
MAX_WAITING: Final = 1024
"""Questions that wait for a place on it; a further one is not asked."""
MAX_CONNECTIONS: Final = 3
"""To one upstream: the one in use, and others that still wait for their last replies (RFC 7766 6.2.2)."""
MAX_SENDS: Final = 2
"""How often a question is sent: once more when the connection broke."""
MAX_WRONG: Final = 8
"""Messages in a row that answer nothing, until a connection is given up."""
MAX_FORSAKEN: Final = 64
"""Questions of one connection that nobody waits for any more: its IDs must not run out."""
QUOTA_SECONDS: Final = 60.0
"""How long it is remembered that a server takes only so many questions on one connection."""
HANGING_UP: Final = 1.0
"""Seconds after an answer within which the end of a connection says that it was meant to be the last."""
FIRST_PAUSE: Final = 0.25
"""Seconds after a connection that could not be opened, or brought nothing; doubled each time."""
LONGEST_PAUSE: Final = 5.0
"""Seconds."""

PADDING: Final = 128
"""Octets: a question over TLS is padded to a multiple of it (RFC 8467 4.1)."""

_ANY: Final = 1 << 62
"""A quota that is never reached."""

Build = Callable[[int], bytes]
Done = Callable[[bytes | None], None]


class _Question:
    """One question: how to write it, whom to tell (None: told), and how far it has come."""

    __slots__ = ("build", "connection", "done", "number", "sends", "sent", "until")

    def __init__(self, build: Build, done: Done, until: float) -> None:
        self.build = build
        self.done: Done | None = done
        self.until: Final = until
        self.sends = 0
        self.sent = 0.0
        self.number = 0
        self.connection: _Connection | None = None

    def end(self, reply: bytes | None) -> None:
        """Tell whoever asked; only the first time counts.

        The wheel keeps this until its time is over. Nothing else is kept that long: at thousands of
        questions a second it would be megabytes.
        """
        done, self.done = self.done, None
        self.build, self.connection = _forgotten, None
        if done is not None:
            done(reply)


class _Connection:
    """One connection, and what became of the questions on it.

    quota      how many it may get in all
    pending    those under way, by ID; also those that nobody waits for any more, because their IDs are
               not free until their replies have come
    forsaken   how many of them are such
    sends, answers, wrong (in a row)   counts of messages
    heard, used   when the last answer came, when the last question left, in seconds
    secure     whether nobody on the way can read it
    """

    __slots__ = (
        "answers",
        "forsaken",
        "framed",
        "heard",
        "pending",
        "quota",
        "secure",
        "sends",
        "used",
        "wrong",
    )

    def __init__(self, framed: Framed, quota: int, now: float) -> None:
        self.framed: Final = framed
        self.quota: Final = quota
        self.secure: Final = framed.tls is not None
        self.pending: Final[dict[int, _Question]] = {}
        self.heard = self.used = now
        self.answers = self.sends = self.wrong = self.forsaken = 0

    @property
    def spent(self) -> bool:
        """Whether it may get no further question, ever."""
        return self.sends >= self.quota or self.forsaken >= MAX_FORSAKEN or self.framed.closing


class Stream:
    """The questions to one upstream over connections. Belongs to the event loop it was made in."""

    def __init__(
        self,
        address: UpstreamAddress,
        chance: Iterator[int],
        clock: Callable[[], float],
        wheel: Wheel,
        places: Places | None = None,
    ) -> None:
        """`chance` gives unpredictable numbers, `places` the addresses of an upstream that is `named`."""
        self._loop = asyncio.get_running_loop()
        self._chance = chance
        self._clock = clock
        self._wheel = wheel
        self._dialler = Dialler(address, clock, places)
        self._current: _Connection | None = None
        self._connections: set[_Connection] = set()
        self._waiting: deque[_Question] = deque()
        self._opening: asyncio.Task[None] | None = None
        self._aside = 0.0
        self._pause = FIRST_PAUSE
        self._quota = _ANY
        self._quota_until = 0.0

    def ask(self, build: Build, done: Done) -> None:
        """Ask what `build(ID)` gives. `done` gets the reply's octets (its ID is ours, QR is set, 12
        octets at least) or None, once, and never from inside this call."""
        now = self._clock()
        current = self._current
        if (current is None and now < self._aside) or len(self._waiting) >= MAX_WAITING:
            self._loop.call_soon(done, None)
            return
        seconds = ANSWER_SECONDS if current else ANSWER_SECONDS + OPEN_SECONDS
        question = _Question(build, done, now + seconds)
        self._wheel.at(question.until, self._late, question)
        if current and not self._waiting and len(current.pending) < MAX_IN_FLIGHT and not current.spent:
            self._send(current, question, now)
            return
        self._waiting.append(question)
        self._flush()

    def close(self) -> None:
        """Stop; what is under way ends without an answer and without a call."""
        if self._opening:
            self._opening.cancel()
        self._waiting.clear()
        for connection in self._connections:
            connection.framed.lost = _nothing
            connection.framed.abort()
        self._connections.clear()
        self._current = None

    # Sending

    def _send(self, connection: _Connection, question: _Question, now: float) -> None:
        """RFC 5452 9.2: an ID that nobody can guess; RFC 7766 6.2.1: and that is not under way."""
        number = next(self._chance) & 0xFFFF
        while number in connection.pending:
            number = next(self._chance) & 0xFFFF
        question.number, question.connection, question.sent = number, connection, now
        question.sends += 1
        connection.sends += 1
        connection.used = now
        connection.pending[number] = question
        octets = question.build(number)
        connection.framed.send(padded(octets, PADDING) if connection.secure else octets)

    def _flush(self) -> None:
        """Send what waits while there is room, and open a connection for the rest."""
        now = self._clock()
        waiting = self._waiting
        while waiting:
            current = self._current
            if waiting[0].done is None:
                waiting.popleft()
            elif current is None:
                self._open()
                return
            elif current.spent:
                self._retire(current)
            elif len(current.pending) < MAX_IN_FLIGHT:
                self._send(current, waiting.popleft(), now)
            else:
                return

    def _retire(self, connection: _Connection) -> None:
        """Nothing new for this connection; it ends when its last question does."""
        if self._current is connection:
            self._current = None
        if len(connection.pending) == connection.forsaken:
            connection.framed.close()

    # Opening

    def _open(self) -> None:
        if self._opening is None and len(self._connections) < MAX_CONNECTIONS:
            self._opening = self._loop.create_task(self._opened())

    async def _opened(self) -> None:
        """Open a connection and send what waits for it; failing that, tell all who wait."""
        try:
            framed = await self._dialler.dial()
        except OSError:
            self._failed()
            return
        finally:
            self._opening = None
        now = self._clock()
        # Whoever hung up early may have changed since: it gets another chance after a while.
        quota = self._quota if now < self._quota_until else _ANY
        connection = _Connection(framed, quota, now)
        framed.message = lambda octets: self._received(connection, octets)
        framed.lost = lambda: self._lost(connection)
        self._connections.add(connection)
        self._current = connection
        self._loop.call_later(IDLE_SECONDS, self._idle, connection)
        if framed.closing:
            self._lost(connection)
        else:
            self._flush()

    def _failed(self) -> None:
        """Nobody is there, or nobody who can be trusted: wait a while before the next connection."""
        if self._current is not None:
            return
        self._aside = self._clock() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        waiting = list(self._waiting)
        self._waiting.clear()
        for question in waiting:
            question.end(None)

    # Receiving

    def _received(self, connection: _Connection, octets: bytes) -> None:
        """A message: the reply to a question of this connection, or nothing to us."""
        number = int.from_bytes(octets[:2], "big")
        question = connection.pending.get(number)
        if question is None or len(octets) < 12 or not octets[2] & 0x80:
            connection.wrong += 1
            if connection.wrong >= MAX_WRONG:
                self._break(connection)
            return
        now = self._clock()
        del connection.pending[number]
        connection.wrong = 0
        connection.heard = connection.used = now
        connection.answers += 1
        if connection.answers == 1:
            self._pause, self._aside = FIRST_PAUSE, 0.0
            self._dialler.remember(connection.framed)
        if question.done is None:
            connection.forsaken -= 1
        question.end(octets)
        if self._waiting:
            self._flush()
        if connection.spent:
            self._retire(connection)

    def _late(self, question: _Question) -> None:
        """Its time is over. A connection that brought nothing meanwhile brings nothing any more."""
        if question.done is None:
            return
        connection = question.connection
        if connection is not None and connection.pending.get(question.number) is question:
            connection.forsaken += 1
            if connection.heard <= question.sent:
                self._break(connection)
            elif connection is not self._current:
                self._retire(connection)
        question.end(None)

    # Ending

    def _idle(self, connection: _Connection) -> None:
        """Close a connection that nobody has used for a while; otherwise look again later."""
        if connection not in self._connections:
            return
        left = connection.used + IDLE_SECONDS - self._clock()
        if left <= 0 and len(connection.pending) == connection.forsaken:
            self._retire(connection)
        else:
            self._loop.call_later(max(left, 1.0), self._idle, connection)

    def _break(self, connection: _Connection) -> None:
        """Give a connection up at once; `_lost` follows."""
        if self._current is connection:
            self._current = None
        connection.framed.abort()

    def _lost(self, connection: _Connection) -> None:
        """The connection is gone. What was under way on it is asked once more over a fresh one."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        connection.framed.unheard()
        if self._current is connection:
            self._current = None
        now = self._clock()
        left = [question for question in connection.pending.values() if question.done is not None]
        connection.pending.clear()
        if not connection.answers:
            self._failed()
        elif left and now - connection.heard < HANGING_UP:
            # Not one that was idle and ended just when it was used again.
            self._quota, self._quota_until = connection.answers, now + QUOTA_SECONDS
        again = [one for one in left if one.sends < MAX_SENDS and connection.answers]
        for question in reversed(again):
            question.connection = None
            self._waiting.appendleft(question)
        for question in left:
            if question.sends >= MAX_SENDS or not connection.answers:
                question.end(None)
        self._flush()


def _forgotten(_: int) -> bytes:
    """Writes a question that has ended, which nobody does."""
    return b""


def _nothing() -> None:
    """Hears of the end of a connection that nobody cares about."""
