"""Commands for people's rights over what is held of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.base import Json, run, settings_of

group = typer.Typer()


@group.command()
def purge(context: typer.Context, as_json: Json = False) -> None:
    """Remove now what has been kept long enough; the switchboard does so each night."""
    from ivr.retention import commands

    run(commands.purge(settings_of(context), as_json=as_json))


@group.command()
def export(
    context: typer.Context,
    number: str,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder to make; default: named by day.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write all that is held of the person behind NUMBER: JSON, a page in French, messages."""
    from ivr import exchange
    from ivr.retention import commands

    settings = settings_of(context)
    zone = exchange.usable(settings).hours.zone
    run(commands.export(settings, number, output, zone, as_json=as_json))


@group.command()
def forget(
    context: typer.Context,
    number: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase all that tells of the person behind NUMBER, and cancel their callbacks."""
    from ivr.retention import commands

    run(commands.forget(settings_of(context), number, yes=yes))
