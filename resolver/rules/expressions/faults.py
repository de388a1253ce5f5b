"""What can be wrong with an expression, said as a fault: code, column, sentence.

Inside the reading of one expression a fault ends everything, so it is raised there (`Refused`) and becomes
a value at the door. Nothing outside this package sees the exception.
"""

from __future__ import annotations

from resolver.dns.names import Fault
from resolver.rules.codes import LINE_CODES


def fault(code: str, column: int = 0) -> Fault:
    """The fault of a code of `LINE_CODES`, at this column (counted from 1; 0: the whole)."""
    sentence = LINE_CODES[code]
    return Fault(code, f"Column {column}: {sentence}" if column else sentence)


class Refused(Exception):
    """The expression cannot be used; `fault` says why. Caught by the functions that promise a Fault."""

    def __init__(self, code: str, column: int = 0) -> None:
        super().__init__(code)
        self.fault = fault(code, column)
