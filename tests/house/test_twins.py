"""The tests mirror the source: `resolver/x/y.py` is tested by `tests/unit/x/test_y.py`.

Whoever changes a file knows where its tests are, and whoever deletes one knows what else must go. A
file without a twin stands in the table with the reason and with what tests it instead.
"""

from __future__ import annotations

from pathlib import Path

from tests.house.tree import ROOT, modules

UNIT = ROOT / "tests" / "unit"

# Source files that need no twin, and why.
NO_TWIN = {
    "serving/batches.py": "held to one contract with its slow twin by test_datagrams.py",
    "serving/one_by_one.py": "held to one contract with its quick twin by test_datagrams.py",
    "serving/peers.py": "what both of them say, in test_datagrams.py",
}

# Test files that are no twin, and what they test.
NO_SOURCE = {
    "serving/test_attacks.py": "serving/pipeline.py as attackers meet it, and its listeners",
    "serving/test_forwarder_faults.py": "serving/forwarder.py, with upstreams that fail by the virtual clock",
    "serving/test_rulings.py": "serving/pipeline.py, where rules answer or are for some clients",
    "test_packaging.py": "pyproject.toml, Dockerfile, docker-compose.yml, the systemd unit",
}


def _twin(path: Path) -> Path:
    inside = path.relative_to(ROOT / "resolver")
    return inside.with_name(f"test_{inside.name}")


def test_every_source_file_has_its_test_file() -> None:
    sources = {str(m.path.relative_to(ROOT / "resolver")): _twin(m.path) for m in modules()}
    missing = {
        name: str(twin)
        for name, twin in sources.items()
        if not name.endswith("__init__.py") and name not in NO_TWIN and not (UNIT / twin).is_file()
    }
    assert not missing, "write the test file under tests/unit/, or give a reason in NO_TWIN"


def test_every_test_file_has_its_source_file() -> None:
    twins = {str(_twin(m.path)) for m in modules()}
    orphans = {str(p.relative_to(UNIT)) for p in UNIT.rglob("test_*.py")} - twins - set(NO_SOURCE)
    assert not orphans, "its source is gone or has another name"


def test_exemptions_are_still_needed() -> None:
    stale = {name for name in NO_TWIN if not (ROOT / "resolver" / name).is_file()}
    stale |= {name for name in NO_SOURCE if not (UNIT / name).is_file()}
    assert not stale
