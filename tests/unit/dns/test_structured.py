"""Structured errors: what the draft wants of every text, and that nothing of it is ever too long."""

from __future__ import annotations

import json
from typing import NamedTuple

import dns.edns
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.dns import registry
from resolver.dns.edns import written
from resolver.dns.structured import CODES, MAX_OCTETS, asks, brief, structured
from resolver.policy.model import WhyPolicy


class Said(NamedTuple):
    """What a policy may say, without its bounds."""

    contact: tuple[str, ...] = ()
    organization: str = ""
    justification: str = ""
    language: str = ""


SCHOOL = WhyPolicy(
    ("mailto:help@school.example", "tel:+358-555-1234567"),
    "Example School",
    "games in lessons",
    "en",
)

TEXTS: dict[str, tuple[Said, str]] = {
    "all there is": (
        Said(("tel:+358-555-1234567",), "Example School", "games in lessons", "en-GB"),
        '{"c":["tel:+358-555-1234567"],"j":"games in lessons","s":5,"o":"Example School","l":"en-GB"}',
    ),
    "whom to ask": (Said(("mailto:a@example.org",)), '{"c":["mailto:a@example.org"],"s":5}'),
    "two to ask": (
        Said(("mailto:a@example.org", "tel:+123")),
        '{"c":["mailto:a@example.org","tel:+123"],"s":5}',
    ),
    "schemes in capitals": (Said(("MAILTO:a@example.org",)), '{"c":["MAILTO:a@example.org"],"s":5}'),
    # The draft registers two schemes; a client ignores all others.
    "a scheme among others": (
        Said(("https://example.org/help", "tel:+1", "sips:a@example.org")),
        '{"c":["tel:+1"],"s":5}',
    ),
    "why": (Said(justification="homework first"), '{"j":"homework first","s":5,"l":"und"}'),
    "who": (Said(organization="Example School"), '{"s":5,"o":"Example School","l":"und"}'),
    "a language and no text": (Said(("tel:+1",), language="fr"), '{"c":["tel:+1"],"s":5}'),
    "characters of all kinds": (
        Said(justification='für "Ä"\n\u2028\U0001f3eb', language="de"),
        '{"j":"für \\"Ä\\"\\n\u2028\U0001f3eb","s":5,"l":"de"}',
    ),
    "half a surrogate": (Said(justification="a\ud800b"), '{"j":"a?b","s":5,"l":"und"}'),
    "nothing": (Said(), ""),
    "a language of nothing": (Said(language="en"), ""),
    "other schemes alone": (Said(("https://example.org/help",)), ""),
}


@pytest.mark.parametrize(("said", "text"), TEXTS.values(), ids=TEXTS)
def test_texts(said: Said, text: str) -> None:
    """Minified, in the order of the draft's example; `l` is needed with either text; no empty values."""
    assert structured(said).decode() == text


@pytest.mark.parametrize("code", range(40))
def test_only_some_errors_have_data(code: int) -> None:
    """Blocked, Censored and Filtered; the sub-error for the policy of a network is for Blocked alone."""
    made = structured(SCHOOL, code)
    assert bool(made) == (code in (15, 16, 17)) == (code in CODES)
    if made:
        assert ("s" in json.loads(made)) == (code == registry.EDE_BLOCKED)
    assert bool(brief(SCHOOL, code)) == bool(made)


@pytest.mark.parametrize("code", [registry.EDE_CENSORED, registry.EDE_FILTERED])
def test_what_every_client_would_discard_is_not_sent(code: int) -> None:
    """An object needs one of c, j and s."""
    assert structured(Said(organization="Example School"), code) == b""
    assert brief(Said(justification="why"), code) == b""


def test_the_brief_form() -> None:
    """Without j and o, which go first when a reply is too long."""
    assert json.loads(brief(SCHOOL)) == {"c": list(SCHOOL.contact), "s": 5}
    assert brief(Said(justification="why")) == b'{"s":5}'
    assert brief(Said()) == b""


LONG = "\u4e16" * 100
"""As many characters as a policy takes; three octets each."""

CONTACT = "mailto:" + "a" * 100


def test_texts_go_before_contacts() -> None:
    both = json.loads(structured(Said(("tel:+1",), LONG, LONG, "zh")))
    assert both == {"c": ["tel:+1"], "s": 5, "o": LONG, "l": "zh"}, "j alone is enough to make room"
    none = json.loads(structured(Said((CONTACT,) * 4, LONG, LONG, "zh")))
    assert none == {"c": [CONTACT] * 4, "s": 5}
    escaped = "mailto:" + '"' * 100
    assert json.loads(structured(Said((escaped,) * 4))) == {"c": [escaped] * 2, "s": 5}


_CONTACTS = st.lists(st.from_regex(r"(?:mailto|tel|https|sips):[!-~]{1,100}", fullmatch=True), max_size=4)


@given(
    st.builds(
        Said, contact=_CONTACTS.map(tuple), organization=st.text(max_size=100),
        justification=st.text(max_size=100), language=st.sampled_from(("", "en", "zh-Hant")),
    ),
    st.sampled_from(CODES),
)  # fmt: skip
@example(Said((CONTACT,) * 4, LONG, LONG), registry.EDE_BLOCKED)
def test_whatever_a_policy_says(said: Said, code: int) -> None:
    """RFC 7493: UTF-8, one object, no name twice. Bounded; nothing but what was said; never an empty value;
    and always one of c, j and s."""
    for made in (structured(said, code), brief(said, code)):
        assert len(made) <= MAX_OCTETS
        if not made:
            continue
        pairs = json.loads(made.decode("utf-8"), object_pairs_hook=list)
        found = dict(pairs)
        assert len(found) == len(pairs) and found.keys() <= set("cjsol") and found.keys() & set("cjs")
        assert all(found.values())
        assert set(found.get("c", ())) <= set(said.contact)
        assert found.get("j", said.justification) == said.justification
        assert found.get("o", said.organization) == said.organization
        assert ("l" in found) == bool(found.keys() & {"j", "o"})


def test_the_policy_document_says_it() -> None:
    assert json.loads(structured(SCHOOL)) == {
        "c": ["mailto:help@school.example", "tel:+358-555-1234567"],
        "j": "games in lessons",
        "s": 5,
        "o": "Example School",
        "l": "en",
    }
    assert structured(WhyPolicy()) == b""


ASKED: dict[str, tuple[bytes, bool]] = {
    "nothing": (b"", False),
    "the option": (written(26), True),
    "the option with data, which is ignored": (written(26, b"\0\1"), True),
    "the option behind others": (written(10, b"12345678") + written(26), True),
    "an empty extended error, as earlier revisions had it": (written(15, b"\0\0"), True),
    "an extended error of whatever kind": (written(15, b"\0\x0ftext"), True),
    "other options": (written(10, b"12345678") + written(8, b"\0\1\0\0"), False),
    "an option that is cut": (written(10, b"12345678")[:-1], False),
}


@pytest.mark.parametrize(("options", "wanted"), ASKED.values(), ids=ASKED)
def test_who_asks(options: bytes, wanted: bool) -> None:
    assert asks(options) is wanted


def test_dnspython_asks_as_we_read_it() -> None:
    assert asks(written(15, dns.edns.EDEOption(dns.edns.EDECode.OTHER).to_wire() or b""))
