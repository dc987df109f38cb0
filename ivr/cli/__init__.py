"""The ``ivr`` command: each part of the switchboard, alone or together."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ivr import settings_file
from ivr.cli import calllog, knowledge, people, processes, speech
from ivr.errors import IvrError

app = typer.Typer(
    name="ivr",
    help="Allô Mairie : le standard téléphonique d'une mairie.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for group in (processes.group, knowledge.group, speech.group, calllog.group, people.group):
    app.add_typer(group)


def main() -> None:
    """Run the command; what goes wrong is told in a line, not in a stack trace."""
    try:
        app()
    except IvrError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has gone: `ivr calls | head`
        sys.stderr.close()
        sys.exit(141)


@app.callback()
def _common(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Settings file; default: IVR_CONFIG, else ivr.toml.")
    ] = None,
) -> None:
    if config:
        os.environ["IVR_CONFIG"] = str(config.absolute())  # for the processes that we start
    settings = settings_file.load()
    logging.basicConfig(
        level=settings.log.level,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    for name in ("alembic", "panoramisk"):
        logging.getLogger(name).setLevel(logging.WARNING)
    context.obj = settings
