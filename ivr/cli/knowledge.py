"""Commands that check, try and improve what the switchboard knows."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.base import Json, print_json, run, settings_of

group = typer.Typer()


@group.command()
def check(
    context: typer.Context,
    advice: Annotated[
        bool, typer.Option(help="Say also what is no fault and would help callers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Validate the settings and everything under knowledge/ and voices/."""
    from ivr import app as application

    settings = settings_of(context)
    faults = application.check(settings)
    if advice and not faults:
        told = application.advice(settings)
        print_json([asdict(one) for one in told]) if as_json else print(*told, sep="\n")
        return
    if as_json:
        print_json([asdict(fault) for fault in faults])
    else:
        for fault in faults:
            print(fault)
        if not faults:
            print("Tout est en ordre.")
    sys.exit(1 if faults else 0)


@group.command()
def match(
    context: typer.Context,
    text: str,
    explain: Annotated[bool, typer.Option(help="Show what each part contributed.")] = False,
    as_json: Json = False,
) -> None:
    """Say which entry an utterance would be matched with, and how surely."""
    from ivr import app as application
    from ivr.knowledge.load import load

    settings = settings_of(context)
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
        print_json(result)
    else:
        for name, value in result.items():
            print(f"{name}: {value}")


@group.command()
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
    """Match utterances with known answers; FILE is YAML, a list of {text, expect}.

    style: how it is said, to be reported apart. expecting: what had been asked (yes-no, choice,
    digits, rating): with --audio it is heard as an answer to that.
    """
    from ivr import app as application
    from ivr import exchange
    from ivr.evaluation import commands

    settings = settings_of(context)
    knowledge = exchange.learn(settings)
    matcher = application.matcher(knowledge, settings)
    speakers = [one.strip() for one in voices.split(",")]
    wanted = commands.Wanted(file, limit, audio, report, speakers, noise)
    run(commands.run(settings, knowledge, matcher, wanted, as_json=as_json))


@group.command()
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

    settings = settings_of(context)
    good = run(application.play(settings, script) if script else application.converse(settings))
    sys.exit(0 if good else 1)


@group.command()
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

    settings = settings_of(context)
    wanted = commands.Wanted(days, accept, dismiss, entry, without or ())
    knowledge = exchange.learn(settings)
    matcher = application.matcher(knowledge, settings)
    database = settings.database_url
    run(commands.suggest(database, knowledge, matcher, wanted, as_json=as_json))


@group.command()
def schema(context: typer.Context, folder: Path) -> None:
    """Write the JSON Schemas of the knowledge files, for editors, into FOLDER."""
    from ivr.knowledge.schema import write

    for path in write(folder):
        print(path)
