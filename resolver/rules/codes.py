"""Every code of a report or a refusal, with its sentence. The API promises these codes.

`LINE_CODES` say what is wrong with one line that is counted and left out; `ASIDE_CODES` name what a line
may be without being wrong; `UNENFORCEABLE_CODES` what is right and cannot be obeyed; `GUARD_CODES` what
reaches too far and is held back; `REFUSALS` are the reasons for which a whole list, or a change by hand,
is refused (HTTP 422), so that the old one stays in force. A code is never renamed; a sentence may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from resolver.errors import ListRefused

MAX_LINE: Final = 8192
"""Octets of the longest line that is read."""

MAX_LINES: Final = 20_000_000
"""Lines of the longest list that is read; the line numbers of a compiled file have room for it."""

LINE_CODES: Final[Mapping[str, str]] = {
    # What cannot be a name.
    "name-empty": "There is no name on this line.",
    "label-empty": "Two dots stand side by side, or a dot stands first.",
    "label-too-long": "A label is longer than 63 octets.",
    "name-too-long": "The name is longer than 253 characters.",
    "bad-character": "A name is made of letters, digits, hyphens, underscores and dots.",
    "bad-unicode": "The name holds a character that UTS 46 does not allow in names.",
    "ip-address": "This is an IP address; only names can be looked up and blocked.",
    # What is no line of this format.
    "line-too-long": f"The line is longer than {MAX_LINE} octets.",
    "several-words": "Only one name may stand on a line of this format.",
    "hosts-line": "This is a hosts line; set the list's format to `hosts`.",
    "no-address": "A hosts line begins with an address.",
    "not-dnsmasq": "This is no dnsmasq option; a rule looks like `address=/name/`.",
    "not-unbound": 'This is no unbound option; a rule looks like `local-zone: "name." always_nxdomain`.',
    "unknown-zone-type": "unbound knows no local-zone type of this name.",
    "not-zone": "This is no record of a zone file; a rule looks like `name CNAME .`.",
    "unclosed-parenthesis": "A parenthesis opens on this line and is not closed soon.",
    "no-owner": "The record has no owner of its own, and none before it that could be meant.",
    "owner-outside-zone": "The owner is no name of the zone, which `$ORIGIN` or the SOA record names.",
    "target-relative": "The target is relative to a zone that is not named; end it with a dot.",
    "bad-escape": "A backslash is followed by three digits up to 255, or by one other character.",
    "wildcard-inside": "`*` stands for whole labels, and only at the left end of a name.",
    "bad-rpz-network": "A network looks like `24.0.2.0.192`, its host bits zero, `zz` for zero words.",
    "bad-record": "The data of the record does not fit its type.",
    "cname-and-other-data": "An alias (CNAME) stands alone; another record of this owner came before.",
    "too-many-records": "The list has more records to answer with than are kept.",
    "tag-without-zone": "The tags are for a zone that the list does not have.",
    "bad-network": "A network looks like `192.0.2.0/24` or `2001:db8::/32`.",
    "nothing-to-void": "The line takes back another rule; taken alone it says nothing.",
    # What is no expression that can be searched for in linear time.
    "regex-empty": "There is no expression.",
    "regex-too-long": "The expression is longer than 1000 characters.",
    "regex-not-ascii": "An expression is printable ASCII; write other letters as DNS does (`xn--`).",
    "regex-brackets": "A bracket is opened and not closed, or closed and not opened.",
    "regex-nothing-to-repeat": "A repetition stands where there is nothing to repeat.",
    "regex-repeat": "What stands between these braces is no repetition.",
    "regex-possessive": "Possessive repetitions cannot be searched for in linear time.",
    "regex-back-reference": "Back-references cannot be searched for in linear time.",
    "regex-look-around": "Look-ahead and look-behind are not supported.",
    "regex-atomic": "Atomic groups cannot be searched for in linear time.",
    "regex-approximate": "Approximate matching is not supported.",
    "regex-recursion": "An expression cannot call itself.",
    "regex-group": "This kind of group is unknown.",
    "regex-flags": "Of the flags only `(?i)` at the start is known; expressions never ask for case.",
    "regex-escape": "A backslash before this character has no meaning here.",
    "regex-class": "This is no range or class of characters.",
    "regex-too-deep": "More than 50 groups stand inside each other.",
    "regex-too-large": "Its repetitions multiply to more than 2000 places.",
    "regex-too-complex": "The expression needs more states than are kept for one.",
    "regex-too-many": "The list has more expressions, or harder ones, than are kept.",
    "regex-extension": "This extension of Pi-hole's is unknown, so the rule is left out.",
    # What is understood, and not supported: obeying it in part could block too much.
    # What voids an adblock rule: it would otherwise reach further than it says.
    "unknown-modifier": "This modifier is unknown to DNS filters, so the rule is left out.",
    "bad-modifier": "A modifier lacks its value, or has one that it cannot have, so the rule is left out.",
    "modifier-twice": "A modifier stands twice in this rule, so the rule is left out.",
    "too-many-values": "A modifier has more than 1000 values, so the rule is left out.",
    "unknown-tag": "No client can have this tag, so the rule is left out.",
    "bad-rewrite": "This is no answer that `dnsrewrite` can give, so the rule is left out.",
    "pattern-too-short": "The mask has too little text; it would match many names by chance.",
    "matches-nothing": "No name can match this mask: a dot stands at its beginning or its end.",
}
"""Code of an invalid line -> what is wrong with it."""

ASIDE_CODES: Final[Mapping[str, str]] = {
    # ignored: fine where they stand, and nothing for a resolver to do
    "local-name": "A name of the machine itself, as every hosts file has it.",
    "address-only": "An address without a name.",
    "other-option": "An option of the server that the list was written for; it blocks nothing.",
    "tag": "Says which clients a zone of this list is for; it blocks nothing by itself.",
    "zone-record": "A record or directive that a zone has because it is a zone; no rule.",
    "conditional-forward": "An upstream for a name; it blocks nothing.",
    # not DNS: rules for a browser
    "cosmetic": "Hides a part of a page.",
    "path": "Speaks of a path; DNS sees only names.",
    "port": "Speaks of a port; DNS sees only names.",
    "scheme": "Speaks of a scheme; DNS sees only names.",
    "url": "Speaks of a part of a URL; DNS sees only names.",
    # notes: the line is obeyed, and this is worth knowing
    "foreign-address": "The name is blocked; it is not redirected to the address the line gives.",
}
"""Code of a line that is no fault -> what it is."""

UNENFORCEABLE_CODES: Final[Mapping[str, str]] = {
    "respgeo": "The rule asks for the country of an answer, which is not known here.",
    "cancels-a-block": "The line takes back a rewrite to nowhere, which is a plain block here.",
    "answer-in-allow-list": "An allow list says what passes; it cannot also say what is answered.",
    "too-many-side-rules": "The list has more rules with conditions or answers than are kept.",
    "rpz-nsdname": "Asks for the name of a server of the zone; a forwarder never learns it.",
    "rpz-nsip": "Asks for the address of a server of the zone; a forwarder never learns it.",
    "zone-directive": "`$INCLUDE` and `$GENERATE` are not obeyed; put the records into the list.",
    "record-type": "Records of this type are not given as answers.",
    "tag-without-clients": "No network of the list carries a tag of this zone, so it is for nobody.",
    "view-clause": "Stands in a `view:`, which is for some clients; use a group and a list of its own.",
    "zone-override": "Another type for some clients is not obeyed; use a group and a list of its own.",
    "schedule": "The line holds at some hours only; schedules belong to the policy, not to a list.",
    "rewrite-not-trusted": "The line would redirect a name; set `rewrites` of the list if you trust it to.",
}
"""Code of a line that is understood and left out, because a forwarder cannot, or may not, obey it."""

GUARD_CODES: Final[Mapping[str, str]] = {
    "covers-root": "The rule covers every name there is.",
    "covers-top-level": "The rule speaks of a whole top-level domain, or of a name of one label.",
    "covers-suffix": "The rule covers a public suffix, under which many unlike people have names.",
    "covers-protected": "The rule covers a protected name: a helpline, or what machines need to stay safe.",
    "covers-too-much": "The expression finds more than one in eight of all ordinary names.",
}
"""Code of a rule that the guard holds back -> what it would cover."""

TOO_WIDE: Final = "rule-too-wide"

SENTENCES: Final[Mapping[str, str]] = {**LINE_CODES, **ASIDE_CODES, **UNENFORCEABLE_CODES, **GUARD_CODES}
"""Every code that a line can get -> its sentence."""

REFUSALS: Final[Mapping[str, str]] = {
    "list-empty": "The list is empty",
    "list-is-html": "This is a web page, not a list",
    "list-is-binary": "This is binary data, not a list",
    "list-is-utf16": "The list is in UTF-16",
    "list-all-invalid": "No line of the list is a rule",
    "line-invalid": "A line to add or remove is no rule",
    "too-many-lines": "The list has too many lines",
    TOO_WIDE: "A rule would reach too far",
}
"""Code of a refused list -> the title of its problem document."""


def refusal(code: str, detail: str, extra: Mapping[str, object] | None = None) -> ListRefused:
    """The error for a code of `REFUSALS`; `detail` names the fault and the remedy."""
    return ListRefused(code, REFUSALS[code], detail, extra)
