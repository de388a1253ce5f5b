"""Where the admin API is and who asks: options of every verb that talks to it.

The place is, in this order: `--url`, BELISHA_URL, the `admin.listen` of the settings file, its
default. The token comes from `--token-file` or BELISHA_TOKEN, never from an option: what stands on a
command line is seen by every user of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from resolver import settings as settings_file
from resolver.cli.client import Client
from resolver.cli.options import config_option, find_config
from resolver.errors import SettingsError
from resolver.upstreams import parse_endpoint

_MAX_TOKEN_FILE: Final = 4096


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, `--token-file` and `--config`, handed to the verb as one `client`."""

    @config_option
    @click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                  help="A file that holds the token. [default: the variable BELISHA_TOKEN]")  # fmt: skip
    @click.option("--url", envvar="BELISHA_URL", metavar="URL",
                  help="Where the admin API is. [default: what the settings file says]")  # fmt: skip
    def wrapped(url: str | None, token_file: Path | None, config: Path | None, **rest: Any) -> Any:
        return function(client=Client(find_url(url, config), find_token(token_file)), **rest)

    # By hand, not by functools.wraps: that would also copy the signature, which has changed.
    wrapped.__doc__ = function.__doc__
    wrapped.__name__ = function.__name__
    # click keeps the options of decorators that stand below this one here.
    wrapped.__click_params__ = [  # type: ignore[attr-defined]
        *getattr(function, "__click_params__", []),
        *getattr(wrapped, "__click_params__", []),
    ]
    return wrapped


def find_url(given: str | None, config: Path | None) -> str:
    """Where the admin API is. Raises SettingsError when only the settings could tell and they are wrong."""
    if given:
        return given
    endpoint = parse_endpoint(settings_file.load(find_config(config)).admin.listen)
    if endpoint.port == 0:
        raise SettingsError("admin.listen has port 0, so nobody knows where the API is; name it with --url")
    return f"http://{endpoint.reachable()}"


def find_token(path: Path | None) -> str | None:
    """The token, or None: then the server will say that it needs one. Raises SettingsError."""
    if path is None:
        return os.environ.get("BELISHA_TOKEN", "").strip() or None
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_TOKEN_FILE).decode("ascii").strip()
    except OSError as error:
        raise SettingsError(f"--token-file: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"--token-file: {path} holds no token") from None
    if not text:
        raise SettingsError(f"--token-file: {path} is empty")
    return text
