"""Options that several verbs share, and where the settings file is.

This file must stay light: `belisha serve` imports it, and what it imports stays in the supervisor's
memory. Options that need the admin API stand in `access`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

DEFAULT_FILES: Final = (Path("belisha.toml"), Path("/etc/belisha/belisha.toml"))
"""Where the settings are looked for when nobody says where they are."""


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--config FILE`."""
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="BELISHA_CONFIG",
        metavar="FILE",
        help="The settings file. [default: belisha.toml here or in /etc/belisha, if there is one]",
    )(function)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, handed over as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the API's JSON, for programs.")(
        function
    )


def reason_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--reason TEXT`."""
    return click.option(
        "--reason", default="", metavar="TEXT", help="Why; kept with the change for whoever asks later."
    )(function)


def find_config(given: Path | None) -> Path | None:
    """The settings file: the one given, else the first of `DEFAULT_FILES` that exists, else None."""
    return given or next((path for path in DEFAULT_FILES if path.is_file()), None)
