"""Where the data that ships with Belisha lies: `lists/` of a checkout, `shipped_lists` of a wheel.

A wheel holds the folder inside the package (see the force-include in pyproject.toml); an editable
install or a checkout runs from the sources, where it stands beside the package. A leaf.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from resolver.errors import SettingsError

_PACKAGE: Final = Path(__file__).resolve().parent


def lists_folder(package: Path = _PACKAGE) -> Path:
    """The folder of the shipped lists; `package` is where `resolver` lies.

    Raises SettingsError when neither place exists: the installation is broken, and starting
    without the lists would silently block nothing.
    """
    for folder in (package / "shipped_lists", package.parent / "lists"):
        if folder.is_dir():
            return folder
    raise SettingsError(
        f"the shipped lists are missing beside {package}; install Belisha again, or set lists_dir"
    )
