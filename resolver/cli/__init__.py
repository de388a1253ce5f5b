"""The `belisha` command: one file for each verb, loaded when that verb is called.

    serve           run Belisha here                         (this machine: settings and data folder)
    check-config    is the settings file right?
    check           is this list right?                      (files; nothing is asked or changed)
    convert         the same list in another notation
    token           who may change what
    push            put a list in force                      (the admin API, from anywhere)
    lists           what is in force
    records         names of our own
    explain         why is a name blocked?
    generations     what was in force
    rollback        back to what was in force before
    flush           ask upstreams again
    healthcheck     is everything up?                        (both)
    version

The table below is all that `belisha --help` needs; nothing heavy is imported for it. Whatever a verb
raises on purpose is shown as one sentence on standard error: exit code 2 when whoever wrote the
settings or the command line can correct it, else 1. A traceback is a mistake of ours.
"""

from __future__ import annotations

import importlib
from typing import IO, Any, Final, NamedTuple

import click

from resolver.errors import BelishaError, RequestError, SettingsError


class Verb(NamedTuple):
    """Where a verb is defined, and its line in `belisha --help`."""

    module: str
    attribute: str
    help: str


VERBS: Final = {
    "serve": Verb("serve", "serve", "Run Belisha in the foreground."),
    "check-config": Verb("check_config", "check_config", "Check the settings without starting anything."),
    "check": Verb("check", "check", "Say what Belisha would make of lists, line by line."),
    "convert": Verb("convert", "convert", "Write a list in another notation."),
    "token": Verb("token", "token", "Make, show and revoke access tokens."),
    "push": Verb("push", "push", "Put a list in force, replacing its content."),
    "lists": Verb("lists", "lists", "Show the lists in force."),
    "records": Verb("records", "records", "Show and replace the records of names of our own."),
    "explain": Verb("explain", "explain", "Say whether a name is blocked, and why."),
    "generations": Verb("generations", "generations", "Show what was in force, and who changed it."),
    "rollback": Verb("rollback", "rollback", "Put an earlier generation back in force."),
    "flush": Verb("flush", "flush", "Forget what upstreams said, so that they are asked again."),
    "healthcheck": Verb("healthcheck", "healthcheck", "Ask the running server whether it is well."),
    "version": Verb("version", "version", "Show the version."),
}


class Sentence(click.ClickException):
    """An error as people read it: one plain sentence, and what belongs to it, on standard error."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        click.echo(f"belisha: {self.message}", file=file, err=file is None)


class Correctable(Sentence):
    """One that whoever wrote the settings or the command line can put right: exit code 2, as for usage."""

    exit_code = 2


class CommandLine(click.Group):
    """A group whose verbs are loaded when they are named, and whose errors are sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of the table: what one needs first comes first."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one verb; None when there is none of that name."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        loaded = getattr(importlib.import_module(f"resolver.cli.{verb.module}"), verb.attribute)
        return loaded if isinstance(loaded, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of verbs, without loading any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; what it raises on purpose becomes a sentence."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise Correctable(str(error)) from error
        except RequestError as error:
            # Imported here: only the verbs that talk to the API need it, and it is not for --help.
            from resolver.cli.output import problem_text  # noqa: PLC0415

            raise Sentence(problem_text(error)) from error
        except BelishaError as error:
            raise Sentence(str(error)) from error


@click.command(
    cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
def main() -> None:
    """Belisha, a DNS resolver that keeps children safe, at home and at school.

    \b
    A first start, and a first list:
      belisha serve --config belisha.toml
      belisha push mylist mylist.txt --reason "first try"
      belisha explain www.example.com
    """
