"""The ``ivr`` command: each part of the switchboard, alone or together."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ivr import settings as settings_module
from ivr.errors import IvrError
from ivr.figures.by import By
from ivr.settings import Settings

T = TypeVar("T")

app = typer.Typer(
    name="ivr",
    help="Allô Mairie : le standard téléphonique d'une mairie.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


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
    settings = settings_module.load()
    logging.basicConfig(
        level=settings.log.level,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    for name in ("alembic", "panoramisk"):
        logging.getLogger(name).setLevel(logging.WARNING)
    context.obj = settings


def _settings(context: typer.Context) -> Settings:
    settings = context.obj
    assert isinstance(settings, Settings)
    return settings


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; Ctrl-C and SIGTERM cancel it, so that it lets go of what it holds."""

    async def until_told_to_stop() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(until_told_to_stop())
    except asyncio.CancelledError:
        sys.exit(0)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


# --- the processes -----------------------------------------------------------------------------


@app.command()
def start(context: typer.Context) -> None:
    """Run Redis, Asterisk and the switchboard in the foreground until Ctrl-C."""
    from ivr import startup

    startup.start(_settings(context))


@app.command()
def redis(context: typer.Context) -> None:
    """Run our Redis alone, for systemd."""
    from ivr import startup

    startup.redis(_settings(context))


@app.command()
def asterisk(
    context: typer.Context,
    which: Annotated[bool, typer.Option(help="Only say which Asterisk would run.")] = False,
) -> None:
    """Run our Asterisk alone, for systemd, with the configuration rendered last."""
    from ivr import startup

    if which:
        print(startup.asterisk_found(_settings(context)))
    else:
        startup.asterisk(_settings(context))


@app.command()
def serve(context: typer.Context) -> None:
    """Answer calls until told to stop."""
    from ivr import app as application

    _run(application.serve(_settings(context)))


@app.command()
def worker(context: typer.Context) -> None:
    """Make the callbacks that are due until told to stop."""
    from ivr.callbacks import worker as callbacks_worker

    callbacks_worker.work(_settings(context))


@app.command()
def console(
    context: typer.Context,
    demo: Annotated[bool, typer.Option(help="Show the invented year of ivr demo-data.")] = False,
) -> None:
    """Serve the web pages of admins and operators until told to stop."""
    from ivr.console import process

    settings = _settings(context)
    if demo:
        from ivr.demo.commands import demo_settings

        settings = demo_settings(settings)
    _run(process.serve(settings, demonstration=demo))


@app.command()
def account(
    context: typer.Context,
    login: str,
    name: Annotated[str, typer.Option(help="As others read it; default: the login.")] = "",
    admin: Annotated[bool, typer.Option(help="May see and change everything.")] = False,
    extension: Annotated[str | None, typer.Option(help="The operator's telephone.")] = None,
) -> None:
    """Add an account of the console; the password is asked for, or chosen by a link."""
    from ivr.console import process

    role = "admin" if admin else "operator"
    print(_run(process.add_account(_settings(context), login, name or login, role, extension)))


@app.command()
def render(context: typer.Context) -> None:
    """Write Asterisk's configuration from the settings and the knowledge."""
    from ivr import exchange

    print(exchange.render_asterisk(_settings(context)))


@app.command()
def rehearse(
    context: typer.Context,
    prompts: Annotated[bool, typer.Option(help="Only what every call needs.")] = False,
    watch: Annotated[bool, typer.Option(help="Go on when the knowledge changes.")] = False,
) -> None:
    """Speak ahead all that can be said, so that no caller waits for a synthesiser."""
    from ivr import app as application

    _run(application.rehearse(_settings(context), prompts_only=prompts, watch=watch))


@app.command()
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
        _settings(context).paths.models,
        names=names or (),
        tests=tests,
        offline=offline,
        full=not quick,
        progress=bars,
    )
    bars.close()
    if as_json:
        _print_json([status.as_dict() for status in statuses])
        return
    for status in statuses:
        size = f"{status.model.size / 1e6:.0f} MB"
        print(f"{status.model.name:<15} {status.state:<8} {size:>7}  {status.detail}")
        print(f"{'':<15} {status.model.purpose} ({status.model.licence})")


