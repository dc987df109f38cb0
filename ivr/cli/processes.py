"""Commands that run the switchboard's processes, and prepare what they need."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.base import Json, print_json, run, settings_of

group = typer.Typer()


@group.command()
def start(context: typer.Context) -> None:
    """Run Redis, Asterisk and the switchboard in the foreground until Ctrl-C."""
    from ivr import startup

    startup.start(settings_of(context))


@group.command()
def redis(context: typer.Context) -> None:
    """Run our Redis alone, for systemd."""
    from ivr import startup

    startup.redis(settings_of(context))


@group.command()
def asterisk(
    context: typer.Context,
    which: Annotated[bool, typer.Option(help="Only say which Asterisk would run.")] = False,
) -> None:
    """Run our Asterisk alone, for systemd, with the configuration rendered last."""
    from ivr import startup

    if which:
        print(startup.asterisk_found(settings_of(context)))
    else:
        startup.asterisk(settings_of(context))


@group.command()
def serve(context: typer.Context) -> None:
    """Answer calls until told to stop."""
    from ivr import app as application

    run(application.serve(settings_of(context)))


@group.command()
def worker(context: typer.Context) -> None:
    """Make the callbacks that are due until told to stop."""
    from ivr.callbacks import worker as callbacks_worker

    callbacks_worker.work(settings_of(context))


@group.command()
def console(
    context: typer.Context,
    demo: Annotated[bool, typer.Option(help="Show the invented year of ivr demo-data.")] = False,
) -> None:
    """Serve the web pages of admins and operators until told to stop."""
    from ivr.console import process

    settings = settings_of(context)
    if demo:
        from ivr.demo.commands import demo_settings

        settings = demo_settings(settings)
    run(process.serve(settings, demonstration=demo))


@group.command()
def account(
    context: typer.Context,
    login: str,
    name: Annotated[str, typer.Option(help="As others read it; default: the login.")] = "",
    admin: Annotated[bool, typer.Option(help="May see and change everything.")] = False,
    extension: Annotated[str | None, typer.Option(help="The operator's telephone.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Of one that exists: a new link.")] = False,
) -> None:
    """Add an account of the console; the password is asked for, or chosen by a link."""
    from ivr.console import process

    if reset:
        print(run(process.reset_password(settings_of(context), login)))
        return
    role = "admin" if admin else "operator"
    print(run(process.add_account(settings_of(context), login, name or login, role, extension)))


@group.command()
def render(
    context: typer.Context,
    reload: Annotated[bool, typer.Option(help="Have a running Asterisk take it up.")] = False,
) -> None:
    """Write Asterisk's configuration from the settings and the knowledge."""
    from ivr import exchange

    settings = settings_of(context)
    if not reload:
        print(exchange.render_asterisk(settings))
    elif run(exchange.renew(settings)):
        print("Asterisk has taken up telephones, queues and dialplan")
    else:
        print("no Asterisk runs here; the next one to start reads what was written")


@group.command()
def rehearse(
    context: typer.Context,
    prompts: Annotated[bool, typer.Option(help="Only what every call needs.")] = False,
    watch: Annotated[bool, typer.Option(help="Go on when the knowledge changes.")] = False,
) -> None:
    """Speak ahead all that can be said, so that no caller waits for a synthesiser."""
    from ivr import app as application

    run(application.rehearse(settings_of(context), prompts_only=prompts, watch=watch))


@group.command()
def models(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Default: all that are needed.")] = None,
    offline: Annotated[Path | None, typer.Option(help="Take them from this folder.")] = None,
    tests: Annotated[bool, typer.Option(help="With those that the tests need.")] = False,
    quick: Annotated[bool, typer.Option(help="Look at sizes alone, not at checksums.")] = False,
    as_json: Json = False,
) -> None:
    """Say which speech models are present, verify them, and fetch what is missing."""
    from ivr import models as models_module
    from ivr.progress import Bars

    bars = Bars(sys.stderr)
    statuses = models_module.ensure(
        settings_of(context).paths.models,
        names=names or (),
        tests=tests,
        offline=offline,
        full=not quick,
        progress=bars,
    )
    bars.close()
    if as_json:
        print_json([status.as_dict() for status in statuses])
        return
    for status in statuses:
        size = f"{status.model.size / 1e6:.0f} MB"
        print(f"{status.model.name:<15} {status.state:<8} {size:>7}  {status.detail}")
        print(f"{'':<15} {status.model.purpose} ({status.model.licence})")
