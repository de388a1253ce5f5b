"""The bar: drawn for somebody who watches, and for nobody else."""

from __future__ import annotations

import io
import sys

import pytest

from resolver.cli.bar import bar


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_is_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    with bar(2000) as advance:
        advance(1500, "reading")
        advance(2000, "sorting")
    assert "sorting" in shown.getvalue()


@pytest.mark.parametrize(("terminal", "quiet"), [(True, True), (False, False)])
def test_nobody_watches(monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet: bool) -> None:
    shown = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with bar(2000, quiet=quiet) as advance:
        advance(2000, "reading")
    assert shown.getvalue() == ""
