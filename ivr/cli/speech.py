"""Commands that speak, listen and call."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.base import Json, print_json, run, settings_of

group = typer.Typer()


@group.command()
def say(
    context: typer.Context,
    text: str,
    output: Annotated[Path, typer.Option("-o", "--output", help="WAV file to write.")],
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
) -> None:
    """Speak a text into a WAV file, with the configured voice."""
    from ivr.speech.voices import say_to_file

    run(say_to_file(settings_of(context), text, output, language=language))


@group.command()
def hear(context: typer.Context, file: Path, as_json: Json = False) -> None:
    """Transcribe a WAV file, with the configured recogniser."""
    from ivr.speech.engines import hear_file

    heard = run(hear_file(settings_of(context), file))
    if as_json:
        print_json(asdict(heard))
    else:
        print(heard.text)


@group.command()
def call(
    context: typer.Context,
    say: Annotated[list[str], typer.Option("--say", help="What to say; may be repeated.")],
    as_json: Json = False,
) -> None:
    """Place a real call to the running switchboard through the trunk, and print what was said."""
    from ivr import app as application

    conversation = run(application.place_call(settings_of(context), say))
    if as_json:
        print_json(asdict(conversation))
    else:
        print(conversation)
    sys.exit(0 if conversation.answered else 1)
