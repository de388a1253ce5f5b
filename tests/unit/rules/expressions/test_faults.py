"""Faults of expressions: the sentences of the table, with the column before them."""

from __future__ import annotations

import pytest

from resolver.dns.names import Fault
from resolver.rules.codes import LINE_CODES
from resolver.rules.expressions.faults import Refused, fault

CODES = [code for code in LINE_CODES if code.startswith("regex-")]


@pytest.mark.parametrize("code", CODES)
def test_fault_says_where(code: str) -> None:
    assert fault(code) == Fault(code, LINE_CODES[code])
    assert fault(code, 7) == Fault(code, f"Column 7: {LINE_CODES[code]}")
    assert Refused(code, 7).fault == fault(code, 7)
