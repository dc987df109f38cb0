"""Commands that show what happened: calls, callbacks, figures."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.base import Json, run, settings_of
from ivr.figures.by import By

group = typer.Typer()


@group.command()
def calls(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    turns: Annotated[bool, typer.Option(help="Show what was said, too.")] = False,
    as_json: Json = False,
) -> None:
    """List the latest calls."""
    from ivr import listing

    run(listing.calls(settings_of(context), limit=limit, turns=turns, as_json=as_json))


@group.command()
def missed(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days back.")] = 7,
    as_json: Json = False,
) -> None:
    """List who hung up while waiting for an operator, and what has become of them."""
    from ivr import listing

    run(listing.missed(settings_of(context), days=days, as_json=as_json))


@group.command()
def callbacks(
    context: typer.Context,
    done: Annotated[str | None, typer.Option(help="Mark this reference as done.")] = None,
    cancel: Annotated[str | None, typer.Option(help="Cancel this reference.")] = None,
    reschedule: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Move it, as callers say it: 2345 'jeudi vers 10 h'.", metavar="REF WHEN"
        ),
    ] = None,
    note: Annotated[str, typer.Option(help="Kept with --done or --cancel.")] = "",
    as_json: Json = False,
) -> None:
    """List the callbacks to be made and those of a week; close or move one."""
    from ivr import exchange
    from ivr.callbacks import listing

    settings = settings_of(context)
    orders = listing.Orders(done, cancel, reschedule, note)
    run(listing.run(settings, exchange.usable(settings), orders, as_json=as_json))


@group.command()
def messages(
    context: typer.Context,
    show: Annotated[int | None, typer.Option(help="All of this one.", metavar="ID")] = None,
    delete: Annotated[
        int | None, typer.Option(help="Delete its sound and its words.", metavar="ID")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List the spoken messages, the latest first; show or delete one."""
    from ivr import exchange
    from ivr.messages import listing

    settings = settings_of(context)
    orders = listing.Orders(show, delete, yes, limit)
    run(listing.run(settings, exchange.learn(settings), orders, as_json=as_json))


@group.command()
def figures(
    context: typer.Context,
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-11-02.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day; default: the first.")] = "",
    by: Annotated[
        By | None, typer.Option(help="Also a table with a line for each of these.")
    ] = None,
    rebuild: Annotated[bool, typer.Option(help="Count the kept days anew first.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print for a French spreadsheet.")] = False,
    as_json: Json = False,
) -> None:
    """How the telephone was answered, against the period before; yesterday by default."""
    from ivr import exchange
    from ivr.figures import commands

    settings = settings_of(context)
    form = "json" if as_json else "csv" if as_csv else "text"
    wanted = commands.Wanted(first, last, by, form, rebuild)
    run(commands.figures(settings.database_url, exchange.usable(settings), wanted))


@group.command("demo-data")
def demo_data(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=730, help="Days until today.")] = 365,
    calls: Annotated[int, typer.Option(min=1, max=5000, help="Calls a day on average.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed makes the same calls.")] = 1,
) -> None:
    """Fill a database of its own, var/demo.sqlite, with an invented year of calls."""
    from ivr import exchange
    from ivr.demo import commands
    from ivr.demo.year import Scale

    settings = settings_of(context)
    knowledge = exchange.learn(settings)
    run(commands.fill(settings, knowledge, Scale(days, calls, seed)))
