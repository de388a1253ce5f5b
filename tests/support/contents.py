"""Contents of lists and questions by chance, from so few words that rules meet.

For property tests: hypothesis draws a seed, and everything else follows from it. Its own strategies take
minutes for structures of this depth.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from resolver.rules import side
from resolver.rules.model import LINE_SHIFT, Content
from resolver.rules.side import Answer, Record, SideRule, canonical
from tests.support.oracle import Question, labels_of

A, AAAA, CNAME = 1, 28, 5

LABELS = (b"a", b"b", b"ab", b"9", b"-", b"a" * 45, b"b" * 57)
TYPES = (A, AAAA, 65)
CLIENTS = ("192.0.2.7", "192.0.2.99", "198.51.100.1", "2001:db8::1", "fe80::1%eth0", "::ffff:192.0.2.7", "")
NETWORKS = (
    "192.0.2.7/32", "192.0.2.0/24", "192.0.2.0/25", "0.0.0.0/0", "2001:db8::/32", "::/0", "fe80::/10",
    "tablet",
)  # fmt: skip
ADDRESSES = ("192.0.2.7", "192.0.2.200", "203.0.113.1", "2001:db8::1", "2001:db8:1::1", "::ffff:192.0.2.1")
RANGES = ("192.0.2.0/24", "192.0.2.0/25", "203.0.113.1/32", "2001:db8::/32", "2001:db8:1::/48", "0.0.0.0/0")
EXPRESSIONS = ("^a", "b$", "a.*b", "9", "[.]-[.]")
ANSWERS = (
    Answer(rcode=3),
    Answer(),
    Answer(silent=True),
    Answer(by_tcp=True),
    Answer(records=(Record(A, b"\xc0\0\2\1"),), ttl=30),
    Answer(records=(Record(A, b"\xc0\0\2\2"), Record(AAAA, bytes(16))), ttl=20),
    Answer(records=(Record(A, b"\xc0\0\2\2"),)),
    Answer(records=(Record(CNAME, b"\1x\0"),)),
)
SEEDS = st.integers(min_value=0, max_value=1 << 32)


class Made:
    """What follows from one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.lists = [self._content() for _ in range(self.chance.randint(1, 3))]

    def key(self) -> bytes:
        labels = self.chance.choices(LABELS[: self.chance.choice((3, 7))], k=self.chance.randint(1, 4))
        return b"".join(label[::-1] + bytes([len(label)]) for label in labels)

    def question(self, client: str | None = None) -> Question:
        asker = self.chance.choice(CLIENTS) if client is None else client
        return Question(labels_of(self.key()), self.chance.choice(TYPES), asker)

    def questions(self, client: str | None = None) -> list[Question]:
        """Some by chance; for each name that a list knows that one and one below it; the root."""
        known = [key for one in self.lists for key in (*one.names, *(rule.key for rule in one.sides))]
        near = [self.question(client)._replace(name=labels_of(key)) for key in known]
        below = [one._replace(name=(b"x", *one.name)) for one in near]
        return [*(self.question(client) for _ in range(4)), *near, *below, Question(())]

    def packed(self) -> list[bytes]:
        return [ipaddress.ip_address(text).packed for text in self._some(ADDRESSES, least=1)]

    def _content(self) -> Content:
        # No format with an order of its own has expressions.
        ordered = self.chance.random() < 0.4
        sides = [self._side(ordered, line) for line in range(1, self.chance.randint(1, 7))]
        names = {
            self.key(): self.chance.randint(1, 15) | line << LINE_SHIFT
            for line in range(50, 50 + self.chance.randint(0, 5))
        }
        return Content(names, canonical(sides), ordered)

    def _some(self, values: Sequence[Any], least: int = 0) -> tuple[Any, ...]:
        """None, mostly; else one or two."""
        count = self.chance.choice((1, 2)) if least else self.chance.choice((0, 0, 0, 0, 1, 2))
        return tuple(self.chance.choices(values, k=count))

    def _side(self, ordered: bool, line: int) -> SideRule:
        action = self.chance.choice((side.BLOCK, side.ALLOW, side.ANSWER, side.ANSWER, side.CANCEL))
        answer: Answer | None = self.chance.choice(ANSWERS)
        if action in (side.BLOCK, side.ALLOW) or (action == side.CANCEL and self.chance.random() < 0.3):
            answer = None
        rule = SideRule(
            action=action,
            answer=answer,
            important=self.chance.random() < 0.2,
            types=self._some(TYPES),
            not_types=self._some(TYPES),
            clients=self._some(NETWORKS),
            not_clients=self._some(NETWORKS),
            tags=self._some(("user_child",)) if self.chance.random() < 0.2 else (),
            not_tags=self._some(("user_child",)),
            outside=self._some([self.key()]),
            line=line,
        )
        return msgspec.structs.replace(rule, **self._place(ordered))

    def _place(self, ordered: bool) -> dict[str, Any]:
        """Where a rule stands: at a name, mostly."""
        kind, reach = self.chance.randrange(10), self.chance.randint(1, 3)
        if kind < 5:
            return {"key": self.key(), "reach": reach}
        if kind == 5:
            return {"reach": reach}
        if kind == 6:
            return {"clients": self._some(NETWORKS, least=1)}
        if kind == 7 or ordered:
            return {"addresses": self._some(RANGES, least=1)}
        return {"expression": self.chance.choice(EXPRESSIONS), "invert": self.chance.random() < 0.3}
