"""The meaning of lists, as slowly and obviously as it can be written: every rule is asked, none is indexed.

This is the specification that `resolver.policy.decide` is held to. It starts from the contents of lists and
shares no code with the index, the conditions or the ruling: names are tuples of labels, networks are those
of the standard library, expressions are searched with `re`.

    reach       APEX the name itself, BELOW what is under it
    precedence  important allow, important answer, important block, allow, answer, block, and at last,
                important or not, an answer that only asks to come again over TCP
    ordered     of such a list one rule takes part: client, then name, then address of the answer; the
                longest name or prefix, then the smallest address; then a plain rule, then canonical order
    cancel      an answer that a cancelling rule names (or none in particular) takes no part
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from resolver.rules import model, side
from resolver.rules.side import Answer, SideRule

Labels = tuple[bytes, ...]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

CNAME = 5


class Question(NamedTuple):
    """What is asked: a name, a type, who asks, and the addresses of the answer (none: no answer yet)."""

    name: Labels
    qtype: int = 1
    client: str = ""
    addresses: tuple[bytes, ...] = ()


class Voice(NamedTuple):
    """A rule that speaks of the question: its place among the lists, its name, and what it wants."""

    place: int
    name: Labels
    actions: frozenset[int]
    rule: SideRule | None = None

    @property
    def important(self) -> bool:
        return self.rule is not None and self.rule.important

    @property
    def by_tcp(self) -> bool:
        return self.rule is not None and self.rule.answer is not None and self.rule.answer.by_tcp


def labels_of(key: bytes) -> Labels:
    """An index key → labels, the leftmost first."""
    name, labels = key[::-1], []
    while name:
        labels.append(name[1 : name[0] + 1])
        name = name[name[0] + 1 :]
    return tuple(labels)


def lies_below(name: Labels, ancestor: Labels) -> bool:
    """Whether a name is under another one; not that one itself."""
    return len(name) > len(ancestor) and name[len(name) - len(ancestor) :] == ancestor


def decide(lists: Sequence[model.Content], question: Question) -> tuple[int, Answer | None]:
    """The verdict (numbers of `resolver.policy.decide`), and the answer if it is one."""
    voices: list[Voice] = []
    for place, content in enumerate(lists):
        mine = [*_plain(place, content.names, question), *_aside(place, content.sides, question)]
        voices += [_first(mine, question)] if content.ordered and mine else mine
    for important in (True, False):
        level = [voice for voice in voices if voice.important >= important]
        if any(side.ALLOW in voice.actions for voice in level):
            return model.ALLOWED, None
        answers = [voice for voice in level if _answers(voice, voices) and not voice.by_tcp]
        if answers:
            return 8, _sum(answers)
        if any(side.BLOCK in voice.actions for voice in level):
            return model.BLOCKED, None
    last = [voice for voice in voices if _answers(voice, voices)]
    return (8, _sum(last)) if last else (0, None)


def _answers(voice: Voice, voices: Sequence[Voice]) -> bool:
    """Whether a rule answers, and no other takes that back."""
    return side.ANSWER in voice.actions and not _cancelled(voice, voices)


def _plain(place: int, names: model.Rules, question: Question) -> list[Voice]:
    """The plain rules of one list that speak of the name."""
    voices = []
    for key, value in names.items():
        listed, actions = labels_of(key), set()
        for bit, action, reach in (
            (model.BLOCK_APEX, side.BLOCK, side.APEX),
            (model.BLOCK_BELOW, side.BLOCK, side.BELOW),
            (model.ALLOW_APEX, side.ALLOW, side.APEX),
            (model.ALLOW_BELOW, side.ALLOW, side.BELOW),
        ):
            if value & bit and _reaches(listed, reach, question.name):
                actions.add(action)
        if actions:
            voices.append(Voice(place, listed, frozenset(actions)))
    return voices


def _aside(place: int, rules: Sequence[SideRule], question: Question) -> list[Voice]:
    """The side rules of one list that apply."""
    return [
        Voice(place, labels_of(rule.key), frozenset({rule.action}), rule)
        for rule in side.canonical(rules)
        if _names(rule, question) and _suits(rule, question)
    ]


def _reaches(listed: Labels, reach: int, name: Labels) -> bool:
    return bool((reach & side.APEX and name == listed) or (reach & side.BELOW and lies_below(name, listed)))


def _names(rule: SideRule, question: Question) -> bool:
    """Whether the rule speaks of the name."""
    if any(_reaches(labels_of(key), side.BOTH, question.name) for key in rule.outside):
        return False
    if rule.expression:
        found = re.search(rule.expression.encode(), b".".join(question.name)) is not None
        return found != rule.invert
    return _reaches(labels_of(rule.key), rule.reach, question.name)


def _suits(rule: SideRule, question: Question) -> bool:
    """Whether type, client and addresses are those that the rule asks for."""
    if (rule.types and question.qtype not in rule.types) or question.qtype in rule.not_types:
        return False
    if rule.addresses and not _within(question.addresses, rule.addresses):
        return False
    # Nobody has a name or a tag yet, so a rule that asks for one cannot apply.
    client = [_address(question.client)] if question.client else []
    if rule.clients and not _within(client, rule.clients):
        return False
    return not rule.tags and not _within(client, rule.not_clients)


def _address(value: str | bytes) -> Address:
    """An address; the IPv4 one inside an IPv6 one, if there is one."""
    address = ipaddress.ip_address(value.partition("%")[0] if isinstance(value, str) else value)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _networks(texts: Sequence[str]) -> list[Network]:
    """Those of the texts that are networks; the others are names of clients."""
    found = []
    for text in texts:
        if re.fullmatch(r"[0-9a-f.:]+(/[0-9]+)?", text) and ("." in text or ":" in text):
            found.append(ipaddress.ip_network(text))
    return found


def _within(addresses: Sequence[str | bytes | Address], networks: Sequence[str]) -> bool:
    return any(
        (one if isinstance(one, Address) else _address(one)) in network
        for one in addresses
        for network in _networks(networks)
    )


def _first(voices: Sequence[Voice], question: Question) -> Voice:
    """Of an ordered list the rule that takes part."""

    def weight(voice: Voice) -> tuple[int, int, int]:
        rule = voice.rule
        if rule is not None and rule.clients and not rule.key:
            return 2, *_closest([_address(question.client)] if question.client else [], rule.clients)
        if rule is not None and rule.addresses:
            return 0, *_closest([_address(one) for one in question.addresses], rule.addresses)
        return 1, sum(len(label) + 1 for label in voice.name), 0

    best = voices[0]
    for voice in voices[1:]:
        if weight(voice) > weight(best):
            best = voice
    return best


def _closest(addresses: Sequence[Address], texts: Sequence[str]) -> tuple[int, int]:
    """The longest prefix that holds one of the addresses; of equal ones the smallest address first."""
    return max(
        (
            (network.prefixlen, -int(network.network_address))
            for network in _networks(texts)
            if any(address in network for address in addresses)
        ),
        default=(0, 0),
    )


def _cancelled(voice: Voice, voices: Sequence[Voice]) -> bool:
    """Whether another rule takes this answer back."""
    for other in voices:
        rule = other.rule
        if rule is not None and side.CANCEL in other.actions and other.important >= voice.important:
            if rule.answer is None or (voice.rule is not None and rule.answer == voice.rule.answer):
                return True
    return False


def _sum(voices: Sequence[Voice]) -> Answer:
    """What is answered: the rules of the list whose rule is the most specific, together."""
    longest = max(sum(len(label) + 1 for label in voice.name) for voice in voices)
    place = min(voice.place for voice in voices if sum(len(label) + 1 for label in voice.name) == longest)
    mine = [voice for voice in voices if voice.place == place]
    mine.sort(key=lambda voice: sum(len(label) + 1 for label in voice.name), reverse=True)
    answers = [voice.rule.answer for voice in mine if voice.rule and voice.rule.answer]
    bare = [answer for answer in answers if not answer.records]
    aliases = [answer for answer in answers if any(record.rtype == CNAME for record in answer.records)]
    if bare or aliases:
        return (bare or aliases)[0]
    records: list[side.Record] = []
    for answer in answers:
        records += [record for record in answer.records if record not in records]
    return Answer(records=tuple(records), ttl=min([one.ttl for one in answers if one.ttl], default=0))
