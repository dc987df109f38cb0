"""What the commands share."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from ivr.settings import Settings

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def settings_of(context: typer.Context) -> Settings:
    """The settings that the command was started with."""
    settings = context.obj
    assert isinstance(settings, Settings)
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
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


def print_json(value: object) -> None:
    """Print a value as a JSON document."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
