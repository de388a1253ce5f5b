"""A whole server for each test, and an upstream that answers every name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.belisha import Belisha
from tests.support.behaviours import answer
from tests.support.upstream import ScriptedUpstream

UPSTREAM_ADDRESS = "192.0.2.80"
"""What the upstream says for every name."""


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """Answers every name with one address."""
    with ScriptedUpstream(default=answer(f"A {UPSTREAM_ADDRESS}")) as made:
        yield made


@pytest.fixture
def server(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[Belisha]:
    """Two workers, started for the first time, with a token."""
    with Belisha(tmp_path, upstream.url) as made:
        yield made
