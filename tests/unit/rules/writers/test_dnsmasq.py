"""dnsmasq: names with all below, and what dnsmasq itself says of the file."""

from __future__ import annotations

from pathlib import Path

from resolver.rules.model import ALLOW_BELOW, ALLOW_BOTH, BLOCK_BELOW, BLOCK_BOTH
from resolver.rules.side import ALLOW, ANSWER, BLOCK, SideRule
from resolver.rules.writers.dnsmasq import DNSMASQ
from resolver.rules.writers.writer import losses
from tests.unit.rules.shorthand import key
from tests.unit.rules.writers import cases


def test_plain_rules() -> None:
    assert cases.plain_lines(DNSMASQ) == {
        "|": None,
        "||": ["local=/a.example/"],
        "||*.": ["local=/*.a.example/"],
        "@@|": None,
        "@@||": ["server=/a.example/#"],
        "@@||*.": ["server=/*.a.example/#"],
        "|, below allowed": None,
        "||, alone allowed": None,
    }


def test_every_name_and_names_with_one_end() -> None:
    assert cases.lines(cases.of_side(SideRule(action=BLOCK)), DNSMASQ) == ["local=/#/"]
    assert cases.lines(cases.of_side(SideRule(action=ALLOW)), DNSMASQ) == ["server=/#/#"]
    for expression, written in [
        (r"ads\.example$", ["local=/*ads.example/"]),
        (r"ads\.example", None),
        (r"a*\.example$", None),
        (r"^ads\.example$", None),
    ]:
        rule = SideRule(action=BLOCK, expression=expression)
        assert cases.lines(cases.of_side(rule), DNSMASQ) == written, expression


def test_an_address_would_leave_other_types_open() -> None:
    rule = SideRule(action=ANSWER, key=key("a.example"), answer=cases.answer(cases.A))
    assert len(list(losses(cases.of_side(rule), DNSMASQ))) == 1


def test_dnsmasq_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "dnsmasq.conf"
    content = cases.names(
        (BLOCK_BOTH, BLOCK_BELOW, ALLOW_BOTH, ALLOW_BELOW), [SideRule(action=BLOCK, expression=r"ads\.test$")]
    )
    file.write_text(cases.whole(content, DNSMASQ))
    cases.run("dnsmasq", ["--test", f"--conf-file={file}"])