# --- knowledge ---------------------------------------------------------------------------------


@app.command()
def check(
    context: typer.Context,
    advice: Annotated[
        bool, typer.Option(help="Say also what is no fault and would help callers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Validate the settings and everything under knowledge/ and voices/."""
    from ivr import app as application

    settings = _settings(context)
    faults = application.check(settings)
    if advice and not faults:
        told = application.advice(settings)
        _print_json([asdict(one) for one in told]) if as_json else print(*told, sep="\n")
        return
    if as_json:
        _print_json([asdict(fault) for fault in faults])
    else:
        for fault in faults:
            print(fault)
        if not faults:
            print("Tout est en ordre.")
    sys.exit(1 if faults else 0)


@app.command()
def match(
    context: typer.Context,
    text: str,
    explain: Annotated[bool, typer.Option(help="Show what each part contributed.")] = False,
    as_json: Json = False,
) -> None:
    """Say which entry an utterance would be matched with, and how surely."""
    from ivr import app as application
    from ivr.knowledge.load import load

    settings = _settings(context)
    found = application.matcher(load(settings.paths.knowledge), settings).match(text)
    runner_up = found.runner_up
    result: dict[str, object] = {
        "entry": found.entry,
        "score": round(found.score, 4),
        "runner_up": runner_up.entry if runner_up else None,
        "decision": found.decision,
    }
    if explain:
        result["candidates"] = {c.entry: round(c.score, 4) for c in found.candidates}
        result["explain"] = found.explain
    if as_json:
        _print_json(result)
    else:
        for name, value in result.items():
            print(f"{name}: {value}")


@app.command()
def evaluate(
    context: typer.Context,
    file: Path,
    audio: Annotated[bool, typer.Option(help="Spoken, over a telephone line.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="With --audio: the HTML page to write.")
    ] = None,
    voices: Annotated[
        str, typer.Option(help="With --audio: Kokoro's speakers, with commas between them.")
    ] = "ff_siwis,ef_dora,em_alex,if_sara,im_nicola",
    noise: Annotated[
        float, typer.Option(min=0, max=60, help="With --audio: voice above the noise, in dB.")
    ] = 20,
    limit: Annotated[int | None, typer.Option(min=1, help="So many lines, taken evenly.")] = None,
    as_json: Json = False,
) -> None:
    """Match utterances with known answers; FILE is YAML, a list of {text, expect}."""
    from ivr import app as application
    from ivr import exchange
    from ivr.evaluation import commands

    settings = _settings(context)
    knowledge = exchange.learn(settings)
    matcher = application.matcher(knowledge, settings)
    speakers = [one.strip() for one in voices.split(",")]
    wanted = commands.Wanted(file, limit, audio, report, speakers, noise)
    _run(commands.run(settings, knowledge, matcher, wanted, as_json=as_json))


@app.command()
def simulate(
    context: typer.Context,
    script: Annotated[
        Path | None, typer.Argument(help="A conversation with its expected outcome.")
    ] = None,
) -> None:
    """Hold a conversation in text: typed, or from a script; exit 1 if it went otherwise.

    Typed: words are said, [12] are keys, an empty line is silence, Ctrl-D hangs up.
    """
    from ivr import app as application

    settings = _settings(context)
    good = _run(application.play(settings, script) if script else application.converse(settings))
    sys.exit(0 if good else 1)


@app.command()
def suggest(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Calls of so many days.")] = 30,
    accept: Annotated[str | None, typer.Option(help="Add this group's examples.")] = None,
    entry: Annotated[str | None, typer.Option(help="Add them to this entry.")] = None,
    without: Annotated[list[int] | None, typer.Option(help="Leave this number out.")] = None,
    dismiss: Annotated[str | None, typer.Option(help="Never show this group again.")] = None,
    as_json: Json = False,
) -> None:
    """Group what callers said and was not understood, and add it to the FAQ as examples."""
    from ivr import app as application
    from ivr import exchange
    from ivr.learning import commands

    settings = _settings(context)
    wanted = commands.Wanted(days, accept, dismiss, entry, without or ())
    knowledge = exchange.learn(settings)
    matcher = application.matcher(knowledge, settings)
    database = settings.database_url
    _run(commands.suggest(database, knowledge, matcher, wanted, as_json=as_json))


@app.command()
def schema(context: typer.Context, folder: Path) -> None:
    """Write the JSON Schemas of the knowledge files, for editors, into FOLDER."""
    from ivr.knowledge.schema import write

    for path in write(folder):
        print(path)


# --- speech ------------------------------------------------------------------------------------


@app.command()
def say(
    context: typer.Context,
    text: str,
    output: Annotated[Path, typer.Option("-o", "--output", help="WAV file to write.")],
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
) -> None:
    """Speak a text into a WAV file, with the configured voice."""
    from ivr.speech.voices import say_to_file

    _run(say_to_file(_settings(context), text, output, language=language))


@app.command()
def hear(context: typer.Context, file: Path, as_json: Json = False) -> None:
    """Transcribe a WAV file, with the configured recogniser."""
    from ivr.speech.engines import hear_file

    heard = _run(hear_file(_settings(context), file))
    if as_json:
        _print_json(asdict(heard))
    else:
        print(heard.text)


@app.command()
def call(
    context: typer.Context,
    say: Annotated[list[str], typer.Option("--say", help="What to say; may be repeated.")],
    as_json: Json = False,
) -> None:
    """Place a real call to the running switchboard through the trunk, and print what was said."""
    from ivr import app as application

    conversation = _run(application.place_call(_settings(context), say))
    if as_json:
        _print_json(asdict(conversation))
    else:
        print(conversation)
    sys.exit(0 if conversation.answered else 1)


# --- the call log ------------------------------------------------------------------------------


@app.command()
def calls(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    turns: Annotated[bool, typer.Option(help="Show what was said, too.")] = False,
    as_json: Json = False,
) -> None:
    """List the latest calls."""
    from ivr import listing

    _run(listing.calls(_settings(context), limit=limit, turns=turns, as_json=as_json))


@app.command()
def missed(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days back.")] = 7,
    as_json: Json = False,
) -> None:
    """List who hung up while waiting for an operator, and what has become of them."""
    from ivr import listing

    _run(listing.missed(_settings(context), days=days, as_json=as_json))


@app.command()
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

    settings = _settings(context)
    orders = listing.Orders(done, cancel, reschedule, note)
    _run(listing.run(settings, exchange.learn(settings), orders, as_json=as_json))


@app.command()
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

    settings = _settings(context)
    form = "json" if as_json else "csv" if as_csv else "text"
    wanted = commands.Wanted(first, last, by, form, rebuild)
    _run(commands.figures(settings.database_url, exchange.learn(settings), wanted))


@app.command("demo-data")
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

    settings = _settings(context)
    knowledge = exchange.learn(settings)
    _run(commands.fill(settings, knowledge, Scale(days, calls, seed)))


# --- people's data -----------------------------------------------------------------------------


@app.command()
def purge(context: typer.Context, as_json: Json = False) -> None:
    """Remove now what has been kept long enough; the switchboard does so each night."""
    from ivr.retention import commands

    _run(commands.purge(_settings(context), as_json=as_json))


@app.command()
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

    settings = _settings(context)
    zone = exchange.learn(settings).hours.zone
    _run(commands.export(settings, number, output, zone, as_json=as_json))


@app.command()
def forget(
    context: typer.Context,
    number: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase all that tells of the person behind NUMBER, and cancel their callbacks."""
    from ivr.retention import commands

    _run(commands.forget(_settings(context), number, yes=yes))
