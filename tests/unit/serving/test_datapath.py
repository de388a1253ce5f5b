"""Which datapath serves: the one in Python is always there, and nothing else is promised."""

from __future__ import annotations

import pytest

from resolver.errors import SettingsError
from resolver.serving.datapath import choose


@pytest.mark.parametrize("setting", ["auto", "asyncio"])
def test_the_python_datapath_is_always_there(setting: str) -> None:
    assert choose(setting) == "asyncio"


def test_one_that_is_missing_is_refused_with_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"dns\.datapath: .*use \"auto\" or \"asyncio\""):
        choose("native")
