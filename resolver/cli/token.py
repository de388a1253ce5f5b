"""`belisha token`: who may call the admin API. Works on the data folder, also before the first start.

A token is printed once, alone, so that `TOKEN=$(belisha token create ...)` works. Only its hash is
kept. Whoever may write to the data folder may make tokens; that is the root of all trust here.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from resolver import settings as settings_file
from resolver.admin import tokens
from resolver.cli import output
from resolver.cli.options import config_option, find_config, json_option
from resolver.errors import RequestError
from resolver.supervisor import folder, privileges

_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_PERIOD: Final = re.compile(r"([1-9][0-9]{0,5})([mhdwy])")


class Period(click.ParamType[int]):
    """`90d` → seconds."""

    name = "period"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or fail with what would be right."""
        found = _PERIOD.fullmatch(str(value))
        if not found:
            self.fail(f"`{value}` is not a period such as 12h, 90d or 1y", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.group()
def token() -> None:
    """Make, show and revoke access tokens.

    Run it on the machine that Belisha runs on, as the account that owns the data folder, or as root.
    It works before the first start too, and a running Belisha obeys at once.
    """


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="admin, read, lists:push:LIST or lists:push:*; may be repeated.",
)
@click.option("--expires", type=Period(), metavar="PERIOD", help="12h, 90d, 1y ... [default: never]")
@config_option
def create(name: str, scopes: tuple[str, ...], expires: int | None, config: Path | None) -> None:
    """Make a token and print it.

    It is printed this once, alone on one line; nobody can read it again. Give every person and every
    job a token of its own, with the smallest scope that does.

    \b
    Examples:
      belisha token create anna --scope admin
      belisha token create nightly --scope lists:push:adult --expires 90d
    """
    with _tokens(config) as kept:
        made = kept.create(name, scopes, None if expires is None else time.time() + expires)
    click.echo(made)


@token.command("list")
@json_option
@config_option
def show(as_json: bool, config: Path | None) -> None:
    """Show the tokens: name, scopes, when made, when they end.

    The tokens themselves are not shown; nobody knows them.
    """
    with _tokens(config) as kept:
        rows = kept.list()
    if as_json:
        output.show_json([_row(one) for one in rows])
        return
    if not rows:
        click.echo("There is no token yet. `belisha token create NAME --scope admin` makes one.")
        return
    now = time.time()
    output.table(
        ("name", "scopes", "made", "ends"),
        [(r.name, " ".join(r.scopes), _time(r.created), _end(r.expires, now)) for r in rows],
    )


@token.command()
@click.argument("name")
@config_option
def revoke(name: str, config: Path | None) -> None:
    """Revoke a token, at once.

    \b
    Example:
      belisha token revoke nightly
    """
    with _tokens(config) as kept:
        if not kept.revoke(name):
            raise RequestError(
                404, "token-unknown", "Nothing revoked", f"there is no token `{output.plain(name)}`"
            )
    click.echo(f"{output.plain(name)} is revoked.")


@contextlib.contextmanager
def _tokens(config: Path | None) -> Iterator[tokens.Tokens]:
    """The file of tokens, its folder made if need be. Raises SettingsError, StoreError."""
    settings = settings_file.load(find_config(config))
    data = Path(settings.data_dir)
    fresh = not data.exists()
    folder.make_data_folder(data)
    account = privileges.find_account(settings.user) if fresh else None
    if account:
        folder.give_to(data, account)  # what is made in it belongs to its owner
    kept = tokens.Tokens(data / tokens.FILE)
    try:
        yield kept
    finally:
        kept.close()


# Times are shown and given out in UTC as RFC 3339 writes them, like everywhere else in Belisha.


def _row(one: tokens.TokenRow) -> dict[str, object]:
    return {
        "name": one.name,
        "scopes": one.scopes,
        "created": _time(one.created),
        "expires": _time(one.expires),
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _end(seconds: float | None, now: float) -> str:
    if seconds is None:
        return "never"
    return f"{_time(seconds)}{' (over)' if seconds <= now else ''}"
